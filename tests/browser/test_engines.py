"""The whole way and the dashboard in Firefox and in WebKit: `make test-browsers`."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from tests.browser.engines import Engine, firefox, webkit
from tests.world.buyers import api, come_in, make_event, order, pay, until_status
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
