"""The organiser's night in a browser, given nothing but an address and a login: from a draft to the export."""

import asyncio
import io
import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from app.infra.mysql import open_database
from app.payments.findings import Finding, keep_findings
from app.settings import Settings
from tests.browser.axe import AXE, findings
from tests.browser.conftest import PHONE, WAIT_MS
from tests.stack.outbound.conftest import receiver
from tests.world.buyers import OpenSale, Sale, assert_sound, pay, skus_of, until_status
from tests.world.commands import ticketcraze
from tests.world.stack import Stack
from tests.world.waiting import until

REHEARSAL_MS = 240_000
DESKTOP: ViewportSize = {"width": 1280, "height": 900}


def sign_in(page: Page, stack: Stack, path: str) -> None:
    admin = stack.run["admin"]
    page.goto(f"{stack.web}{path}")
    page.fill("input[name=user]", admin["user"])
    page.fill("input[name=password]", admin["password"])
    page.keyboard.press("Enter")
    page.wait_for_url(f"{stack.web}{path}")


def nobody_is_shut_out(page: Page) -> None:
    page.evaluate(AXE)
    assert findings(page) == []
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= page.evaluate("innerWidth"), "the page scrolls sideways"


def confirm(page: Page) -> None:
    page.get_by_test_id("confirm").click()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=PHONE, reduced_motion="reduce", bypass_csp=True)
    context.set_default_timeout(WAIT_MS)
    yield context
    context.close()


@pytest.fixture
def slug() -> str:
    return f"night-{uuid.uuid4().hex[:10]}"


@pytest.mark.slow
def test_a_newcomer_puts_an_event_on_sale_runs_it_refunds_one_order_and_exports(
    context: BrowserContext, stack: Stack, slug: str
) -> None:
    page = context.new_page()
    sign_in(page, stack, "/admin")
    page.get_by_test_id("new").click()
    nobody_is_shut_out(page)
    page.fill("#name", "Night of Lights")
    page.fill("#slug", slug)
    page.fill("#opens_at", "2031-01-01T20:00")
    page.fill("#sku-1-name", "Floor")
    page.fill("#sku-1-price", "45.00")
    page.fill("#sku-1-capacity", "20")
    page.fill("#sku-1-vat", "7.7")
    page.fill("#deposit_percent", "20")
    page.get_by_test_id("create").click()
    at_field = page.locator(".field", has=page.locator("#rest_due_days")).get_by_role("alert")
    expect(at_field).to_have_text("Not changed. A deposit needs the days for the rest too.")
    expect(page.locator("#rest_due_days")).to_be_focused()
    nobody_is_shut_out(page)
    page.fill("#rest_due_days", "14")
    page.get_by_test_id("create").click()

    page.wait_for_url(re.compile("/settings$"))
    expect(page.get_by_test_id("hints")).to_contain_text("The room takes 200 buyers for 20 tickets")
    expect(page.locator("#rest_due_days")).to_have_value("14")
    vat = page.get_by_label("VAT in the price, percent").first
    expect(vat).to_have_value("7.7")
    vat.fill("19")
    page.fill("#deposit_percent", "")
    page.fill("#rest_due_days", "")
    page.fill("#room", "5")
    page.get_by_test_id("save").click()
    expect(page.get_by_role("dialog")).to_contain_text("People choosing at once: 200 → 5")
    expect(page.get_by_role("dialog")).to_contain_text("Days to pay the rest: 14")
    expect(page.get_by_role("dialog")).to_contain_text("VAT in the price, percent: 7.7 → 19")
    confirm(page)
    expect(page.get_by_test_id("settings").get_by_role("status")).to_contain_text("Saved")
    nobody_is_shut_out(page)
    for name, content, says in (
        ("night.svg", b"<svg><script>1</script></svg>", "JPEG, PNG or WebP"),
        ("night.png", bytes(9_000_000), "8 MB"),
    ):
        page.locator("#picture").set_input_files({"name": name, "mimeType": "image/png", "buffer": content})
        page.get_by_test_id("show-picture").click()
        expect(page.get_by_test_id("picture-form").get_by_role("alert")).to_contain_text(says)
    poster = io.BytesIO()
    Image.radial_gradient("L").resize((800, 500)).save(poster, "PNG")
    page.locator("#picture").set_input_files(
        {"name": "night.png", "mimeType": "image/png", "buffer": poster.getvalue()}
    )
    page.get_by_test_id("show-picture").click()
    expect(page.get_by_test_id("picture")).to_be_visible()
    nobody_is_shut_out(page)
    page.select_option("#asked", "optional")
    page.get_by_test_id("set-codes").click()
    with page.expect_navigation():
        confirm(page)
    page.fill("#code-count", "2")
    page.get_by_test_id("make-them").click()
    expect(page.get_by_test_id("codes")).to_have_text(re.compile(r"^[0-9A-Z]{10}\n[0-9A-Z]{10}$"))
    page.reload()
    expect(page.get_by_test_id("bands")).to_contain_text("2 codes of band 1")
    nobody_is_shut_out(page)
    page.get_by_test_id("publish").click()
    confirm(page)

    page.wait_for_url(re.compile(f"/admin/events/{slug}$"))
    ways = page.get_by_role("navigation", name="Night of Lights").get_by_role("link").all()
    assert all(
        box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"] for way in ways if (box := way.bounding_box())
    )
    page.get_by_role("link", name="Rehearsals").click()
    page.fill("#buyers", "4")
    page.fill("#tickets", "2")
    page.get_by_test_id("play").click()
    with page.expect_navigation():
        confirm(page)
    expect(page.get_by_test_id("played")).to_contain_text("4 buyers, 2 tickets")
    page.get_by_role("link", name="Verdict").click(timeout=REHEARSAL_MS)  # the page shows how far it is
    expect(page.locator("main")).to_contain_text("Every check holds")
    nobody_is_shut_out(page)
    page.goto(f"{stack.web}/admin/events/{slug}")
    page.locator("[data-control=open]").click()
    confirm(page)
    expect(page.get_by_test_id("sale")).to_have_text("On sale")
    settings = page.request.get(f"{stack.web}/api/v1/admin/events/{slug}/settings").json()
    event_id, skus = settings["id"], skus_of(settings)
    with ExitStack() as closing:
        sale = OpenSale(stack, Sale(slug, event_id, skus), closing)
        buyer = sale.buyer()
        order_id = buyer.order(2)
        pay(buyer.client, order_id)
        until_status(buyer.client, order_id, "CONFIRMED")
        expect(page.get_by_test_id("sold").first).to_have_text("2")
        nobody_is_shut_out(page)

        page.get_by_role("link", name="Orders").click()
        expect(page.locator("tbody tr")).to_have_count(1)
        nobody_is_shut_out(page)
        page.locator("tbody a").click()
        expect(page.get_by_test_id("timeline")).to_contain_text("COMPLETED")
        nobody_is_shut_out(page)
        page.get_by_test_id("refund").click()
        with page.expect_navigation():  # the page is read anew
            confirm(page)
        until_status(buyer.client, order_id, "REFUNDED")
        page.reload()
        expect(page.get_by_test_id("status")).to_have_text("refunded")

        page.get_by_role("link", name="Log").click()
        expect(page.locator("main")).to_contain_text("200 5")
        nobody_is_shut_out(page)
        page.get_by_role("link", name="Trouble").click()
        nobody_is_shut_out(page)
        page.get_by_role("link", name="Orders").click()
        for form in ("CSV", "JSON lines"):
            page.get_by_test_id("exports").click()
            with page.expect_download() as saved:
                page.get_by_role("link", name=f"orders as {form}").click()
            assert order_id in saved.value.path().read_text()
            expect(page.get_by_test_id("export-words")).to_contain_text("is yours: 1 rows")
            nobody_is_shut_out(page)
            page.reload()

        buyer.client.put(f"/orders/{order_id}/contact", json={"email": "kim@example.com"})
        page.get_by_role("link", name=re.compile("^A buyer")).click()
        page.fill("#q", "kim@example.com")
        page.keyboard.press("Enter")
        expect(page.get_by_test_id("emails")).to_have_text("kim@example.com")
        nobody_is_shut_out(page)
        page.get_by_test_id("erase").click()
        confirm(page)
        expect(page.get_by_test_id("none")).to_be_visible()  # nobody is called so any more
    assert_sound(stack.env, Sale(slug, event_id, skus))


@pytest.mark.slow
def test_two_organisers_at_once_and_controls_that_count_at_once(
    context: BrowserContext, stack: Stack, slug: str
) -> None:
    code, made = ticketcraze(
        stack.env, "event", "create", "--slug", slug, "--name", "Two", "--sku", "Floor:4500:20", "--opens-in", "0",
        "--rate", "1", "--room", "1",
    )  # fmt: skip
    assert code == 0, made
    sale = Sale(slug, made["id"], skus_of(made))
    with ExitStack() as closing:
        first, second = context.new_page(), context.new_page()
        second.set_viewport_size(DESKTOP)
        sign_in(first, stack, f"/admin/events/{slug}/settings")
        second.goto(f"{stack.web}/admin/events/{slug}/settings")
        nobody_is_shut_out(second)
        first.fill("#rate_per_minute", "2")
        first.get_by_test_id("save").click()
        confirm(first)
        expect(first.get_by_test_id("settings").get_by_role("status")).to_contain_text("Saved")
        second.fill("#room", "2")
        second.get_by_test_id("save").click()
        confirm(second)
        expect(second.get_by_test_id("settings")).to_contain_text("People a minute, at most: 1 → 2")
        expect(second.locator("#room")).to_have_value("2")
        second.get_by_test_id("save").click()
        confirm(second)
        expect(second.get_by_test_id("settings").get_by_role("status")).to_contain_text("Saved")

        buyers = OpenSale(stack, sale, closing)
        waiting = [buyers.buyer(let_in=False) for _ in range(4)]
        first.fill("#count", "4")
        first.get_by_test_id("admit").click()
        confirm(first)
        expect(first.get_by_test_id("admit-form").get_by_role("status")).to_contain_text("Saved")
        second.goto(f"{stack.web}/admin/events/{slug}")
        expect(second.get_by_test_id("admitted").first).to_have_text("4")
        first.fill("#message", "Doors at eight")
        first.get_by_test_id("tell").click()
        confirm(first)
        expect(second.get_by_test_id("message")).to_contain_text("Doors at eight")
        assert all(buyer.place()["status"] == "admitted" for buyer in waiting)
    assert_sound(stack.env, sale)


@pytest.mark.slow
def test_an_owner_invites_somebody_gives_them_another_role_and_removes_them(
    context: BrowserContext, browser: Browser, stack: Stack, slug: str
) -> None:
    page = context.new_page()
    sign_in(page, stack, "/admin")
    page.get_by_test_id("people").click()
    page.fill("#email", f"{slug}@example.com")
    page.select_option("#invite-role", "viewer")
    page.get_by_test_id("send").click()
    confirm(page)
    code = page.get_by_test_id("invite").locator("code")
    expect(code).to_contain_text("/admin/invitations/")
    link = code.inner_text()
    nobody_is_shut_out(page)

    theirs = browser.new_context(viewport=PHONE, bypass_csp=True)
    invited = theirs.new_page()
    invited.goto(link)
    nobody_is_shut_out(invited)
    invited.fill("#name", slug)
    invited.fill("#password", "correct horse battery")
    invited.get_by_test_id("accept").click()
    invited.wait_for_url("**/admin/login")
    invited.fill("input[name=user]", slug)
    invited.fill("input[name=password]", "correct horse battery")
    invited.keyboard.press("Enter")
    expect(invited.get_by_role("heading", name="Sales")).to_be_visible()
    expect(invited.get_by_test_id("people")).to_have_count(0)

    page.goto(f"{stack.web}/admin/people/{slug}")
    expect(page.get_by_test_id("sessions").locator("li")).to_have_count(1)
    nobody_is_shut_out(page)
    page.select_option("#give-role", "box_office")
    page.get_by_test_id("give-role").click()
    with page.expect_navigation():
        confirm(page)
    expect(page.get_by_test_id("roles")).to_contain_text("box office")
    page.get_by_test_id("remove").click()
    confirm(page)
    page.wait_for_url("**/admin/people")
    expect(page.get_by_test_id("people")).not_to_contain_text(slug)
    page.fill("#key-name", slug)
    page.get_by_test_id("make").click()
    expect(page.get_by_test_id("key")).to_contain_text("tck_")
    page.reload()
    page.get_by_role("button", name=f"Revoke the key {slug}").click()
    with page.expect_navigation():
        confirm(page)
    theirs.close()


@pytest.mark.slow
def test_a_program_is_told_what_it_missed_is_sent_again_and_what_people_saw_to_is_closed(
    context: BrowserContext, stack: Stack, slug: str
) -> None:
    code, made = ticketcraze(
        stack.env, "event", "create", "--slug", slug, "--name", "Told", "--sku", "Floor:4500:20",
        "--opens-in", "0",
    )  # fmt: skip
    assert code == 0, made
    sale = Sale(slug, made["id"], skus_of(made))
    page = context.new_page()
    with ExitStack() as closing, receiver() as to:
        sign_in(page, stack, f"/admin/events/{slug}/webhooks")
        expect(page.get_by_test_id("none")).to_be_visible()
        page.fill("#url", "ftp://shop.example/told")
        page.get_by_test_id("add").click()
        expect(page.get_by_test_id("add-webhook").get_by_role("alert")).to_contain_text("Not changed.")
        page.fill("#url", to.url)
        page.get_by_label("an order is confirmed").check()
        page.get_by_test_id("add").click()
        expect(page.get_by_test_id("secret")).to_contain_text("whsec_")
        page.get_by_role("link", name="Done").click()
        expect(page.get_by_test_id("webhooks").locator("li")).to_contain_text("an order is confirmed")
        nobody_is_shut_out(page)

        buyer = OpenSale(stack, sale, closing).buyer()
        order_id = buyer.order()
        pay(buyer.client, order_id)
        until(lambda: to.requests, what="the call")
        sent = page.get_by_test_id("deliveries").locator("li")

        def is_listed() -> bool:
            page.reload()
            return sent.count() == 1 and "taken" in sent.inner_text()

        until(is_listed, what="its line in the log")
        sent.get_by_role("button", name="Send it again").click()
        expect(sent.get_by_role("status")).to_have_text("It is on its way again.")
        until(lambda: len(to.requests) == 2, what="the call once more")
        nobody_is_shut_out(page)
        page.get_by_role("button", name=f"Remove {to.url}").click()
        with page.expect_navigation():
            confirm(page)
        expect(page.get_by_test_id("none")).to_be_visible()

        found(stack, Finding("amount", "people", order_id, "the books have another", "sandbox", "tx"))
        page.get_by_role("link", name="Trouble").click()
        page.get_by_role("button", name="Seen to: Amount: the books have another").click()
        expect(page.get_by_role("dialog")).to_contain_text("Is this seen to?")
        with page.expect_navigation():
            confirm(page)
        expect(page.locator("[data-kind=finding]")).to_have_count(0)
        expect(page.get_by_test_id("mended")).to_contain_text("the books have another")
        nobody_is_shut_out(page)
    assert_sound(stack.env, sale)


def found(stack: Stack, finding: Finding) -> None:
    """The reconciliation finds this; in a thread, for Playwright has the event loop of this one."""

    async def keep() -> None:
        async with (
            open_database(Settings.from_environment(stack.env)) as database,
            database.connection() as connection,
        ):
            await keep_findings(connection, [finding])

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, keep()).result()
