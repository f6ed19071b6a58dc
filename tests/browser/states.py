"""Every page and state there is, made through the API: for axe, for the layout, and for the pictures in docs/."""

import asyncio
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import BrowserContext, Page, Route

from app.ids import new_id
from app.infra.mysql import open_database
from app.organisers.rehearsal import Check, Verdict, keep_verdict
from app.outbound.outbox import Message, ended, enqueue
from app.payments.findings import Finding, close, keep_findings
from app.settings import Settings
from app.units import now_ms
from app.web.problems import Problem
from tests.world.buyers import Sale, api, come_in, join, make_event, order, pay, until_status
from tests.world.commands import ticketcraze
from tests.world.stack import Stack
from tests.world.waiting import until

DRAW_SECONDS = 30.0
TWO_SKUS = ("Floor standing:4500:300", "Balcony, row A to F:7900:60")


@dataclass(frozen=True)
class State:
    """A page to look at: where it is, whose browser it is, what it should show (empty where that has no name)."""

    name: str
    path: str  # or a whole address, where it is not the shop's
    token: str = ""
    shows: str = ""
    admin: str = ""  # the session of an organiser
    before: Callable[[Page], None] | None = None  # the page is opened
    after: Callable[[Page], None] | None = None

    def open(self, stack: Stack, context: BrowserContext) -> Page:
        """A new page that shows it."""
        page = context.new_page()
        self.show(stack, page)
        return page

    def show(self, stack: Stack, page: Page) -> None:
        """Leads a page there, whatever it showed before."""
        context = page.context
        context.clear_cookies()
        page.unroute_all()
        for name, value in (("tc_buyer", self.token), ("tc_admin", self.admin)):
            if value:
                context.add_cookies([{"name": name, "value": value, "url": stack.web}])
        if self.before:
            self.before(page)
        page.goto(self.path if "://" in self.path else stack.web + self.path)
        if self.after:
            self.after(page)
        if self.shows:
            page.wait_for_selector(f'main[data-state="{self.shows}"]')


def full_door(page: Page) -> None:
    """The server answers joins like one that has too much to do."""

    def refuse(route: Route) -> None:
        headers = {"Retry-After": "20", "Content-Type": "application/problem+json"}
        route.fulfill(status=503, headers=headers, body='{"code": "busy", "title": "Too many people at once."}')

    page.route("**/api/v1/events/*/queue", refuse)


def refused(code: str, *, form: bool = False) -> Callable[[Page], None]:
    """The server answers with the page of a problem; of a form that was sent, if `form`."""
    html = bytes(Problem(code).page(asked=not form, readable=not form).body).decode()

    def answer(page: Page) -> None:
        page.route("**/refused", lambda route: route.fulfill(content_type="text/html", body=html))

    return answer


def choose_two(page: Page) -> None:
    more = page.get_by_test_id("more").locator("visible=true").first
    more.click()
    more.click()


def press_join(page: Page) -> None:
    page.get_by_test_id("join").locator("visible=true").first.click()


def press_stay(page: Page) -> None:
    page.get_by_test_id("stay").click()


def press(action: str) -> Callable[[Page], None]:
    """Presses a button, and what it asks is there to be read."""

    def ask(page: Page) -> None:
        page.locator(action).locator("visible=true").first.click()
        page.wait_for_selector("dialog[open]")

    return ask


def unfold(page: Page) -> None:
    page.locator("summary").locator("visible=true").first.click()


def unfold_refund(page: Page) -> None:
    page.get_by_test_id("refund").locator("summary").click()


def hand_on(page: Page) -> None:
    unfold(page)
    page.get_by_test_id("hand-on").first.click()
    page.wait_for_selector("[data-testid=handed-link]")


class World:
    """Sales in all their states, and buyers in them."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.sales: list[Sale] = []

    def sale(self, *skus: str, **options: int | str) -> Sale:
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

    def address_in(self, token: str, path: str, pattern: str) -> str:
        """The first address of this form in a buyer's page."""
        page = httpx.get(self.stack.web + path, cookies={"tc_buyer": token}, trust_env=False)
        found = re.search(pattern, page.text)
        assert found, f"{path} has no {pattern}"
        return urlsplit(found[0]).path

    def ticket_for_somebody(self, token: str, order_id: str) -> str:
        """The address of the last ticket of an order, handed on."""
        with api(self.stack, token) as client:
            ticket = client.get(f"/orders/{order_id}/tickets").json()[-1]["ticket_id"]
            key = {"Idempotency-Key": new_id()}
            return str(client.post(f"/orders/{order_id}/tickets/{ticket}/handover", headers=key).json()["link"])

    def draft(self, organiser: httpx.Client) -> str:
        """The slug of an event that is not on sale yet."""
        floor, slug = {"name": "Floor standing", "price": 4_500, "capacity": 300}, f"draft-{new_id()}"
        body = {"slug": slug, "name": "Night of Lights", "skus": [floor], "opens_in": 3_600, "draft": True}
        assert organiser.post("/admin/events", json=body).status_code == httpx.codes.CREATED
        return slug

    def ask_for_a_refund(self, token: str, order_id: str) -> None:
        """As its buyer."""
        with api(self.stack, token) as client:
            asked = client.post(f"/orders/{order_id}/refund-requests", json={"reason": "I broke a leg"})
        assert asked.status_code == httpx.codes.ACCEPTED, asked.text

    def mailed(self, order_id: str) -> str:
        """The address of what was mailed about an order, on a machine without a mail server."""

        def arrived() -> re.Match[str] | None:
            page = httpx.get(f"{self.stack.web}/development/mail", trust_env=False).text
            return re.search(
                rf'href="(/development/mail/[^"/]+)">(?:(?!</li>).)*kim\+{order_id}@', page, re.DOTALL
            )

        return str(until(arrived, what="the mail")[1])

    def rehearsed(self, sale: Sale) -> None:
        """A sale that was a rehearsal, with its verdict."""
        checks = [Check("Every order exists once", True, ""), Check("Nothing is overdue", False, "one hold is")]
        verdict = Verdict(
            ok=False, of="night-of-lights", at="2026-11-25T20:00:00Z", buyers=5_000, tickets=500, sold=500,
            seconds=300, ends={"confirmed": 240, "sold_out": 4_760},
            waited_seconds={"p50": 5, "p95": 70, "max": 134},
            most={"waiting": 4_800, "admitted": 200, "holding": 190}, orders_a_second=8.5, killed="relay",
            findings=["Half of them waited for a minute: a larger room lets more of them choose at once."],
            checks=checks,
        )  # fmt: skip

        async def keep() -> None:
            async with open_database(Settings.from_environment(self.stack.env)) as database:
                await database.execute(
                    "INSERT INTO rehearsals (event_id, of_slug, began_at) VALUES (%s, %s, UTC_TIMESTAMP(3))",
                    (sale.id, verdict.of),
                )
                await keep_verdict(database, sale.id, verdict)

        asyncio.run(keep())

    def troubled(self, sale: Sale, *order_ids: str) -> None:
        """What waits for somebody in a sale: findings, open and mended, and mail that was given up."""
        said = {
            "missing_here": ("tell_ledger", "sandbox took $90.00"),
            "amount": ("people", "sandbox says $91.00, the books $90.00"),
            "redis_behind": ("settle_redis", "version 1, the books have 2"),
        }
        found = [
            Finding(kind, action, order_ids[0], detail, "sandbox", new_id())
            for kind, (action, detail) in said.items()
        ]

        async def keep() -> None:
            async with (
                open_database(Settings.from_environment(self.stack.env)) as database,
                database.connection() as connection,
            ):
                await keep_findings(connection, found)
                await close(database, found[-1].id)

        asyncio.run(keep())
        self.given_up(Message(new_id(), "order.refunded", sale.id, order_ids[1]))

    def given_up(self, message: Message) -> None:
        """Nobody took it."""

        async def give_up() -> None:
            async with (
                open_database(Settings.from_environment(self.stack.env)) as database,
                database.connection() as connection,
            ):
                await enqueue(
                    connection, [message], now_ms() + 3_600_000
                )  # the stack's own sender leaves it alone
                await ended(connection, message, "FAILED", "550 no such mailbox", now_ms(), now_ms())

        asyncio.run(give_up())

    def states(self) -> list[State]:
        """All of them."""
        kinds = (
            self.buying,
            self.bought,
            self.organising,
            self.opening,
            self.in_line,
            self.standing_still,
            self.running_out,
            self.ended,
        )
        with ThreadPoolExecutor(len(kinds)) as pool:
            return [state for made in pool.map(lambda kind: list(kind()), kinds) for state in made]

    def buying(self) -> Iterator[State]:
        """From the list to the bank and back."""
        sale = self.sale(pass_ttl=3_600, hold_ttl=3_600)
        at = f"/events/{sale.slug}"
        yield State("list", "/")
        yield State("joinable", at, shows="joinable")
        yield State("door", at, shows="door", before=full_door, after=press_join)
        _, token = self.inside(sale)
        yield State("admitted", at, token, "admitted", after=choose_two)
        yield State("asked to leave", at, token, "admitted", after=press("[data-action=leave]"))
        _, token, _ = self.holding(sale)
        yield State("held", at, token, "held")
        yield State("asked to give back", at, token, "held", after=press("[data-action=cancel]"))
        client, token, placed = self.holding(sale)
        checkout = client.post(f"/orders/{placed}/payments").json()["redirect_url"]
        until(lambda: client.get(f"/orders/{placed}").json()["payments"])
        yield State("paying", at, token, "paying")
        yield State("at the provider", checkout)
        client, token, placed = self.holding(sale)
        checkout = client.post(f"/orders/{placed}/payments").json()["redirect_url"]
        httpx.post(checkout, data={"outcome": "decline"}, trust_env=False)
        until(lambda: [p for p in client.get(f"/orders/{placed}").json()["payments"] if p["status"] == "FAILED"])
        yield State("declined", at, token, "held")
        yield State("declined at the provider", checkout)
        client, token = self.inside(sale)
        client.delete(f"/events/{sale.slug}/queue")
        yield State("left", at, token, "joinable")

    def bought(self) -> Iterator[State]:
        """What orders come to."""
        sale = self.sale(
            pass_ttl=3_600, hold_ttl=3_600, refund_days=7, starts_at="2027-06-01T20:00+01:00", venue="Harbour Hall"
        )
        at = f"/events/{sale.slug}"
        client, token, placed = self.holding(sale)
        client.put(f"/orders/{placed}/contact", json={"email": f"kim+{placed}@example.com"})
        pay(client, placed)
        until_status(client, placed, "CONFIRMED")
        yield State("confirmed", at, token, "confirmed")
        yield State("ticket", f"/orders/{placed}", token, "confirmed")
        yield State("a refund to ask for", f"/orders/{placed}", token, "confirmed", after=unfold_refund)
        yield State("tickets", f"/orders/{placed}/tickets", token)
        yield State("mail", "/development/mail")
        yield State("a mail", self.mailed(placed))
        weeks = self.sale(deposit_percent=20, rest_due_days=14)
        client, token, placed = self.holding(weeks)
        pay(client, placed)
        until(lambda: client.get(f"/orders/{placed}").json()["instalments"][0]["paid"], what="the deposit")
        yield State("deposit paid", f"/orders/{placed}", token, "held")
        token, placed = self.paid(sale, "succeed", "CONFIRMED")
        yield State("handed on", f"/orders/{placed}/tickets", token, after=hand_on)
        self.ask_for_a_refund(token, placed)
        yield State("refund asked for", f"/orders/{placed}", token, "confirmed")
        yield State("somebody's ticket", self.ticket_for_somebody(token, placed))
        token, placed = self.paid(sale, "wrong_amount", "REVIEW")
        yield State("review", at, token, "review")
        client, token, placed = self.holding(sale)
        client.delete(f"/orders/{placed}")
        until_status(client, placed, "CANCELED")
        yield State("given back", f"/orders/{placed}", token, "lapsed")
        yield State("unknown order", f"/orders/{placed}")
        yield State("no tickets yet", f"/orders/{placed}/tickets", token)

    def organising(self) -> Iterator[State]:
        """The organiser's pages, and those that are nobody's."""
        sale = self.sale(refund_days=7)
        self.ask_for_a_refund(*(asked := self.paid(sale, "succeed", "CONFIRMED")))
        _, odd = self.paid(sale, "wrong_amount", "REVIEW")
        admin = self.stack.run["admin"]
        credentials = {"user": admin["user"], "password": admin["password"]}
        with api(self.stack) as client:
            session = str(client.post("/admin/sessions", json=credentials).json()["token"])
            client.headers["Authorization"] = f"Bearer {session}"
            invited = {"email": "kim@example.com", "role": "viewer", "event": sale.slug}
            invitation = str(client.post("/admin/invitations", json=invited).json()["link"])
            wall = str(client.put(f"/admin/events/{sale.slug}/wall", json={"money": True}).json()["link"])
            client.post("/admin/keys", json={"name": "the shop's own", "scopes": ["read"]})
            draft = self.draft(client)
        self.troubled(sale, odd, asked[1])
        hooked = ("webhook", "add", "https://shop.example/told", "--event", sale.slug)
        hook = ticketcraze(self.stack.env, *hooked, "--kind", "ticket.used")[1]["id"]
        self.given_up(Message(new_id(), "ticket.used", sale.id, asked[1], webhook_id=hook))
        at = f"/admin/events/{sale.slug}"
        yield State("dashboard", at, admin=session)
        yield State(
            "asked to close a finding", f"{at}/trouble", admin=session, after=press("[data-ask=seen] .btn")
        )
        yield State("asked to pause", at, admin=session, after=press("[data-control=paused]"))
        self.rehearsed(sale)
        for page in ("orders", "trouble", "settings", "log", "rehearsals", "verdict", "webhooks"):
            yield State(page, f"{at}/{page}", admin=session)
        yield State("a buyer's data", f"{at}/buyers?q={odd}", admin=session)
        yield State("an order", f"/admin/orders/{odd}", admin=session)
        yield State("an order to refund", f"/admin/orders/{asked[1]}", admin=session)
        yield State("new event", "/admin/new", admin=session)
        yield State("preview", f"/admin/events/{draft}/preview", admin=session, shows="joinable")
        yield State("calling off", f"{at}/calling-off", admin=session)
        yield State("settings of a draft", f"/admin/events/{draft}/settings", admin=session)
        yield State("account", "/admin/account", admin=session)
        yield State("sales", "/admin", admin=session)
        yield State("people", "/admin/people", admin=session)
        yield State("a person", f"/admin/people/{admin['user']}", admin=session)
        yield State("wall", "/wall/" + wall.partition("/wall/")[2])
        yield State("invited", urlsplit(invitation).path)
        yield State("login", "/admin/login")
        yield State("at the door", f"/door/{sale.slug}")
        yield State("not found", "/nothing")
        yield State("unavailable", "/refused", before=refused("unavailable"))
        yield State("form refused", "/refused", before=refused("busy", form=True))
        yield State("a problem explained", "/problems/limit")

    def opening(self) -> Iterator[State]:
        """Before the sale, and what the draw was."""
        later = self.sale(opens_in=3_600)
        at = f"/events/{later.slug}"
        token = self.waiting(later, 2)
        yield State("not open yet", at, shows="joinable")
        presale = self.sale(opens_in=3_600, codes="required")
        yield State("presale", f"/events/{presale.slug}", shows="joinable")
        yield State("lobby", at, token, "lobby")
        yield State("draw to come", f"{at}/draw", shows="committed")
        drawn = self.sale(opens_in=3_600, room=1)
        token = self.waiting(drawn, 3)
        ticketcraze(self.stack.env, "event", "open", drawn.slug)
        with api(self.stack) as client:
            draw = f"/events/{drawn.slug}/draw"
            until(lambda: client.get(draw).json()["state"] == "published", DRAW_SECONDS, "the published draw")
        yield State("draw published", draw, token, "published")

    def in_line(self) -> Iterator[State]:
        """Waiting, and going on elsewhere."""
        sale = self.sale("Floor standing:4500:9", room=1, pass_ttl=3_600)
        at = f"/events/{sale.slug}"
        self.inside(sale)
        yield State("next in line", at, self.waiting(sale), "waiting")
        token = self.waiting(sale, 2)
        yield State("waiting", at, token, "waiting")
        yield State("waiting, unlikely", at, self.waiting(sale, 16), "waiting")
        yield State("for another device", at, token, "waiting", after=unfold)
        link = self.address_in(token, at, rf"/resume/{sale.slug}/[\w.~-]+")
        yield State("going on here", link)
        yield State("here already", link, token)
        yield State("going on instead", link, self.waiting(sale))
        yield State("a link of no use", f"/resume/{sale.slug}/nonsense")

    def standing_still(self) -> Iterator[State]:
        """A sale that is paused."""
        sale = self.sale("Floor standing:4500:9", room=1, pass_ttl=3_600)
        at = f"/events/{sale.slug}"
        _, token = self.inside(sale)
        waiting = self.waiting(sale, 2)
        ticketcraze(self.stack.env, "event", "pause", sale.slug)
        yield State("paused", at, shows="paused")
        yield State("paused, waiting", at, waiting, "paused")
        yield State("paused, inside", at, token, "paused")

    def running_out(self) -> Iterator[State]:
        """The last tickets: in baskets, and gone."""
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

    def ended(self) -> Iterator[State]:
        """A turn that ended, and a sale that did."""
        brief = self.sale(pass_ttl=1)
        client, token = self.inside(brief)
        until(lambda: client.get(f"/events/{brief.slug}/queue").json()["status"] == "lapsed")
        yield State("turn ended", f"/events/{brief.slug}", token, "lapsed")
        closed = self.sale()
        ticketcraze(self.stack.env, "event", "close", closed.slug)
        yield State("closed", f"/events/{closed.slug}", shows="closed")
