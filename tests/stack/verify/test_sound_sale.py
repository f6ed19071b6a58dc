"""`verify` says nothing about a sale that is sound, at every instant."""

import asyncio
import random
from contextlib import suppress

import pytest
from redis.asyncio import Redis

from app.orders.facts import (
    Fact,
)
from app.orders.reservations import Refused
from app.watch.verify import stock, verify
from tests.world.books import (
    CAPACITY,
    PRICE_MINOR,
    World,
    canceled,
    in_a_world,
    lapsed,
    live_a_little,
    new_world,
    paid,
    refund_asked,
    refunds_done,
)


def test_a_sale_in_which_everything_happened_is_sound(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        await live_a_little(world)
        checks = await world.check()
        assert {number: check.detail for number, check in checks.items()} == dict.fromkeys(range(1, 14), "")
        assert all(check.ok for check in checks.values())
        assert checks[1].figures == {
            "events": 1, "skus": 2, "capacity": CAPACITY + 10, "available": CAPACITY + 3, "held": 2, "sold": 5,
        }  # fmt: skip
        assert checks[2].figures == {"holds": 2, "buyers": 12, "tickets": 7}
        assert checks[3].figures == {"skus": 2, "available": CAPACITY + 3, "held": 2, "sold": 5}
        assert checks[4].figures == {"orders": 12, "confirmed": 4}
        assert checks[5].figures == {
            "taken_minor_USD": 9 * PRICE_MINOR + 1,
            "returned_minor_USD": 3 * PRICE_MINOR + 500,
            "orders_say_minor_USD": 6 * PRICE_MINOR + 1 - 500,
            "going_back_minor_USD": 0,
            "refund_failed_minor_USD": 700,
            "refused_refunds": 1,
        }
        assert checks[6].figures == {"transactions": 14}
        assert checks[9].figures == {"answers": 12, "orders": 12, "rejected": 0}
        assert checks[12].figures == {"good": 5, "used": 0, "void": 1}

    in_a_world(own_env, story)


def test_without_a_rest_only_what_holds_at_every_instant_is_checked(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        await world.place()
        checks = await world.check(at_rest_seconds=None)
        assert list(checks) == [1, 2, 3, 4, 5, 6]
        assert all(check.ok for check in checks.values())

    in_a_world(own_env, story)


def test_in_the_middle_of_a_sale_nothing_is_called_wrong(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        over = asyncio.Event()
        dice = random.Random(7)  # noqa: S311  # no secret

        async def buyers() -> None:
            while not over.is_set():
                with suppress(Refused):
                    await world.place(dice.randint(1, 3))
                await asyncio.sleep(0)

        async def books() -> None:
            known: list[str] = []
            while not over.is_set():
                known += [fact.order_id for fact in await world.carry()]
                facts: list[Fact] = []
                for order in [await world.read(order_id) for order_id in dice.sample(known, min(len(known), 30))]:
                    fates: list[list[Fact]] = [
                        [paid(order.id, order.total_minor)],
                        [paid(order.id, order.total_minor), paid(order.id, order.total_minor)],
                        [paid(order.id, 1)],
                        [lapsed(order.id)],
                        [canceled(order.id)],
                        refunds_done(order),
                        refunds_done(order, ok=False),
                        refund_asked(order, 1),
                        refund_asked(order, order.total_minor),
                    ]
                    facts += dice.choice(fates)
                await world.write(*facts)

        working = [asyncio.create_task(task()) for task in (buyers, buyers, books)]
        try:
            orders = looks = 0
            while orders < 300 or looks < 60:
                checks = await world.check(at_rest_seconds=None)
                orders, looks = int(checks[4].figures["orders"]), looks + 1
                assert [check.detail for check in checks.values() if not check.ok] == []
        finally:
            over.set()
            await asyncio.gather(*working)

    in_a_world(own_env, story, capacity=1_000)


def test_a_sale_too_big_for_one_look_is_looked_at_page_by_page(
    own_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stock, "MOST_HOLDS", 2)
    monkeypatch.setattr(stock, "MOST_BUYERS", 2)

    async def story(world: World) -> None:
        orders = [await world.order() for _ in range(5)]
        check = (await world.check())[2]
        assert check.ok
        assert check.figures == {"holds": 5, "buyers": 5, "tickets": 5}

        await world.redis.hset(world.key("bought"), await world.buyer_of(orders[0]), CAPACITY + 1)
        await world.redis.zrem(world.key("holds"), orders[1])
        detail = (await world.failing())[2]
        assert "held 5, the records say 4" in detail
        assert "over the limit" in detail

    in_a_world(own_env, story)


def test_what_is_too_much_to_look_at_while_it_moves_is_said(
    own_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stock, "MOST_HOLDS", 2)
    monkeypatch.setattr(stock, "MOST_BUYERS", 2)

    async def story(world: World) -> None:
        for _ in range(5):
            await world.order()
        walk = stock._walk

        async def and_somebody_buys(redis: Redis, event_id: int, name: str) -> dict[str, str]:
            found = await walk(redis, event_id, name)
            await world.order()
            return found

        monkeypatch.setattr(stock, "_walk", and_somebody_buys)
        check = (await world.check(at_rest_seconds=None))[2]
        assert check.ok
        assert check.figures["holds_not_looked_at"] == 9
        assert check.figures["buyers_not_looked_at"] == 11

    in_a_world(own_env, story)


def test_it_waits_for_what_is_on_its_way(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        await world.place()
        assert (await world.failing()).keys() == {7, 8, 9}
        verifying = asyncio.create_task(world.check(at_rest_seconds=30))
        _, waiting = await asyncio.wait([verifying], timeout=1)
        assert waiting, "it did not wait for the outbox"
        await world.carry()
        assert [check.detail for check in (await verifying).values() if not check.ok] == []

    in_a_world(own_env, story)


def test_all_events_are_checked_together_and_the_broken_one_is_named(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        async with new_world(world.settings) as other:
            await live_a_little(other)
            checks = await verify(world.settings, world.redis, world.database, None, 0)
            assert [check.detail for check in checks if not check.ok] == []
            assert checks[0].figures["events"] == 2
            await other.redis.hincrby(other.key("stock"), f"{other.sku}:available", 1)
            checks = await verify(world.settings, world.redis, world.database, None, None)
            assert [check.number for check in checks if not check.ok] == [1]
            assert other.event.slug in checks[0].detail
            assert world.event.slug not in checks[0].detail

    in_a_world(own_env, story)
