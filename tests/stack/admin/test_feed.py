"""What happened in a sale, as its organisers read it: what people did, and what came of it."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from app.ids import new_id, new_order_id, short_code
from app.organisers.dashboard import FEED_LENGTH, Dashboard
from app.organisers.feed import Feed
from app.sale.events import note
from app.units import now_ms
from app.watch.processes import FORGOTTEN_MS, STALE_MS, Report
from tests.stack.admin.people import Admin, browser, new_admin, sign_in, token_of
from tests.world.books import World, in_a_world
from tests.world.buyers import OpenSale, make_event, pay, until_status
from tests.world.fixtures import own_env
from tests.world.stack import Stack
from tests.world.waiting import until

__all__ = ["own_env"]


@pytest.fixture
def admin(stack: Stack) -> Admin:
    return new_admin(stack.env)


@pytest.fixture
def api(stack: Stack, admin: Admin) -> Iterator[httpx.Client]:
    with browser(stack) as client:
        token_of(sign_in(client, admin.name, admin.password))
        yield client


def test_a_sale_tells_what_it_comes_to_and_who_gave_what_back_newest_first(
    stack: Stack, admin: Admin, api: httpx.Client
) -> None:
    with ExitStack() as closing:
        sale = OpenSale(stack, make_event(stack.env, "Floor:4500:1", "Balcony:2500:1", refund_days=1), closing)
        path = f"/api/v1/admin/events/{sale.sale.slug}"

        def feed() -> list[str]:
            snapshot: Any = api.get(path).json()
            times = [line["at"] for line in snapshot["feed"]]
            assert times == sorted(times, reverse=True)
            return [line["text"] for line in snapshot["feed"]]

        assert feed() == ["The sale was created"]
        orders = []
        for sku in sale.sale.skus:
            buyer = sale.buyer()
            items = [{"sku_id": sku.id, "quantity": 1}]
            key = {"Idempotency-Key": new_id()}
            made = buyer.client.post(f"/events/{sale.sale.slug}/orders", json={"items": items}, headers=key)
            order_id = made.json()["order_id"]
            until_status(buyer.client, order_id, "PENDING")
            pay(buyer.client, order_id)
            until_status(buyer.client, order_id, "CONFIRMED")
            orders.append((buyer, order_id))
            until(lambda: len(feed()) == (3 if len(orders) == 1 else 4), what="its line")
        assert feed() == [
            "All 2 tickets are sold",
            "The first kind of ticket is sold out: Floor",
            "Half of all tickets are sold: 1 of 2",
            "The sale was created",
        ]

        (kim, first), (_, second) = orders
        asked = kim.client.post(f"/orders/{first}/refund-requests", json={"reason": "my name is Kim"}).json()
        request = f"{path}/refund-requests/{asked['request_id']}"
        assert api.post(f"{request}/decline").status_code == httpx.codes.OK
        key = {"Idempotency-Key": new_id()}
        for _ in range(2):  # the second time it is the same decision
            given = api.post(f"/api/v1/admin/orders/{second}/refunds", headers=key)
            assert given.status_code == httpx.codes.ACCEPTED, given.text
        until(lambda: len(feed()) == 6, what="both decisions")
        assert feed()[:2] == [
            f"{admin.name} refunds order {short_code(second)}",
            f"{admin.name} declines the refund of order {short_code(first)}",
        ]
        assert "Kim" not in str(feed()), "what a buyer says of themselves is erased in time, and this is not"


def test_the_feed_is_the_newest_lines_and_no_more(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        for number in range(FEED_LENGTH + 5):
            await note(world.database, world.event.id, f"line {number} " + "x" * 300)
        feed = await told(world)
        assert [text.split(" x")[0] for text in feed] == [f"line {n}" for n in range(FEED_LENGTH + 4, 4, -1)]
        assert {len(text) for text in feed} == {280}

    in_a_world(own_env, story)


async def told(world: World) -> list[str]:
    """The feed of a world's event, newest first."""
    snapshot = await Dashboard(world.redis, world.database).snapshot(world.event)
    return [line.text for line in snapshot.feed if line.text != "The sale was created"]


def test_whoever_watches_next_tells_nothing_again(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        await world.execute("UPDATE skus SET name = 'Stalls' WHERE id = %s", world.sku)
        await world.redis.hset(world.key("stock"), mapping={f"{world.sku}:sold": 40, f"{world.sku}:available": 0})
        snapshot = await Dashboard(world.redis, world.database).snapshot(world.event)
        for feed in (Feed(world.database), Feed(world.database)):
            for _ in range(2):
                await feed.tell_sales({world.event.id: snapshot})
        assert await told(world) == [
            "The first kind of ticket is sold out: Floor",
            "Half of all tickets are sold: 40 of 50",
        ]

    in_a_world(own_env, story)


def test_a_process_that_was_started_again_is_told_once(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        def process(instance: str, since_ms: int, age_ms: int) -> Report:
            return Report("relay", 1, now_ms() - age_ms, 0, 0, 0, instance, since_ms)

        before = process("here-1", 0, STALE_MS + 5_000)
        after = process("here-2", now_ms() - STALE_MS, 0)
        watching, next_one = Feed(world.database), Feed(world.database)
        await watching.tell_restarts([world.event.id], [before], FORGOTTEN_MS)
        assert await told(world) == []
        await watching.tell_restarts(
            [world.event.id], [after], FORGOTTEN_MS
        )  # the one before took its report along
        await watching.tell_restarts([world.event.id], [after], FORGOTTEN_MS)
        await next_one.tell_restarts([world.event.id], [before, after], FORGOTTEN_MS)
        assert await told(world) == ["The process relay was started again on here"]

    in_a_world(own_env, story)


def test_a_provider_that_answers_slowly_is_told_once_until_it_is_well_again(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        async def begin(count: int, status: str, minutes_ago: int) -> None:
            for _ in range(count):
                await world.execute(
                    "INSERT INTO payments (id, order_id, kind, provider, amount, currency, status, created_at,"
                    " updated_at) VALUES (%s, %s, 'CHARGE', 'sandbox', 45, 'USD', %s,"
                    " UTC_TIMESTAMP(3) - INTERVAL %s MINUTE, UTC_TIMESTAMP(3))",
                    new_id(), new_order_id(world.event.id), status, minutes_ago,
                )  # fmt: skip

        async def look() -> list[str]:
            for _ in range(2):
                await Feed(world.database).tell_providers([world.event])
            return await told(world)

        await begin(30, "PENDING", 1)
        await begin(30, "PENDING", 14)
        assert await look() == [], "people are at its page, and what was long ago is over"
        await begin(10, "COMPLETED", 5)
        await begin(15, "PENDING", 5)
        slow = "Sandbox answers slowly: of 25 payments of ten minutes 15 still wait"
        assert await look() == [slow]
        await begin(45, "COMPLETED", 5)
        assert await look() == ["Sandbox answers again", slow]
        await begin(70, "PENDING", 5)
        assert (await look())[0] == "Sandbox answers slowly: of 140 payments of ten minutes 85 still wait"
        assert len(await look()) == 3

    in_a_world(own_env, story)
