"""No script decides anything in a Redis that is not known to have what the books have."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis

from app.infra import epochs, scripts
from app.infra.keys import keys, live_channel
from app.infra.redis import NotReady, Restarted, open_redis
from app.orders.reservations import due_holds, reserve
from app.sale.admission import Admitted, admit
from app.settings import Settings

EVENT_ID = 4_100_000_001  # of no event in the books
ORDER_ID = f"00000000-0000-7000-8000-0000{EVENT_ID:08x}"
RUNS = [name for name in scripts._TEXTS if name not in scripts._ANYTIME]


def with_sale(env: dict[str, str], story: Callable[[Redis], Awaitable[None]], **fields: str | int) -> None:
    """With a sale in Redis that has one ticket, one buyer who may shop, and these fields."""

    async def main() -> None:
        sale, stock, passes = names = keys(EVENT_ID, "sale", "stock", "passes")
        async with open_redis(Settings.from_environment(env)) as redis:
            run_id = (await redis.info("server"))["run_id"]
            sale_fields = {
                "ready": 1, "epoch": 1, "run_id": run_id, "state": "open", "max_per_buyer": 4,
                "hold_ttl_seconds": 60, "currency": "USD", **fields,
            }  # fmt: skip
            await redis.hset(sale, mapping={k: v for k, v in sale_fields.items() if v != ""})
            await redis.hset(stock, mapping={"5:capacity": 1, "5:available": 1, "5:held": 0, "5:price": 100})
            await redis.zadd(passes, {"buyer": 9_999_999_999_999})
            try:
                await story(redis)
                assert await redis.hget(stock, "5:available") == "1"
            finally:
                epochs._known.pop(EVENT_ID, None)
                await redis.delete(*names, *[name async for name in redis.scan_iter(f"tc:{{{EVENT_ID}}}:*")])

    asyncio.run(main())


async def run(redis: Redis, name: str) -> None:
    await scripts.run(redis, name, keys(EVENT_ID, *("x" for _ in range(12))), [1] * 12)


async def buy(redis: Redis) -> None:
    await reserve(redis, EVENT_ID, "buyer", "key", [(5, 1)], outbox_cap=10, max_orders=10)


def test_every_script_of_a_sale_is_held_back() -> None:
    assert len(RUNS) >= 12
    assert all(scripts._READY in scripts._TEXTS[name] for name in RUNS)
    asking_again = [name for name in RUNS if "'ready'" in scripts._TEXTS[name].replace(scripts._READY, "")]
    assert asking_again == [], "what is held back already need not ask"
    assert set(scripts._ANYTIME) & set(RUNS) == set()


@pytest.mark.parametrize("name", RUNS)
def test_in_a_redis_behind_the_books_it_refuses(env: dict[str, str], name: str) -> None:
    async def story(redis: Redis) -> None:
        epochs.learn(EVENT_ID, 3)
        with pytest.raises(NotReady):
            await run(redis, name)

    with_sale(env, story, epoch=2)


@pytest.mark.parametrize("fields", [{"ready": ""}, {"ready": 0}], ids=["missing", "being rebuilt"])
def test_without_a_ready_sale_nothing_is_sold(env: dict[str, str], fields: dict[str, str | int]) -> None:
    async def story(redis: Redis) -> None:
        with pytest.raises(NotReady):
            await buy(redis)

    with_sale(env, story, **fields)


def test_a_redis_that_was_started_since_sells_nothing_until_it_was_compared_with_the_books(
    env: dict[str, str],
) -> None:
    async def story(redis: Redis) -> None:
        with pytest.raises(Restarted):
            await buy(redis)

    with_sale(env, story, run_id="5e" * 20)


def test_what_a_process_knows_of_epochs_only_grows(env: dict[str, str]) -> None:
    async def story(redis: Redis) -> None:
        epochs.learn(EVENT_ID, 3)
        epochs.learn(EVENT_ID, 2)
        with pytest.raises(NotReady):
            await buy(redis)

    with_sale(env, story, epoch=2)


def test_a_process_that_missed_a_rebuild_may_go_on(env: dict[str, str]) -> None:
    """Its Redis is right; only the books' epoch is news to it."""

    async def story(redis: Redis) -> None:
        epochs.learn(EVENT_ID, 3)
        await scripts.run(redis, "due_holds", keys(EVENT_ID, "sale", "holds"), [0, 10])

    with_sale(env, story, epoch=4)


def test_one_event_that_is_not_ready_stops_no_other(env: dict[str, str]) -> None:
    async def story(redis: Redis) -> None:
        epochs.learn(EVENT_ID, 3)
        other = EVENT_ID + 1
        run_id = (await redis.info("server"))["run_id"]
        await redis.hset(
            keys(other, "sale")[0], mapping={"ready": 1, "epoch": 1, "run_id": run_id, "state": "paused"}
        )
        try:
            await redis.zadd(keys(other, "holds")[0], {ORDER_ID: 1})
            assert await due_holds(redis, EVENT_ID, 10) == await due_holds(redis, other, 10) == []
            await redis.hset(keys(other, "sale")[0], "state", "closed")
            assert await due_holds(redis, other, 10) == [(ORDER_ID, 1)]
            let_in = await admit(redis, [EVENT_ID, other], overbooking=1.1, may_park=False, grace_seconds=30)
            assert let_in == {other: Admitted(0, 0, 0, False)}
        finally:
            await redis.delete(*keys(other, "sale", "holds"), live_channel(other))

    with_sale(env, story, epoch=2)
