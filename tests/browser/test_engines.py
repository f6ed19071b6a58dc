"""What buyers and organisers do, in Firefox and in WebKit: `make test-browsers`."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack

import pytest

from tests.browser.engines import Engine, firefox, webkit
from tests.browser.test_embed import PAGE, shop
from tests.world.buyers import api, come_in, join, make_event, order, pay, until_status
from tests.world.commands import ticketcraze
from tests.world.stack import Stack
from tests.world.waiting import until

pytestmark = pytest.mark.skipif("ENGINES" not in os.environ, reason="make test-browsers runs it")
SECONDS = 20.0


@pytest.fixture(scope="module", params=[firefox, webkit])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    start: Callable[[], AbstractContextManager[Engine]] = request.param
    with start() as running:
        yield running


def press(engine: Engine, selector: str) -> None:
    """Clicks the first such element that is seen, once it can be clicked."""
    find = (
        f"[...document.querySelectorAll({json.dumps(selector)})]"
        ".find((e) => e.getClientRects().length && !e.disabled && e.getAttribute('aria-disabled') !== 'true')"
    )
    until(lambda: engine.run(f"Boolean({find})"), SECONDS, selector)
    engine.run(f"(() => {{ {find}.click(); return true; }})()")


def expect_state(engine: Engine, *states: str) -> None:
    until(
        lambda: engine.run("document.querySelector('main')?.dataset.state ?? ''") in states, SECONDS, str(states)
    )


def text(engine: Engine, testid: str) -> str:
    return str(engine.run(f"document.querySelector('[data-testid={testid}]')?.textContent ?? ''"))


def test_a_buyer_goes_the_whole_way(engine: Engine, stack: Stack) -> None:
    sale = make_event(stack.env, "Floor:4500:20")
    engine.go(f"{stack.web}/events/{sale.slug}")
    expect_state(engine, "joinable")
    press(engine, "[data-testid=join]")
    expect_state(engine, "admitted")
    until(lambda: engine.run("Boolean(document.querySelector('[data-view=admitted] [data-link=live]'))"), SECONDS)
    press(engine, "[data-testid=more]")
    press(engine, "[data-testid=more]")
    press(engine, "[data-testid=reserve]")
    expect_state(engine, "held")
    press(engine, "[data-testid=pay]")
    press(engine, "button[value=succeed]")
    expect_state(engine, "confirmed")
    assert "Floor" in text(engine, "ticket")
    ticketcraze(stack.env, "event", "close", sale.slug)


def test_the_dashboard_moves(engine: Engine, stack: Stack) -> None:
    sale = make_event(stack.env, "Floor:4500:20")
    admin = stack.run["admin"]
    engine.go(f"{stack.web}/admin/login?next=/admin/events/{sale.slug}")
    for name in ("user", "password"):
        engine.run(f"document.querySelector('[name={name}]').value = {json.dumps(admin[name])}")
    press(engine, "[data-testid=sign-in]")
    until(lambda: text(engine, "sold") == "0", SECONDS)
    with api(stack) as buyer:
        come_in(buyer, sale)
        placed = order(buyer, sale, 3).json()["order_id"]
        until_status(buyer, placed, "PENDING")
        pay(buyer, placed)
        until(lambda: text(engine, "sold") == "3", SECONDS)
    ticketcraze(stack.env, "event", "close", sale.slug)


def test_the_work_that_a_sale_asks_for_is_done(engine: Engine, stack: Stack) -> None:
    sale = make_event(stack.env, opens_in=600, work=300)
    engine.go(f"{stack.web}/events/{sale.slug}")
    until(lambda: engine.run("Boolean(document.querySelector('altcha-widget input[name=work]')?.value)"), SECONDS)
    press(engine, "[data-testid=join]")
    expect_state(engine, "lobby")
    ticketcraze(stack.env, "event", "close", sale.slug)


def test_a_place_is_there_again_after_the_page_was_left(engine: Engine, stack: Stack) -> None:
    sale = make_event(stack.env, "Floor:4500:20", room=1)
    with api(stack) as inside, api(stack) as ahead:
        come_in(inside, sale)
        join(ahead, sale)
        engine.go(f"{stack.web}/events/{sale.slug}")
        press(engine, "[data-testid=join]")
        expect_state(engine, "waiting")
        number = engine.run("document.querySelector('[data-slot=number]').textContent")
        assert number == "3"
        engine.go("about:blank")
        engine.go(f"{stack.web}/events/{sale.slug}")
        expect_state(engine, "waiting")
        until(
            lambda: engine.run("Boolean(document.querySelector('[data-view=waiting] [data-link=live]'))"), SECONDS
        )
        assert engine.run("document.querySelector('[data-slot=number]').textContent") == number
        assert text(engine, "place") == "1"
        ahead.delete(f"/events/{sale.slug}/queue")
        until(lambda: text(engine, "place") != "1", SECONDS, "a place that moves")
    ticketcraze(stack.env, "event", "close", sale.slug)


def test_there_is_more_time_once(engine: Engine, stack: Stack) -> None:
    sale = make_event(stack.env, pass_ttl=58)
    engine.go(f"{stack.web}/events/{sale.slug}")
    press(engine, "[data-testid=join]")
    expect_state(engine, "admitted")
    press(engine, "[data-testid=extend-pass]")
    clock = "document.querySelector('[data-view=admitted] [data-slot=pass_clock]').textContent"
    until(lambda: "1:" in engine.run(clock), SECONDS, "a minute more")
    ticketcraze(stack.env, "event", "close", sale.slug)


def test_the_draw_is_recomputed(engine: Engine, stack: Stack) -> None:
    sale = make_event(stack.env, opens_in=600, rate=1, room=1)
    engine.go(f"{stack.web}/events/{sale.slug}")
    press(engine, "[data-testid=join]")
    expect_state(engine, "lobby")
    with ExitStack() as closing:
        for _ in range(5):
            join(closing.enter_context(api(stack)), sale)
    ticketcraze(stack.env, "event", "open", sale.slug)
    with api(stack) as client:
        until(lambda: client.get(f"/events/{sale.slug}/draw").json()["state"] == "published", SECONDS)
    engine.go(f"{stack.web}/events/{sale.slug}/draw")
    press(engine, "[data-testid=check]")
    until(lambda: "The draw holds" in text(engine, "result"), SECONDS, "a verdict on the draw")
    assert "Your number is" in text(engine, "own")
    assert engine.run("document.querySelectorAll('[data-found=good]').length") == 3
    ticketcraze(stack.env, "event", "close", sale.slug)


def test_arabic_reads_from_the_right(engine: Engine, stack: Stack) -> None:
    sale = make_event(stack.env, opens_in=600, starts_at="2027-06-01T20:00+01:00")
    engine.go(f"{stack.web}/events/{sale.slug}")
    press(engine, ".languages a[lang=ar]")
    until(lambda: engine.run("document.documentElement?.dir") == "rtl", SECONDS)
    until(lambda: "يونيو" in (engine.run("document.querySelector('header time')?.textContent") or ""), SECONDS)
    assert engine.run("document.documentElement.scrollWidth <= innerWidth")
    press(engine, "[data-testid=join]")
    expect_state(engine, "lobby")
    engine.go(f"{stack.web}/events/{sale.slug}?lang=en")
    ticketcraze(stack.env, "event", "close", sale.slug)


def test_a_page_of_another_site_has_the_waiting_room(engine: Engine, stack: Stack) -> None:
    pages = {"policy": f"default-src 'none'; script-src {stack.web}; connect-src {stack.web}"}
    with shop(pages) as origin, api(stack) as first:
        sale = make_event(stack.env, room=1, origin=origin, shop_url=f"{origin}/in")
        come_in(first, sale)
        pages["/"] = PAGE.format(room=stack.web, slug=sale.slug)
        engine.go(f"{origin}/")
        room = "document.querySelector('ticketcraze-room').shadowRoot"
        until(lambda: engine.run(f"Boolean({room}?.querySelector('button'))"), SECONDS)
        engine.run(f"(() => {{ {room}.querySelector('button').click(); return true; }})()")
        until(lambda: "Nobody is ahead of you" in engine.run(f"{room}.textContent"), SECONDS, "a place")
        first.delete(f"/events/{sale.slug}/queue")
        until(
            lambda: "tc_pass=" in (engine.run(f"{room}.querySelector('[part=shop]')?.href") or ""),
            SECONDS,
            "a pass",
        )
    ticketcraze(stack.env, "event", "close", sale.slug)
