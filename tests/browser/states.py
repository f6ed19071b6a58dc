"""Every page and state there is, made through the API: for axe, for the layout, and for the pictures in docs/."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
from playwright.sync_api import BrowserContext, Page, Route

from tests.world.buyers import Sale, api, come_in, join, make_event, order, pay, until_status
from tests.world.commands import ticketcraze
from tests.world.stack import Stack
from tests.world.waiting import until

TWO_SKUS = ("Floor standing:4500:300", "Balcony, row A to F:7900:60")


@dataclass(frozen=True)
class State:
    """A page to look at: where it is, whose browser it is, what it should show (empty where that has no name)."""

    name: str
    path: str
    token: str = ""
    shows: str = ""
    admin: bool = False
    before: Callable[[Page], None] | None = None  # the page is opened
    after: Callable[[Page], None] | None = None

    def open(self, stack: Stack, context: BrowserContext) -> Page:
        """The page, in a context of its own kind."""
        context.clear_cookies()
        if self.token:
            context.add_cookies([{"name": "tc_buyer", "value": self.token, "url": stack.web}])
        page = context.new_page()
        if self.admin:
            sign_in(stack, page)
        if self.before:
            self.before(page)
        page.goto(f"{stack.web}{self.path}")
        if self.after:
            self.after(page)
        if self.shows:
            page.wait_for_selector(f'main[data-state="{self.shows}"]')
        return page


def sign_in(stack: Stack, page: Page) -> None:
    admin = stack.run["admin"]
    page.goto(f"{stack.web}/admin/login")
    page.fill("input[name=user]", admin["user"])
    page.fill("input[name=password]", admin["password"])
    page.keyboard.press("Enter")
    page.wait_for_selector("main:not(.narrow)")


def full_door(page: Page) -> None:
    """The server answers joins like one that has too much to do."""

    def refuse(route: Route) -> None:
        headers = {"Retry-After": "20", "Content-Type": "application/problem+json"}
        route.fulfill(status=503, headers=headers, body='{"code": "busy", "title": "Too many people at once."}')

    page.route("**/api/v1/events/*/queue", refuse)


def choose_two(page: Page) -> None:
    more = page.get_by_test_id("more").locator("visible=true").first
    more.click()
    more.click()


def press_join(page: Page) -> None:
    page.get_by_test_id("join").locator("visible=true").first.click()


def press_stay(page: Page) -> None:
    page.get_by_test_id("stay").click()


class World:
    """Sales in all their states, and buyers in them."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.sales: list[Sale] = []

    def sale(self, *skus: str, **options: int) -> Sale:
        made = make_event(self.stack.env, *skus or TWO_SKUS, name="Night of Lights", **options)
        self.sales.append(made)
        return made

    def inside(self, sale: Sale) -> tuple[httpx.Client, str]:
        client = api(self.stack)
        return client, come_in(client, sale)

    def holding(self, sale: Sale, quantity: int = 2) -> tuple[httpx.Client, str, str]:
        client, token = self.inside(sale)
        placed = order(client, sale, quantity).json()["order_id"]
        until_status(client, placed, "PENDING")
        return client, token, placed

    def paid(self, sale: Sale, outcome: str, *statuses: str) -> tuple[str, str]:
        client, token, placed = self.holding(sale)
        pay(client, placed, outcome)
        if statuses:
            until_status(client, placed, *statuses)
        return token, placed

    def waiting(self, sale: Sale, behind: int = 0) -> str:
        """The token of somebody who joined after `behind` others."""
        for _ in range(behind):
            with api(self.stack) as other:
                join(other, sale)
        with api(self.stack) as client:
            return join(client, sale)

    def close(self) -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda sale: ticketcraze(self.stack.env, "event", "close", sale.slug), self.sales))

    def states(self) -> Iterator[State]:
        """All of them."""
        open_ = self.sale(pass_ttl=3_600, hold_ttl=3_600)
        at = f"/events/{open_.slug}"
        yield State("list", "/")
        yield State("joinable", at, shows="joinable")
        yield State("door", at, shows="door", before=full_door, after=press_join)
        yield State("admitted", at, self.inside(open_)[1], "admitted", after=choose_two)
        _, token, placed = self.holding(open_)
        yield State("held", at, token, "held")
        client, token, placed = self.holding(open_)
        client.post(f"/orders/{placed}/payments")
        until(lambda: client.get(f"/orders/{placed}").json()["payments"])
        yield State("paying", at, token, "paying")
        client, token, placed = self.holding(open_)
        pay(client, placed, "decline")
        until(lambda: [p for p in client.get(f"/orders/{placed}").json()["payments"] if p["status"] == "FAILED"])
        yield State("declined", at, token, "held")
        token, placed = self.paid(open_, "succeed", "CONFIRMED")
        yield State("confirmed", at, token, "confirmed")
        yield State("ticket", f"/orders/{placed}", token, "confirmed")
        token, placed = self.paid(open_, "wrong_amount", "REVIEW")
        yield State("review", at, token, "review")
        client, token, placed = self.holding(open_)
        client.delete(f"/orders/{placed}")
        until_status(client, placed, "CANCELED")
        yield State("given back", f"/orders/{placed}", token, "lapsed")
        yield State("unknown order", f"/orders/{placed}")
        yield State("dashboard", f"/admin/events/{open_.slug}", admin=True)
        yield State("sales", "/admin", admin=True)
        yield State("login", "/admin/login")
        yield State("not found", "/nothing")

        later = self.sale(opens_in=3_600)
        at = f"/events/{later.slug}"
        yield State("not open yet", at, shows="joinable")
        yield State("lobby", at, self.waiting(later, 2), "lobby")

        narrow = self.sale("Floor standing:4500:9", room=1, pass_ttl=3_600)
        at = f"/events/{narrow.slug}"
        self.inside(narrow)
        yield State("next in line", at, self.waiting(narrow), "waiting")
        yield State("waiting", at, self.waiting(narrow, 2), "waiting")
        yield State("waiting, unlikely", at, self.waiting(narrow, 16), "waiting")

        paused = self.sale("Floor standing:4500:9", room=1, pass_ttl=3_600)
        at = f"/events/{paused.slug}"
        _, token = self.inside(paused)
        waiting = self.waiting(paused, 2)
        ticketcraze(self.stack.env, "event", "pause", paused.slug)
        yield State("paused", at, shows="paused")
        yield State("paused, waiting", at, waiting, "paused")
        yield State("paused, inside", at, token, "paused")

        closed = self.sale()
        ticketcraze(self.stack.env, "event", "close", closed.slug)
        yield State("closed", f"/events/{closed.slug}", shows="closed")

        last = self.sale("Floor standing:4500:2", room=2, pass_ttl=3_600, hold_ttl=3_600)
        at = f"/events/{last.slug}"
        self.holding(last)
        yield State("in baskets", at, shows="joinable")
        yield State("waiting, in baskets", at, self.waiting(last, 3), "waiting")

        gone = self.sale("Floor standing:4500:2", room=2, pass_ttl=3_600)
        at = f"/events/{gone.slug}"
        self.paid(gone, "succeed", "CONFIRMED")
        yield State("sold out", at, shows="sold_out")
        token = self.waiting(gone, 3)
        yield State("sold out, in line", at, token, "sold_out")
        yield State("sold out, staying", at, token, "waiting", after=press_stay)

        brief = self.sale(pass_ttl=1)
        client, token = self.inside(brief)
        until(lambda: client.get(f"/events/{brief.slug}/queue").json()["status"] == "lapsed")
        yield State("turn ended", f"/events/{brief.slug}", token, "lapsed")
