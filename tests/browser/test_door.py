"""The scanner at the door: two phones at two gates, with and without a network."""

import base64
import secrets
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from app.tickets.codes import TicketKeys
from tests.stack.tickets.conftest import Shop
from tests.world.buyers import make_event
from tests.world.commands import ticketcraze
from tests.world.stack import Stack


@pytest.fixture(scope="module")
def shop(stack: Stack) -> Iterator[Shop]:
    with ExitStack() as closing:
        yield Shop(stack, make_event(stack.env, "Floor:4500:20"), closing)


@pytest.fixture(scope="module")
def key(shop: Shop) -> str:
    words = ("--name", f"gate {secrets.token_hex(4)}", "--scope", "door", "--event", shop.sale.slug)
    _, made = ticketcraze(shop.stack.env, "admin", "key", "create", *words)
    return str(made["key"])


@pytest.fixture
def gates(browser: Browser, shop: Shop, key: str) -> Iterator[list[tuple[BrowserContext, Page]]]:
    """Two phones, ready to scan, that work without a network from now on."""
    found = []
    for gate in ("Gate A", "Gate B"):
        context = browser.new_context(viewport={"width": 390, "height": 844}, reduced_motion="reduce")
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.goto(f"{shop.stack.web}/door/{shop.sale.slug}")
        page.evaluate("navigator.serviceWorker.ready")
        page.wait_for_function("caches.has('door-pages')")
        page.locator("summary").click()
        page.get_by_test_id("gate").fill(gate)
        page.get_by_test_id("key").fill(key)
        page.get_by_test_id("key").blur()
        found.append((context, page))
    yield found
    for context, _ in found:
        context.close()


def scan(page: Page, code: str, says: str) -> None:
    page.get_by_test_id("code").fill(code)
    page.get_by_test_id("code").press("Enter")
    expect(page.get_by_test_id("result")).to_contain_text(says)


def test_a_ticket_comes_in_once_and_the_other_gate_is_told_where(
    shop: Shop, gates: list[tuple[BrowserContext, Page]]
) -> None:
    [ticket] = shop.bought(1).tickets()
    (_, a), (_, b) = gates
    scan(a, ticket["code"], "Come in")
    scan(a, ticket["code"].lower(), "Used already")
    scan(b, ticket["code"], "Gate A")
    expect(b.get_by_test_id("result")).to_have_attribute("data-result", "used")
    scan(b, ticket["code"][:-1] + ("A" if ticket["code"][-1] != "A" else "B"), "No ticket")


def test_without_a_network_a_good_ticket_comes_in_and_one_scanned_at_two_gates_is_told_when_it_is_back(
    shop: Shop, gates: list[tuple[BrowserContext, Page]]
) -> None:
    twice, once = shop.bought(2).tickets()
    forged = TicketKeys({"DEV": secrets.token_bytes(32)}).code(twice["ticket_id"], shop.sale.id, twice["sku_id"])
    for context, page in gates:
        context.set_offline(True)
        page.reload()
        scan(page, forged, "No ticket")
        scan(page, twice["code"], "Come in")
        expect(page.get_by_test_id("result")).to_have_attribute("data-result", "offline")
        scan(page, twice["code"], "Used already")
    (context_a, a), (context_b, b) = gates
    scan(b, once["code"], "Come in")
    expect(b.get_by_test_id("waiting")).to_contain_text("2 tickets are not with the shop yet")
    context_a.set_offline(False)
    expect(a.get_by_test_id("waiting")).to_contain_text("Everything is with the shop")
    expect(a.get_by_test_id("conflicts")).to_be_hidden()
    context_b.set_offline(False)
    expect(b.get_by_test_id("waiting")).to_contain_text("Everything is with the shop")
    expect(b.get_by_test_id("conflicts")).to_contain_text("Gate A")
    expect(b.get_by_test_id("conflicts").locator("li")).to_have_count(1)
    b.reload()
    expect(b.get_by_test_id("conflicts")).to_contain_text("Gate A")


def test_the_code_on_a_tickets_page_is_what_the_scanners_decoder_reads(shop: Shop, page: Page) -> None:
    bought = shop.bought(1)
    [ticket] = bought.tickets()
    page.context.add_cookies(
        [{"name": "tc_buyer", "value": bought.buyer.cookies["tc_buyer"], "url": shop.stack.web}]
    )
    page.goto(f"{shop.stack.web}/orders/{bought.order_id}/tickets")
    shot = base64.b64encode(page.locator(".scan").screenshot()).decode()
    page.goto(f"{shop.stack.web}/door/{shop.sale.slug}")
    seen = page.evaluate(
        """async (png) => {
            const { decode } = await import("/static/js/door/camera.js");
            const picture = new Image();
            picture.src = `data:image/png;base64,${png}`;
            await picture.decode();
            const canvas = new OffscreenCanvas(picture.width, picture.height);
            canvas.getContext("2d").drawImage(picture, 0, 0);
            return decode(canvas);
        }""",
        shot,
    )
    assert seen == ticket["code"]
