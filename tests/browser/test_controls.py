"""Each control of an organiser is pressed, on a phone and at a desk, and does what it says."""

import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from app.organisers.factors import STEP_SECONDS, code_at
from tests.browser.conftest import PHONE, WAIT_MS
from tests.browser.test_organisers import DESKTOP, confirm, sign_in
from tests.stack.admin.people import new_admin
from tests.world.buyers import OpenSale, make_event, pay, refused, until_status
from tests.world.processes import pressed
from tests.world.stack import Stack
from tests.world.waiting import until


@pytest.fixture(params=[PHONE, pytest.param(DESKTOP, marks=pytest.mark.slow)], ids=["phone", "desktop"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    window: ViewportSize = request.param
    context = browser.new_context(viewport=window, reduced_motion="reduce")
    context.set_default_timeout(WAIT_MS)
    yield context.new_page()
    context.close()


@pytest.fixture
def sale(stack: Stack) -> Iterator[OpenSale]:
    with ExitStack() as closing:
        yield OpenSale(stack, make_event(stack.env), closing)


def test_a_sale_is_paused_with_words_opened_closed_and_opened_again(
    page: Page, stack: Stack, sale: OpenSale
) -> None:
    sign_in(page, stack, f"/admin/events/{sale.sale.slug}")
    state = page.get_by_test_id("sale")

    def control(name: str) -> Locator:
        return page.locator(f"[data-control={name}]")

    control("paused").click()
    page.fill("#notice", "We go on at nine")
    page.get_by_test_id("confirm-pause").click()
    expect(state).to_have_text("Paused")
    expect(page.get_by_text("We go on at nine").first).to_be_visible()
    expect(control("open")).to_have_text("Open again")
    control("open").click()
    confirm(page)
    expect(state).to_have_text("On sale")
    control("closed").click()
    expect(page.get_by_role("dialog")).to_contain_text("You can open it again")
    confirm(page)
    expect(state).to_have_text("Closed")
    expect(control("closed")).to_be_hidden()
    control("open").click()
    expect(page.get_by_role("dialog")).to_contain_text("It goes on where it was closed")
    confirm(page)
    expect(state).to_have_text("On sale")


def test_an_event_is_called_off_once_its_name_is_typed_and_the_page_follows_the_refunds(
    page: Page, stack: Stack, sale: OpenSale
) -> None:
    buyer = sale.buyer()
    order_id = buyer.order(2)
    pay(buyer.client, order_id)
    until_status(buyer.client, order_id, "CONFIRMED")
    sign_in(page, stack, f"/admin/events/{sale.sale.slug}/settings")
    page.get_by_test_id("calling-off").click()
    form = page.get_by_test_id("call-off")
    for typed in ("", uuid.uuid4().hex):
        page.fill("#typed", typed)
        form.get_by_role("button").click()
        assert page.evaluate("document.querySelector('#typed:invalid') === document.activeElement")
    page.fill("#reason", "The hall is flooded")
    page.fill("#typed", sale.sale.slug)
    form.get_by_role("button").click()
    expect(page.get_by_role("heading", name="The event is called off")).to_be_visible()
    expect(page.get_by_test_id("refunds-done")).to_have_text("1")
    page.goto(f"{stack.web}/admin/events/{sale.sale.slug}")
    expect(page.get_by_test_id("sale")).to_have_text("Closed")
    expect(page.locator("[data-control=open]")).to_be_hidden()


def test_one_of_two_tickets_is_refunded_by_its_name(page: Page, stack: Stack, sale: OpenSale) -> None:
    buyer = sale.buyer()
    order_id = buyer.order(2)
    pay(buyer.client, order_id)
    until_status(buyer.client, order_id, "CONFIRMED")
    sign_in(page, stack, f"/admin/orders/{order_id}")
    form = page.get_by_test_id("refund-tickets")
    form.get_by_role("button").click()
    confirm(page)
    expect(form.get_by_text("Not changed.")).to_contain_text("At least one ticket")
    form.get_by_label("number 1").check()
    form.get_by_role("button").click()
    with page.expect_navigation():
        confirm(page)
    until_status(buyer.client, order_id, "PARTIALLY_REFUNDED")
    tickets = buyer.client.get(f"/orders/{order_id}/tickets").json()
    assert [ticket["status"] for ticket in tickets] == ["void", "valid"]


def test_the_live_page_explains_an_overload_and_says_where_each_process_runs(
    page: Page, stack: Stack, sale: OpenSale
) -> None:
    sign_in(page, stack, f"/admin/events/{sale.sale.slug}")
    expect(page.get_by_test_id("overload")).to_be_hidden()
    with pressed(stack, "books"):
        overload = page.get_by_test_id("overload")
        expect(overload).to_contain_text("The books are slow: orders wait to be written.")
        expect(overload).to_contain_text("Buyers are let in at 25% of the rate.")
        expect(overload).to_contain_text("Whoever arrives is asked to wait a moment.")
        expect(page.locator("[data-processes]")).to_contain_text("web on night-2")
        expect(page.get_by_test_id("connections")).to_contain_text("12,3")
    expect(overload).to_be_hidden()
    expect(page.locator("[data-processes]")).not_to_contain_text("night-2")


def test_a_buyer_is_kept_out_and_let_in_again(page: Page, stack: Stack, sale: OpenSale) -> None:
    buyer = sale.buyer()
    order_id = buyer.order()
    pay(buyer.client, order_id)
    until_status(buyer.client, order_id, "CONFIRMED")
    sign_in(page, stack, f"/admin/orders/{order_id}")
    page.get_by_role("button", name="Keep out").click()
    confirm(page)
    page.wait_for_url("**/settings")
    kept_out = page.get_by_test_id("blocked")
    expect(kept_out.locator("li")).to_have_count(1)
    refused(buyer.client.post(f"/events/{sale.sale.slug}/queue"), 403, "blocked")
    kept_out.get_by_role("button", name="Let in again").click()
    expect(kept_out).to_have_count(0)
    page.fill("#who", "192.0.2.7")
    page.fill("#block-why", "A robot")
    page.get_by_test_id("keep-out").click()
    confirm(page)
    expect(kept_out).to_contain_text("192.0.2.7")
    expect(kept_out).to_contain_text("A robot")


def test_an_order_gets_a_note_and_its_tickets_are_mailed_again(page: Page, stack: Stack, sale: OpenSale) -> None:
    buyer = sale.buyer()
    order_id = buyer.order()
    buyer.client.put(f"/orders/{order_id}/contact", json={"email": f"{uuid.uuid4().hex}@example.com"})
    pay(buyer.client, order_id)
    until_status(buyer.client, order_id, "CONFIRMED")
    sign_in(page, stack, f"/admin/orders/{order_id}")
    timeline = page.get_by_test_id("timeline")
    page.fill("#note", "Called, comes with a wheelchair")
    with page.expect_navigation():
        page.get_by_role("button", name="Note it").click()
    expect(timeline.get_by_text("comes with a wheelchair")).to_have_count(1)
    with page.expect_navigation():
        page.get_by_test_id("resend").click()
    expect(timeline.get_by_text("tickets mailed again")).to_have_count(1)


def test_a_wall_is_made_and_ended_and_a_closed_sale_archived_and_taken_out(
    page: Page, stack: Stack, sale: OpenSale
) -> None:
    sign_in(page, stack, f"/admin/events/{sale.sale.slug}")
    page.get_by_test_id("open-wall").click()
    link = page.get_by_test_id("wall-link").get_attribute("href")
    assert link
    assert page.request.get(link).ok
    page.get_by_test_id("end-wall").click()
    confirm(page)
    expect(page.get_by_test_id("open-wall")).to_be_visible()
    until(lambda: page.request.get(link).status == httpx.codes.FORBIDDEN)
    page.locator("[data-control=closed]").click()
    confirm(page)
    expect(page.get_by_test_id("sale")).to_have_text("Closed")
    page.get_by_role("link", name="Settings").click()
    page.get_by_test_id("archive").click()
    confirm(page)
    page.get_by_test_id("unarchive").click()
    expect(page.get_by_test_id("archive")).to_be_visible()


def test_a_second_factor_begins_and_signing_out_everywhere_ends_every_session(page: Page, stack: Stack) -> None:
    admin = new_admin(stack.env)
    page.goto(f"{stack.web}/admin/login")
    page.fill("input[name=user]", admin.name)
    page.fill("input[name=password]", admin.password)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Account").click()
    page.fill("#code", "000000")
    page.get_by_test_id("begin").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.fill("#code", code_at(page.get_by_test_id("secret").inner_text(), int(time.time()) // STEP_SECONDS))
    page.get_by_test_id("begin").click()
    expect(page.get_by_test_id("codes").locator("li").first).to_be_visible()
    elsewhere = page.context.cookies()
    page.get_by_test_id("everywhere").click()
    expect(page.get_by_label("Password")).to_be_visible()
    page.context.add_cookies(elsewhere)  # type: ignore[arg-type]
    page.goto(f"{stack.web}/admin/account")
    expect(page.get_by_label("Password")).to_be_visible()


def test_the_way_out_stands_beside_a_long_name_and_settings_have_a_way_to_each_group(
    page: Page, stack: Stack
) -> None:
    made = make_event(stack.env, name="The Night of a Thousand Lights and One More at the Harbour Hall")
    sign_in(page, stack, f"/admin/events/{made.slug}")
    ways = (
        page.locator(".top-name"),
        page.get_by_role("link", name="Account"),
        page.get_by_role("button", name="Sign out"),
    )
    middles = [box["y"] + box["height"] / 2 for way in ways if (box := way.bounding_box())]
    assert len(middles) == 3
    assert max(middles) - min(middles) < 10, "in one line"
    page.get_by_role("link", name="Settings").click()
    for link in page.get_by_role("navigation", name="On this page").get_by_role("link").all():
        link.click()
        assert page.evaluate("document.querySelector(':target').getBoundingClientRect().top < innerHeight")
