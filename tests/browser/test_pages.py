"""The pages in a real browser: a buyer's whole way, and the organiser's dashboard while it happens."""

import re

from playwright.sync_api import Browser, Page, expect

from tests.world.buyers import Sale, api, come_in, make_event, order, pay, until_status
from tests.world.commands import ticketcraze
from tests.world.stack import Stack, kill, until_back


def expect_state(page: Page, state: str) -> None:
    expect(page.locator("main")).to_have_attribute("data-state", state)


def press(page: Page, testid: str) -> None:
    page.get_by_test_id(testid).locator("visible=true").first.click()


def close(stack: Stack, sale: Sale) -> None:
    code, answer = ticketcraze(stack.env, "verify", sale.slug, "--at-rest", "30")
    assert code == 0, answer
    ticketcraze(stack.env, "event", "close", sale.slug)


def join_and_come_in(page: Page, stack: Stack, sale: Sale) -> None:
    page.goto(f"{stack.web}/events/{sale.slug}")
    press(page, "join")
    expect_state(page, "admitted")


def reserve_two(page: Page) -> None:
    more = page.get_by_role("button", name=re.compile("more|one more|add", re.IGNORECASE)).locator("visible=true")
    more.first.click()
    more.first.click()
    press(page, "reserve")
    expect_state(page, "held")


def test_a_buyer_waits_comes_in_orders_pays_and_sees_the_ticket(page: Page, stack: Stack) -> None:
    sale = make_event(stack.env, "Floor:4500:20", opens_in=600)
    page.goto(f"{stack.web}/events/{sale.slug}")
    expect_state(page, "joinable")
    press(page, "join")
    expect_state(page, "lobby")
    page.reload()  # a refresh keeps the place
    expect_state(page, "lobby")
    ticketcraze(stack.env, "event", "open", sale.slug)
    expect_state(page, "admitted")
    expect(page).to_have_title(re.compile("Come in"))
    reserve_two(page)
    press(page, "pay")
    page.locator("button[value=succeed]").click()
    expect_state(page, "confirmed")
    expect(page.get_by_test_id("ticket").locator("visible=true").first).to_contain_text("Floor")
    close(stack, sale)


def test_a_kind_of_ticket_says_when_it_is_on_sale_and_its_stepper_stops_at_its_limit(
    page: Page, stack: Stack
) -> None:
    sale = make_event(stack.env, "Floor:4500:20;limit=2", "Late:9900:5;from=2031-01-01T20:00Z")
    join_and_come_in(page, stack, sale)
    floor, late = page.locator("[data-sku]").all()
    more = floor.get_by_test_id("more")
    expect(floor).to_contain_text("2 a buyer at most")
    more.click()
    more.click()
    expect(more).to_have_attribute("aria-disabled", "true")
    expect(floor.get_by_test_id("quantity")).to_have_text("2")
    expect(late).to_contain_text(re.compile("on sale from Wed 1 Jan"))
    expect(late.get_by_test_id("more")).to_have_attribute("aria-disabled", "true")
    press(page, "reserve")
    expect_state(page, "held")
    close(stack, sale)


def test_a_buyer_who_waits_sees_the_place_move_and_may_leave(page: Page, stack: Stack) -> None:
    sale = make_event(stack.env, "Floor:4500:20", room=1)
    with api(stack) as first, api(stack) as second:
        come_in(first, sale)
        second.post(f"/events/{sale.slug}/queue")
        page.goto(f"{stack.web}/events/{sale.slug}")
        press(page, "join")
        expect_state(page, "waiting")
        place = page.get_by_test_id("place").locator("visible=true").first
        expect(place).to_have_text("1")
        second.delete(f"/events/{sale.slug}/queue")
        expect(place).to_have_text("Next")  # nobody ahead is no figure
        press(page, "leave")
        page.get_by_role("button", name="Leave", exact=True).click()
        expect_state(page, "joinable")
    close(stack, sale)


def test_a_declined_payment_can_be_tried_again_and_tickets_given_back(page: Page, stack: Stack) -> None:
    sale = make_event(stack.env, "Floor:4500:20")
    join_and_come_in(page, stack, sale)
    reserve_two(page)
    press(page, "pay")
    page.locator("button[value=decline]").click()
    expect_state(page, "held")
    press(page, "cancel")
    page.get_by_role("button", name="Give back").click()
    expect(page.locator("main")).not_to_have_attribute("data-state", "held")
    close(stack, sale)


def test_a_page_whose_server_is_killed_says_so_and_comes_back_by_itself(page: Page, stack: Stack) -> None:
    sale = make_event(stack.env, "Floor:4500:20", room=1)
    with api(stack) as first:
        token = come_in(first, sale)
    page.goto(f"{stack.web}/events/{sale.slug}")
    press(page, "join")
    expect_state(page, "waiting")
    connection = page.get_by_test_id("connection").locator("visible=true").first
    expect(connection).to_have_text("Live")
    killed = kill(stack, "web")
    expect(connection).to_contain_text(re.compile("reconnect", re.IGNORECASE))
    until_back(stack, killed)
    expect(connection).to_have_text("Live", timeout=30_000)
    with api(stack, token) as first:
        first.delete(f"/events/{sale.slug}/queue")
    expect_state(page, "admitted")
    close(stack, sale)


def expect_what_verify_says(page: Page, stack: Stack, sale: Sale) -> None:
    """The dashboard's figures are those of `ticketcraze verify`, as soon as a second has passed."""
    _, answer = ticketcraze(stack.env, "verify", sale.slug)
    checks = {check["number"]: check["figures"] for check in answer["checks"]}
    for number in (1, 3):  # by Redis, and by the books
        for name in ("sold", "held", "available"):
            expect(page.get_by_test_id(name).first).to_have_text(str(checks[number][name]))
    taken = f"${checks[5].get('taken_minor_USD', 0) / 100:,.2f}"
    expect(page.get_by_test_id("revenue").first).to_have_text(taken)


def test_the_dashboard_moves_while_tickets_are_sold(page: Page, stack: Stack) -> None:
    sale = make_event(stack.env, "Floor:4500:20")
    admin = stack.run["admin"]
    page.goto(f"{stack.web}/admin/events/{sale.slug}")
    page.fill("input[name=user]", admin["user"])
    page.fill("input[name=password]", admin["password"])
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("sold").first).to_have_text("0")
    expect_what_verify_says(page, stack, sale)
    with api(stack) as buyer:
        come_in(buyer, sale)
        expect(page.get_by_test_id("admitted").first).to_have_text("1")
        placed = order(buyer, sale, 3).json()["order_id"]
        expect(page.get_by_test_id("held").first).to_have_text("3")
        until_status(buyer, placed, "PENDING")
        expect_what_verify_says(page, stack, sale)
        pay(buyer, placed)
        expect(page.get_by_test_id("sold").first).to_have_text("3")
        expect_what_verify_says(page, stack, sale)
        page.get_by_test_id("open-wall").click()
        page.get_by_test_id("wall-link").click()
        expect(page.get_by_test_id("connection")).to_have_text("Live")
        expect(page.get_by_test_id("sold")).to_have_text("3")
        expect(page.get_by_test_id("taken")).to_have_count(0)
        page.go_back()
        expect(page.get_by_test_id("revenue").first).to_contain_text("135")
    close(stack, sale)


def test_a_wrong_password_is_refused_kindly(browser: Browser, stack: Stack) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{stack.web}/admin/login")
        page.fill("input[name=user]", "admin")
        page.fill("input[name=password]", "not the password")
        page.keyboard.press("Enter")
        expect(page.get_by_text("do not belong together")).to_be_visible()
