"""Money that buys nothing goes back unaided, with everything running: of a review that ended, and of no order."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from app.ids import new_id, new_order_id
from app.infra.mysql import open_database
from app.orders.lifecycle import Order
from app.payments.provider import Attempt
from app.payments.sandbox import SandboxProvider
from app.settings import Settings
from app.units import now_ms
from tests.world.apart import apart
from tests.world.buyers import OpenSale, assert_sound, make_event, pay, until_status
from tests.world.processes import processes
from tests.world.stack import Stack
from tests.world.waiting import until

PROCESSES = (
    "app.main",
    "sandbox.server",
    "workers.admission",
    "workers.relay",
    "workers.ledger",
    "workers.expiry",
    "workers.refunds",
)
PRICE = 4_500


@pytest.fixture(scope="module")
def running(stack: Stack) -> Iterator[dict[str, str]]:
    """Everything runs, and a review ends two seconds after the hold would have."""
    with apart(stack, REVIEW_TTL_SECONDS="2", JOIN_LIMIT="0") as env, processes(env, *PROCESSES):
        yield env


@pytest.fixture
def world(running: dict[str, str]) -> Iterator[OpenSale]:
    with ExitStack() as closing:
        own: Any = type("Own", (), {"web": running["PUBLIC_URL"], "env": running})()
        yield OpenSale(own, make_event(running, f"Floor:{PRICE}:2", hold_ttl=4, max_per_buyer=2), closing)


def payments_of(env: dict[str, str], order_id: str, statement: str = "") -> list[tuple[str, str, int]]:
    """Kind, status and minor units of each; `statement` is run first."""

    async def read() -> list[tuple[str, str, int]]:
        async with open_database(Settings.from_environment(env)) as database:
            if statement:
                await database.execute(statement, (order_id,))
            rows = await database.fetch_all(
                "SELECT kind, status, amount FROM payments WHERE order_id = %s ORDER BY kind", (order_id,)
            )
            return [(row["kind"], row["status"], int(row["amount"] * 100)) for row in rows]

    return asyncio.run(read())


def test_at_the_end_of_a_review_the_money_goes_back_and_the_tickets_are_for_sale_again(
    running: dict[str, str], world: OpenSale
) -> None:
    buyer = world.buyer()
    order_id = buyer.order(2)
    pay(buyer.client, order_id, "wrong_amount")
    until_status(buyer.client, order_id, "REVIEW")
    assert world.available() == 0, "a review keeps its tickets"
    until_status(buyer.client, order_id, "REFUNDED")
    until(lambda: world.available() == 2, what="the tickets to be for sale again")

    until(lambda: payments_of(running, order_id)[-1][1] == "REFUNDED", what="the money to be back")
    taken, given = payments_of(running, order_id)
    assert (taken[:2], given[:2]) == (("CHARGE", "COMPLETED"), ("REFUND", "REFUNDED"))
    assert taken[2] == given[2] > 0
    next_one = world.buyer()
    pay(next_one.client, bought := next_one.order(2))
    until_status(next_one.client, bought, "CONFIRMED")
    assert_sound(running, world.sale)


def test_money_for_an_order_that_nobody_knows_goes_back(running: dict[str, str], world: OpenSale) -> None:
    order_id = new_order_id(world.sale.id)
    asyncio.run(charge(Settings.from_environment(running), order_id))
    until(
        lambda: payments_of(running, order_id) == [("CHARGE", "COMPLETED", PRICE)], what="the charge in the books"
    )
    payments_of(running, order_id, "UPDATE late_charges SET since = since - INTERVAL 1 HOUR WHERE order_id = %s")
    until(
        lambda: payments_of(running, order_id) == [("CHARGE", "COMPLETED", PRICE), ("REFUND", "REFUNDED", PRICE)],
        what="the money to be back",
    )
    assert_sound(running, world.sale)


async def charge(settings: Settings, order_id: str) -> None:
    """Somebody pays at the provider for an order that is in no books."""
    async with SandboxProvider(settings) as sandbox, httpx.AsyncClient(trust_env=False) as browser:
        unknown = Order(order_id, "PENDING", total_minor=PRICE, currency="USD")
        attempt = Attempt(new_id(), PRICE, f"{settings.public_url}/", "A test", now_ms() + 60_000)
        page = await sandbox.create_checkout(unknown, attempt)
        answer = await browser.post(page.url, data={"outcome": "succeed"})
        assert answer.status_code == httpx.codes.SEE_OTHER, answer.text
