"""What a page does while one looks at it: nothing jumps, nothing is lost, nothing is said that is not so."""

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import PHONE
from tests.browser.states import full_door, press_join
from tests.world.buyers import Sale, api, come_in, join, make_event, order
from tests.world.commands import ticketcraze
from tests.world.machine import ROOT
from tests.world.stack import Stack

COLD_BYTES = 45_000
CASES = json.loads((ROOT / "tests" / "cases" / "views.json").read_text())["cases"]


@pytest.fixture(scope="module")
def sale(stack: Stack) -> Iterator[Sale]:
    made = make_event(stack.env, "Floor:4500:300", "Balcony:7900:60", pass_ttl=3_600)
    yield made
    ticketcraze(stack.env, "event", "close", made.slug)


def come_in_here(page: Page, stack: Stack, sale: Sale) -> None:
    with api(stack) as client:
        page.context.add_cookies([{"name": "tc_buyer", "value": come_in(client, sale), "url": stack.web}])
    page.goto(f"{stack.web}/events/{sale.slug}")
    expect(page.locator("main")).to_have_attribute("data-state", "admitted")
    expect(page.locator("[data-view=admitted] [data-link=live]")).to_be_visible()


def tell(page: Page, **frame: object) -> None:
    """Has the page hear a frame, as if the server had said it."""
    page.evaluate("frame => window.sockets.at(-1).onmessage({ data: JSON.stringify(frame) })", frame)


@pytest.fixture
def told(page: Page) -> Page:
    """A page whose sockets a test can speak on."""
    page.add_init_script(
        "window.sockets = []; window.WebSocket = class extends WebSocket {"
        " constructor(...given) { super(...given); window.sockets.push(this); } };"
    )
    return page


def quantity(page: Page) -> str:
    return page.get_by_test_id("quantity").first.inner_text()


def test_the_last_minute_does_not_move_the_steppers(told: Page, stack: Stack, sale: Sale) -> None:
    come_in_here(told, stack, sale)
    stepper = told.locator("[data-view=admitted] .stepper").first
    before = stepper.bounding_box()
    ends = (datetime.now(UTC) + timedelta(seconds=42)).isoformat().replace("+00:00", "Z")
    tell(told, type="place", status="admitted", number=1, position=0, waiting=0, eta_seconds=None, expires_at=ends)
    expect(told.locator("[data-view=admitted] .limit")).to_contain_text("Less than a minute left")
    assert stepper.bounding_box() == before


def test_the_focus_stays_at_a_stepper_that_reached_its_limit(page: Page, stack: Stack, sale: Sale) -> None:
    come_in_here(page, stack, sale)
    more = page.get_by_test_id("more").first
    more.focus()
    for _ in range(5):
        page.keyboard.press("Enter")
    assert quantity(page) == "4"
    assert more.get_attribute("aria-disabled") == "true"
    expect(more).to_be_focused()
    expect(page.locator("#announce")).to_contain_text("4 Floor. Total $180.00.")  # and it is heard


def test_a_reload_keeps_the_basket(page: Page, stack: Stack, sale: Sale) -> None:
    come_in_here(page, stack, sale)
    page.get_by_test_id("more").first.click()
    page.get_by_test_id("more").first.click()
    page.reload()
    expect(page.get_by_test_id("quantity").first).to_have_text("2")
    expect(page.get_by_test_id("reserve")).to_contain_text("Reserve 2 tickets")


def test_a_kind_that_runs_out_says_so_in_the_basket(told: Page, stack: Stack, sale: Sale) -> None:
    come_in_here(told, stack, sale)
    told.get_by_test_id("more").first.click()
    told.get_by_test_id("more").first.click()
    floor, balcony = (sku.id for sku in sale.skus)
    others = {"id": balcony, "available": 60, "held": 0}
    tell(told, type="stock", sale="open", skus=[{"id": floor, "available": 1, "held": 299}, others])
    expect(told.locator("[data-lost]").first).to_have_text("Only 1 left: your basket was adjusted")
    tell(told, type="stock", sale="open", skus=[{"id": floor, "available": 0, "held": 300}, others])
    expect(told.locator("[data-lost]").first).to_have_text("Just sold out: no longer in your basket")
    assert quantity(told) == "0"


def test_offline_is_noticed_at_once_and_a_try_is_no_news(page: Page, stack: Stack) -> None:
    sale = make_event(stack.env, "Floor:4500:20", room=1)
    with api(stack) as first, api(stack) as second:
        come_in(first, sale)
        page.context.add_cookies([{"name": "tc_buyer", "value": join(second, sale), "url": stack.web}])
        page.goto(f"{stack.web}/events/{sale.slug}")
        link = page.locator("[data-view=waiting]").get_by_test_id("connection")
        expect(link).to_have_text("Live")
        page.context.set_offline(True)
        expect(link).to_contain_text("Reconnecting", timeout=2_000)
        # it has tried several times by then, and what is shown is no younger for it
        expect(link).to_have_text(re.compile("As of ([6-9]|1[0-9]) seconds ago"), timeout=15_000)
        page.context.set_offline(False)
        expect(link).to_have_text("Live")
    ticketcraze(stack.env, "event", "close", sale.slug)


def test_a_full_door_says_when_it_tries_again_and_does(page: Page, stack: Stack, sale: Sale) -> None:
    tries: list[float] = []

    def door(route: Route) -> None:
        tries.append(time.monotonic())
        if len(tries) > 1:
            route.fallback()
            return
        headers = {"Retry-After": "1", "Content-Type": "application/problem+json"}
        route.fulfill(status=503, headers=headers, body='{"code": "busy", "title": "Too many people at once."}')

    page.route("**/api/v1/events/*/queue", door)
    page.goto(f"{stack.web}/events/{sale.slug}")
    press_join(page)
    expect(page.get_by_test_id("door-words")).to_contain_text(re.compile("tries again automatically|Trying"))
    expect(page.locator("main")).to_have_attribute("data-state", re.compile("waiting|admitted"))
    assert tries[1] - tries[0] >= 1.0  # never sooner than it was told


def test_a_full_door_counts_down(page: Page, stack: Stack, sale: Sale) -> None:
    full_door(page)
    page.goto(f"{stack.web}/events/{sale.slug}")
    press_join(page)
    expect(page.get_by_test_id("door-words")).to_have_text(
        re.compile(r"This page tries again automatically in [23]\d seconds\.")
    )
    assert "Nothing is lost" in page.locator("[data-view=door]").inner_text()


def test_an_order_in_review_says_what_was_not_as_expected_and_the_dashboard_shows_it(
    page: Page, stack: Stack, sale: Sale
) -> None:
    come_in_here(page, stack, sale)
    page.get_by_test_id("more").first.click()
    page.get_by_test_id("reserve").click()
    page.get_by_test_id("pay").click()
    expect(page.locator("main .what")).to_have_text(re.compile("^Order [0-9A-F]{4}-[0-9A-F]{4}$"))
    page.locator("button[value=wrong_amount]").click()
    expect(page.get_by_test_id("review-amounts")).to_contain_text(
        re.compile(r"The bank reports \$[\d.]+\. Your order costs \$45\.00\.")
    )
    expect(page.get_by_test_id("review-until")).to_contain_text("Your tickets stay held until")
    admin = stack.run["admin"]
    page.goto(f"{stack.web}/admin/events/{sale.slug}")
    page.fill("input[name=user]", admin["user"])
    page.fill("input[name=password]", admin["password"])
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("trouble")).to_contain_text("waits for a decision")


def test_every_ticket_in_a_basket_is_said_to_strangers_and_to_those_who_wait(page: Page, stack: Stack) -> None:
    last = make_event(stack.env, "Floor:4500:2", pass_ttl=3_600)
    with api(stack) as first, api(stack) as second:
        come_in(first, last)
        assert order(first, last, 2).status_code == 202
        page.goto(f"{stack.web}/events/{last.slug}")
        expect(page.locator("main h2").locator("visible=true")).to_contain_text("Every ticket is in somebody")
        page.context.add_cookies([{"name": "tc_buyer", "value": join(second, last), "url": stack.web}])
        page.reload()
        expect(page.get_by_test_id("chance")).to_contain_text("Every ticket is in somebody")
        expect(page.get_by_test_id("place")).to_have_text("Next")
        expect(page.get_by_test_id("eta")).to_have_text("when one comes back")
    ticketcraze(stack.env, "event", "close", last.slug)


class Wire:
    """What a page sends over the network: cached answers do not count, websockets do."""

    def __init__(self, page: Page) -> None:
        self.bytes = 0.0
        self._sent: list[tuple[str, str]] = []  # id, what was asked for
        self._cached: set[str] = set()
        devtools = page.context.new_cdp_session(page)
        devtools.send("Network.enable")
        devtools.on("Network.requestWillBeSent", self._request)
        devtools.on("Network.requestServedFromCache", lambda told: self._cached.add(told["requestId"]))
        devtools.on("Network.responseReceived", self._response)
        devtools.on("Network.loadingFinished", self._finished)
        devtools.on("Network.webSocketCreated", lambda told: self._sent.append(("", f"WS {path_of(told['url'])}")))

    def _request(self, told: dict[str, Any]) -> None:
        request = told["request"]
        if not request["url"].startswith("data:"):
            self._sent.append((told["requestId"], f"{request['method']} {path_of(request['url'])}"))

    def _response(self, told: dict[str, Any]) -> None:
        if told["response"].get("fromDiskCache"):
            self._cached.add(told["requestId"])

    def _finished(self, told: dict[str, Any]) -> None:
        self.bytes += told["encodedDataLength"]

    def asked(self) -> list[str]:
        """Method and path, in order."""
        return [what for id_, what in self._sent if id_ not in self._cached]


def path_of(url: str) -> str:
    return urlsplit(url).path


def test_the_page_is_light_and_asks_for_nothing_twice(browser: Browser, stack: Stack) -> None:
    """Cold it weighs little; warm, to come, join and wait takes the page, the join and the socket."""
    narrow = make_event(stack.env, "Floor:4500:300", room=1)
    at = f"/events/{narrow.slug}"
    with api(stack) as first, browser.new_context(viewport=PHONE) as context:
        come_in(first, narrow)
        for is_warm in (False, True):
            context.clear_cookies()
            page = context.new_page()
            wire = Wire(page)
            page.goto(f"{stack.web}{at}")
            page.wait_for_load_state("networkidle")
            if not is_warm:
                assert wire.bytes <= COLD_BYTES
                assert wire.asked()[0] == f"GET {at}"
                assert len([asked for asked in wire.asked() if "/static/" in asked]) > 3, "it was cold"
            press_join(page)
            expect(page.locator("[data-view=waiting] [data-link=live]")).to_be_visible()
            page.wait_for_load_state("networkidle")
            if is_warm:
                assert wire.asked() == [f"GET {at}", f"POST /api/v1{at}/queue", f"WS /ws{at}"]
                page.locator("[data-view=waiting] [data-device] summary").click()
                expect(page.locator("[data-view=waiting] [data-device] a")).to_have_attribute(
                    "href", re.compile("/resume/")
                )
                expect(page.locator("[data-view=waiting] [data-device] svg")).to_be_visible()
            page.close()
    ticketcraze(stack.env, "event", "close", narrow.slug)


def test_the_scripts_say_in_a_browser_what_the_table_says(page: Page, stack: Stack, sale: Sale) -> None:
    page.goto(f"{stack.web}/events/{sale.slug}")
    views = page.evaluate(
        """async cases => {
            const { viewOf } = await import("/static/js/buyer/state.js");
            const base = JSON.parse(document.getElementById("state").textContent);
            return cases.map(({ event, skus = [[300, 0]], place = null, orders = [], ...more }) => viewOf({
                ...more, place,
                event: { ...base.event, sale: "open", ...event,
                         skus: skus.map(([available, held], id) => ({ id, available, held })) },
                orders: orders.map(([status, charge]) => ({
                    status, items: [], payments: charge ? [{ kind: "CHARGE", status: charge }] : [],
                })),
            }));
        }""",
        CASES,
    )
    assert views == [case["view"] for case in CASES]
