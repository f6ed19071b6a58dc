"""Every way of paying there is, at the sandbox's own page, as its buyers and the organiser see it."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PHONE, WAIT_MS
from tests.browser.test_organisers import DESKTOP, confirm, sign_in
from tests.world.buyers import Buyer, OpenSale, Sale, assert_sound, make_event, order, pay
from tests.world.commands import ticketcraze
from tests.world.stack import Stack
from tests.world.waiting import until

pytestmark = pytest.mark.slow

HOLD_SECONDS = 6
LATE_MS = 45_000  # a hold, its longer one, and the money after it

Visit = Callable[[OpenSale], Page]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Phones of buyers who have come in."""
    with ExitStack() as closing:

        def come_in(sale: OpenSale) -> Page:
            context = closing.enter_context(browser.new_context(viewport=PHONE, reduced_motion="reduce"))
            context.set_default_timeout(WAIT_MS)
            web = sale.stack.web
            context.add_cookies([{"name": "tc_buyer", "value": sale.buyer().token, "url": web}])
            page = context.new_page()
            page.goto(f"{web}/events/{sale.sale.slug}")
            return page

        yield come_in


@pytest.fixture
def organiser(browser: Browser, stack: Stack) -> Iterator[Page]:
    """The organiser's desk."""
    with browser.new_context(viewport=DESKTOP, reduced_motion="reduce") as context:
        context.set_default_timeout(WAIT_MS)
        page = context.new_page()
        sign_in(page, stack, "/admin")
        yield page


def opened(stack: Stack, closing: ExitStack, *skus: str, **options: int | str) -> OpenSale:
    """A sale with a date; sound at the end."""
    sale = make_event(stack.env, *skus, pass_ttl=3_600, starts_at="2031-06-01T20:00+01:00", **options)
    closing.callback(assert_sound, stack.env, sale)
    return OpenSale(stack, sale, closing)


def to_the_bank(page: Page, tickets: int = 1) -> None:
    for _ in range(tickets):
        page.get_by_test_id("more").first.click()
    page.get_by_test_id("reserve").click()
    pay_by(page, None)


def pay_by(page: Page, outcome: str | None) -> None:
    """Goes to the bank's page, and presses its button."""
    page.get_by_test_id("pay").click()
    expect(page.get_by_text("Test mode. No money moves here.")).to_be_visible()
    if outcome:
        page.get_by_test_id(outcome).click()


def shows(page: Page, state: str, timeout: float = WAIT_MS) -> None:
    expect(page.locator("main")).to_have_attribute("data-state", state, timeout=timeout)


def of_order(page: Page) -> str:
    """The id of the order that the page is about."""
    return page.url.rpartition("/")[2].partition("?")[0]


def code_on(page: Page) -> str:
    """The code of the first ticket on a page."""
    return str(page.locator(".scan").first.get_attribute("data-code"))


def open_order(organiser: Page, stack: Stack, order_id: str) -> None:
    organiser.goto(f"{stack.web}/admin/orders/{order_id}")


def press(organiser: Page, button: str) -> None:
    """Presses a button that asks first, and waits for the page that follows."""
    organiser.get_by_test_id(button).click()
    with organiser.expect_navigation():
        confirm(organiser)


def test_a_buyer_is_declined_pays_twice_hands_a_ticket_on_and_gets_a_refund_granted(
    visit: Visit, organiser: Page, browser: Browser, stack: Stack
) -> None:
    with ExitStack() as closing:
        sale = opened(stack, closing, refund_days=7)
        page = visit(sale)
        to_the_bank(page, 2)
        page.get_by_test_id("decline").click()
        shows(page, "held")
        expect(page.locator(".note-bad").locator("visible=true")).to_contain_text("nothing was charged")
        pay_by(page, "twice")
        shows(page, "confirmed")
        words = page.locator("[data-slot=yours_words]")
        expect(words).to_have_text("$90.00 paid. $90.00 came on top of it, and was sent back to you.")
        rows = [row.split(",")[0].split("$")[0] for row in page.locator("[data-payments] tr").all_inner_texts()]
        assert sorted(row.strip() for row in rows) == ["Declined", "Paid", "Paid", "Refunded"]

        order_page = page.url.partition("?")[0]
        page.get_by_test_id("tickets").click()
        old = code_on(page)
        page.locator("summary").first.click()
        page.get_by_test_id("hand-on").first.click()
        link = page.get_by_test_id("handed-link").inner_text()
        friend = closing.enter_context(browser.new_context(viewport=PHONE)).new_page()
        friend.goto(link)
        assert code_on(friend) != old
        code, made = ticketcraze(
            stack.env, "admin", "key", "create", "--name", sale.sale.slug, "--scope", "door", "--event",
            sale.sale.slug,
        )  # fmt: skip
        assert code == 0, made
        at_the_door = httpx.post(
            f"{stack.web}/api/v1/tickets/{old}/use",
            json={"gate": "A"},
            headers={"Authorization": f"Bearer {made['key']}"},
            trust_env=False,
        )
        assert (at_the_door.status_code, at_the_door.json()["code"]) == (410, "void")

        page.goto(order_page)
        page.get_by_test_id("refund").locator("summary").click()
        page.get_by_test_id("refund-why").fill("I broke a leg")
        page.get_by_test_id("ask-refund").click()
        expect(page.get_by_test_id("refund-answer")).to_contain_text("until then your tickets stay valid")
        organiser.goto(f"{stack.web}/admin/events/{sale.sale.slug}/trouble")
        expect(organiser.locator(".trouble-list")).to_contain_text("A buyer asks for a refund: I broke a leg")
        organiser.locator(".trouble-list a").first.click()
        expect(organiser.get_by_test_id("asked")).to_have_text("I broke a leg")
        press(organiser, "grant")
        shows(page, "refunded")
        friend.reload()
        expect(friend.locator("main .scan")).to_have_count(0)


def test_of_two_wrong_amounts_the_organiser_accepts_one_and_gives_the_other_back(
    visit: Visit, organiser: Page, stack: Stack
) -> None:
    with ExitStack() as closing:
        sale = opened(stack, closing)
        taken, given_back = visit(sale), visit(sale)
        for page in (taken, given_back):
            to_the_bank(page)
            page.get_by_test_id("wrong_amount").click()
            shows(page, "review")
        organiser.goto(f"{stack.web}/admin/events/{sale.sale.slug}/trouble")
        expect(organiser.locator(".trouble-list li")).to_have_count(2)
        open_order(organiser, stack, of_order(taken))
        press(organiser, "accept")
        shows(taken, "confirmed")
        expect(taken.get_by_test_id("tickets")).to_be_visible()
        open_order(organiser, stack, of_order(given_back))
        press(organiser, "cancel")
        shows(given_back, "refunded")
        organiser.goto(f"{stack.web}/admin/events/{sale.sale.slug}/trouble")
        expect(organiser.get_by_test_id("quiet")).to_be_visible()


def test_a_deposit_is_paid_and_then_the_rest(visit: Visit, stack: Stack) -> None:
    with ExitStack() as closing:
        page = visit(opened(stack, closing, deposit_percent=20, rest_due_days=14))
        expect(page.locator("[data-view=admitted]")).to_contain_text("You pay 20% when you order")
        to_the_bank(page, 2)
        expect(page.get_by_test_id("amount")).to_have_text("$18.00")
        page.get_by_test_id("succeed").click()
        told = page.get_by_test_id("instalments").locator("visible=true")
        expect(told).to_contain_text("Your deposit of $18.00 is paid, and the tickets stay held for you.")
        expect(page.get_by_test_id("pay")).to_have_text("Pay $72.00")
        pay_by(page, "succeed")
        shows(page, "confirmed")


def test_money_that_comes_late_buys_the_tickets_that_are_left_or_goes_back_and_the_page_says_which(
    visit: Visit, stack: Stack
) -> None:
    with ExitStack() as closing:
        left = opened(stack, closing, hold_ttl=HOLD_SECONDS)
        gone = opened(stack, closing, "Floor:4500:2", hold_ttl=HOLD_SECONDS)
        lucky, late = visit(left), visit(gone)
        other = gone.buyer()
        pay(other.client, other.order())
        for page in (lucky, late):
            to_the_bank(page)
            page.get_by_test_id("late").click()
            shows(page, "paying")
        placed = _next(other, gone.sale)
        shows(late, "lapsed", LATE_MS)
        expect(late.locator("[data-slot=lapsed_words]")).to_have_text(
            re.compile("too late and the tickets had gone. All of it was sent back to you"), timeout=LATE_MS
        )
        shows(lucky, "confirmed", LATE_MS)
        other.client.delete(f"/orders/{placed}")


def _next(buyer: Buyer, sale: Sale) -> str:
    """Whoever is quick gets what comes back: the order's id."""

    def tried() -> str | None:
        answer = order(buyer.client, sale)
        return str(answer.json()["order_id"]) if answer.status_code == httpx.codes.ACCEPTED else None

    return until(tried, LATE_MS / 1000, "a ticket that comes back")
