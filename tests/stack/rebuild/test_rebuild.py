"""Whatever becomes of Redis's data: the sale comes back from the books, and nothing is sold meanwhile."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

import pytest

from app.infra import scripts
from app.infra.kafka import open_orders_log
from app.infra.keys import REBUILDING, REPAIRS
from app.infra.redis import NotReady, Restarted, open_redis
from app.orders.facts import OrderPlaced
from app.orders.more_time import extend_hold
from app.orders.rebuild import Rebuilt, UnderWay, rebuild
from app.orders.repair import Repair
from app.orders.reservations import Refused, reserve
from app.sale.events import create_event, set_state
from app.sale.waiting_room import join, rank_table
from app.settings import Settings
from app.units import now_ms
from tests.world.books import CAPACITY, STORIES, World, live_a_little, new_world, paid
from tests.world.events import an_event
from tests.world.redis_server import OwnRedis, redis_server
from tests.world.waiting import until

Story = Callable[[World, OwnRedis], Awaitable[None]]
LIMIT_SECONDS = 20
TAKE_OFF = "table.remove(ARGV) table.remove(KEYS)\n"  # what is left of ready.lua without its checks


def tell(env: dict[str, str], server: OwnRedis, story: Story) -> None:
    async def main() -> None:
        async with new_world(Settings.from_environment(env)) as world:
            await story(world, server)

    asyncio.run(main())


async def rebuild_sale(world: World, say: Callable[[str], None] = lambda step: None) -> Rebuilt:
    async with open_orders_log(world.settings) as log:
        return await rebuild(world.database, world.redis, log, world.event.id, say)


async def look_until_ready(world: World) -> None:
    """What the worker that looks after sales does, until the sale may go on."""

    async def one(event_id: int) -> None:
        assert event_id == world.event.id
        await rebuild_sale(world)

    async with asyncio.timeout(LIMIT_SECONDS), Repair(world.database, world.redis, one) as repair:
        while True:
            await repair.tick()
            try:
                await rank_table(world.redis, world.event.id)
                return
            except (NotReady, Restarted):
                await asyncio.sleep(0.1)


async def look(world: World) -> None:
    """One look of that worker at a sale that is well: the books know how far Redis has come."""

    async def none(event_id: int) -> None:
        pytest.fail("there is nothing to rebuild")

    async with Repair(world.database, world.redis, none) as repair:
        await repair.tick()


async def everything(world: World) -> dict[str, Any]:
    """All that Redis has of the sale's orders."""
    found: dict[str, Any] = {}
    for name in ("stock", "bought"):
        found[name] = {k: v for k, v in (await world.redis.hgetall(world.key(name))).items() if v != "0"}
    found["holds"] = await world.redis.zrange(world.key("holds"), 0, -1, withscores=True)
    for pattern in ("order:*", "answers:*"):
        async for name in world.redis.scan_iter(world.key(pattern), count=1_000):
            fields = cast(dict[str, str], await world.redis.hgetall(name))
            fields.pop("rebuild", None)
            # The books know the end of a review, not the end of the hold before it.
            found[name] = {k: v.rpartition(" ")[0] if is_of_review(world, v) else v for k, v in fields.items()}
    return found


def is_of_review(world: World, answer: str) -> bool:
    return answer.startswith(world.orders.get("review", "none") + " ")


async def buy(world: World, quantity: int = 1) -> str:
    return await world.place(quantity)


def test_a_sale_that_was_wiped_comes_back_as_it_was(env: dict[str, str], server: OwnRedis) -> None:
    async def story(world: World, server: OwnRedis) -> None:
        await live_a_little(world)
        before = await everything(world)
        await world.redis.flushall()
        with pytest.raises(NotReady):
            await buy(world)

        told: list[dict[Any, Any]] = []
        rebuilt = await rebuild_sale(world, lambda step: told.append(server.client.hgetall(REBUILDING)))
        assert [f"{world.event.id}".encode() in steps for steps in told] == [True] * (len(told) - 1) + [False]
        assert await everything(world) == before
        assert (rebuilt.orders, rebuilt.epoch, rebuilt.homeless) == (len(STORIES) + 1, 2, [])
        assert await world.failing() == {}

        order_id = await world.order()
        await world.write(paid(order_id))
        assert await world.failing() == {}

    tell(env, server, story)


def test_a_rebuild_of_a_sale_that_is_well_changes_nothing(env: dict[str, str], server: OwnRedis) -> None:
    async def story(world: World, server: OwnRedis) -> None:
        await live_a_little(world)
        waiting = await join(world.redis, world.event.id, secrets.token_hex(16), 1_000)
        before, idle = await everything(world), await world.redis.smembers(world.key("idle"))
        for _ in range(2):
            await rebuild_sale(world)
        assert await everything(world) == before
        assert await world.redis.smembers(world.key("idle")) == idle
        assert await world.redis.zcard(world.key("queue")) == waiting.number == 1
        assert await world.failing() == {}

    tell(env, server, story)


def test_what_the_outbox_has_and_the_books_do_not_is_kept(env: dict[str, str], server: OwnRedis) -> None:
    async def story(world: World, server: OwnRedis) -> None:
        written, waiting = await world.order(2), await world.place(3)
        await world.redis.hset(world.key("stock"), f"{world.sku}:available", 1)  # whatever went wrong
        rebuilt = await rebuild_sale(world)
        assert (rebuilt.orders, rebuilt.from_outbox) == (1, 1)
        assert await world.redis.hget(world.key("stock"), f"{world.sku}:held") == "5"

        facts = await world.carry()
        assert [fact.order_id for fact in facts if isinstance(fact, OrderPlaced)] == [waiting]
        assert (await world.read(waiting)).status == (await world.read(written)).status == "PENDING"
        assert await world.failing() == {}

    tell(env, server, story)


def test_nothing_is_sold_from_the_first_step_to_the_last(env: dict[str, str], server: OwnRedis) -> None:
    async def story(world: World, server: OwnRedis) -> None:
        for _ in range(5):
            await world.order()
        steps: list[str] = []
        refused = 0

        async def keep_buying() -> None:
            nonlocal refused
            while True:
                begun = bool(steps)
                try:
                    await buy(world)
                except NotReady:
                    refused += 1
                else:
                    if begun:
                        break

        async with asyncio.TaskGroup() as group:
            group.create_task(rebuild_sale(world, steps.append))
            group.create_task(keep_buying())
        assert refused > 10
        assert await world.redis.hget(world.key("sale"), "ready") == "1"
        await world.carry()
        assert await world.failing() == {}

    tell(env, server, story)


def test_a_redis_that_was_killed_goes_on_when_it_has_what_the_books_have(
    env: dict[str, str], server: OwnRedis
) -> None:
    async def story(world: World, server: OwnRedis) -> None:
        await world.order(2)
        await look(world)
        before = await everything(world)
        server.kill()
        server.start()
        await world.redis.connection_pool.disconnect()
        with pytest.raises(Restarted):
            await buy(world)
        await look_until_ready(world)
        assert (await world.database.fetch_one("SELECT epoch FROM events WHERE id = %s", (world.event.id,))) == {
            "epoch": 1
        }, "nothing was lost, so nothing is rebuilt"
        assert await everything(world) == before
        await world.order()
        assert await world.failing() == {}

    tell(env, server, story)


def test_older_data_that_was_put_back_sells_nothing(env: dict[str, str], server: OwnRedis) -> None:
    async def story(world: World, server: OwnRedis) -> None:
        await world.order(2)
        older = server.copy()
        sold = [await world.order(3) for _ in range(4)]
        for order_id in sold:
            await world.write(paid(order_id, 3 * 4_500))
        await look(world)
        before = await everything(world)

        server.put_back(older)
        await world.redis.connection_pool.disconnect()
        with pytest.raises(Restarted):
            await buy(world)
        await look_until_ready(world)
        assert await everything(world) == before
        assert await world.failing() == {}

    tell(env, server, story)


def test_the_last_writes_that_were_lost_are_missed_however_recent(env: dict[str, str], server: OwnRedis) -> None:
    async def story(world: World, server: OwnRedis) -> None:
        await world.order(2)
        await look(world)
        older = server.copy()
        await world.order(3)  # and nobody has looked since
        before = await everything(world)
        server.put_back(older)
        await world.redis.connection_pool.disconnect()
        await look_until_ready(world)
        assert await world.redis.hget(world.key("sale"), "epoch") == "2"
        assert await everything(world) == before
        assert await world.failing() == {}

    tell(env, server, story)


def test_what_was_settled_last_is_settled_again(env: dict[str, str], server: OwnRedis) -> None:
    async def story(world: World, server: OwnRedis) -> None:
        order_id = await world.order(2)
        await look(world)
        older = server.copy()
        await world.write(paid(order_id, 2 * 4_500))
        before = await everything(world)
        server.put_back(older)
        await world.redis.connection_pool.disconnect()
        await look_until_ready(world)
        assert await everything(world) == before

    tell(env, server, story)


def test_without_the_check_of_the_epoch_older_data_sells_what_is_sold(
    env: dict[str, str], server: OwnRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: what the checks of readiness, epoch and process keep from happening."""

    async def story(world: World, server: OwnRedis) -> None:
        older = server.copy()
        await world.order(CAPACITY)
        server.put_back(older)
        await world.redis.connection_pool.disconnect()
        monkeypatch.setitem(scripts._TEXTS, "reserve", scripts._TEXTS["reserve"].replace(scripts._READY, TAKE_OFF))
        monkeypatch.setitem(scripts._SHAS, "reserve", "0" * 40)
        assert await buy(world), "a ticket that is somebody else's"
        monkeypatch.undo()
        rebuilt = await rebuild_sale(world)
        assert len(rebuilt.homeless) == 1, "who bought it can only be disappointed"

    tell(env, server, story)


def test_a_promoted_replica_is_rebuilt(env: dict[str, str], server: OwnRedis) -> None:
    async def story(world: World, server: OwnRedis) -> None:
        with redis_server("--replicaof", f"127.0.0.1 {server.port}") as replica:
            await world.order(2)
            until(lambda: replica.client.info("server")["uptime_in_seconds"] >= 2)
            await look(world)
            until(lambda: replica.client.dbsize() == server.client.dbsize())
            replica.client.replicaof("NO", "ONE")
            promoted = Settings.from_environment({**env, "REDIS_URL": replica.url})
            async with open_redis(promoted) as redis:
                replaced, world.redis = world.redis, redis
                with pytest.raises(Restarted):
                    await buy(world)
                await look_until_ready(world)
                assert await world.redis.hget(world.key("sale"), "epoch") == "2"
                world.redis = replaced
            with pytest.raises(NotReady):
                await buy(world)  # the one that was replaced is still there, and is behind the books

    tell(env, server, story)


def test_two_do_not_rebuild_one_sale_at_once(env: dict[str, str], server: OwnRedis) -> None:
    async def story(world: World, server: OwnRedis) -> None:
        answers = await asyncio.gather(rebuild_sale(world), rebuild_sale(world), return_exceptions=True)
        assert sorted(type(answer).__name__ for answer in answers) == ["Rebuilt", "UnderWay"]
        assert isinstance(answers[0], UnderWay) or isinstance(answers[1], UnderWay)

    tell(env, server, story)


def test_a_sale_is_rebuilt_when_the_ledger_asks_for_it(env: dict[str, str], server: OwnRedis) -> None:
    async def story(world: World, server: OwnRedis) -> None:
        await world.redis.sadd(REPAIRS, world.event.id)
        rebuilt: list[int] = []
        asked = asyncio.Event()

        async def one(event_id: int) -> None:
            rebuilt.append(event_id)
            await rebuild_sale(world)
            asked.set()

        async with Repair(world.database, world.redis, one) as repair:
            for _ in range(2):
                await repair.tick()
            await asyncio.wait_for(asked.wait(), LIMIT_SECONDS)
            await repair.tick()
        assert rebuilt == [world.event.id]
        assert await world.redis.smembers(REPAIRS) == set()

    tell(env, server, story)


def test_sales_that_go_on_come_back_before_those_that_are_over(env: dict[str, str], server: OwnRedis) -> None:
    async def story(world: World, server: OwnRedis) -> None:
        over = [world.event, *[await create_event(world.database, world.redis, an_event()) for _ in range(3)]]
        for event in over:
            await set_state(world.database, world.redis, event, "closed", "", "A test")
        goes_on = await create_event(world.database, world.redis, an_event())
        await world.redis.flushall()
        begun: list[int] = []

        async def begin(event_id: int) -> None:
            begun.append(event_id)
            await asyncio.Event().wait()

        async with Repair(world.database, world.redis, begin) as repair:
            for _ in range(2):
                await repair.tick()
            await asyncio.sleep(0)
            assert begun[0] == goes_on.id
        for event in (*over[1:], goes_on):
            await world.database.execute(
                "UPDATE events SET purged_at = UTC_TIMESTAMP(3) WHERE id = %s", (event.id,)
            )

    tell(env, server, story)


def test_a_paused_sale_comes_back_paused_and_its_holds_end_as_late(env: dict[str, str], server: OwnRedis) -> None:
    async def story(world: World, server: OwnRedis) -> None:
        change = partial(set_state, world.database, world.redis, world.event, notice="Soon", who="A test")
        await world.order()
        await change(state="paused")
        await asyncio.sleep(0.05)
        await change(state="open")
        await world.order()
        await change(state="paused")
        before = await everything(world)
        was = await world.redis.hgetall(world.key("sale"))

        await world.redis.flushall()
        await rebuild_sale(world)
        now = await world.redis.hgetall(world.key("sale"))
        kept = ("state", "notice", "stopped_ms", "pauses", "paused_at_ms", "opens_at_ms", "draw_secret")
        assert {name: now.get(name) for name in kept} == {name: was.get(name) for name in kept}
        assert await everything(world) == before

    tell(env, server, story)


def test_queue_numbers_go_on_above_any_that_was_given(env: dict[str, str], server: OwnRedis) -> None:
    async def story(world: World, server: OwnRedis) -> None:
        for _ in range(3):
            last = await join(world.redis, world.event.id, secrets.token_hex(16), 1_000)
        await look(world)
        await world.redis.flushall()
        await rebuild_sale(world)
        assert (await join(world.redis, world.event.id, secrets.token_hex(16), 1_000)).number > last.number

    tell(env, server, story)


def test_the_same_key_gets_the_same_answer_after_a_rebuild(env: dict[str, str], server: OwnRedis) -> None:
    async def story(world: World, server: OwnRedis) -> None:
        buyer = secrets.token_hex(16)
        await world.redis.zadd(world.key("passes"), {buyer: now_ms() + 60_000})

        async def order() -> object:
            return await reserve(
                world.redis, world.event.id, buyer, "my key", [(world.sku, 2)], outbox_cap=10, max_orders=5
            )

        first = await order()
        await world.carry()
        await world.redis.flushall()
        await rebuild_sale(world)
        assert await order() == first

    tell(env, server, story)


def test_more_time_to_pay_outlives_a_rebuild_wherever_it_was_on_its_way(
    env: dict[str, str], server: OwnRedis
) -> None:
    async def end_of(world: World, order_id: str) -> float:
        return float(await world.redis.zscore(world.key("holds"), order_id) or 0)

    async def extend(world: World, order_id: str) -> int:
        return await extend_hold(world.redis, order_id, await world.buyer_of(order_id), "")

    async def story(world: World, server: OwnRedis) -> None:
        written, waiting = await world.order(), await world.order()
        ends = {written: await extend(world, written)}
        await world.carry()
        ends[waiting] = await extend(world, waiting)
        await rebuild_sale(world)  # the outbox has it, the books do not
        await world.carry()
        for wiped in (False, True):
            if wiped:
                await world.redis.flushall()
                await rebuild_sale(world)
            for order_id, end_ms in ends.items():
                order = await world.read(order_id)
                assert (order.extended, order.expires_at_ms, await end_of(world, order_id)) == (
                    True,
                    end_ms,
                    end_ms,
                )
                with pytest.raises(Refused, match="ALREADY"):
                    await extend(world, order_id)
            assert await world.failing() == {}

    tell(env, server, story)
