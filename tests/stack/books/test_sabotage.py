"""The controls: each guard is taken out once, and the check that passes with it fails without it.

The check of the stock is taken out in test_oversell.py, that of the epoch in rebuild/test_rebuild.py, that of a
callback's signature in unit/test_verify_callback.py.
"""

import pytest

from app.ids import new_id
from app.infra.kafka import open_consumer, open_producer
from app.orders.facts import records
from app.orders.reservations import reserve
from app.units import now_ms
from tests.world.books import CAPACITY, World, in_a_world, lapsed, paid
from tests.world.sabotage import (
    CommitsEarly,
    DeletesEarly,
    without_idempotency,
    without_the_cap,
    without_the_status_guard,
)
from workers.ledger import Bookkeeper
from workers.relay import Relay


class Died(BaseException):
    """What a process that is killed leaves undone, it leaves undone here."""


async def assert_one_key_is_one_order(world: World) -> None:
    buyer, key = new_id(), new_id()
    await world.redis.zadd(world.key("passes"), {buyer: now_ms() + 600_000})
    first, again = [
        await reserve(world.redis, world.event.id, buyer, key, [(world.sku, 1)], 1_000, 20) for _ in range(2)
    ]
    assert first == again


async def assert_what_is_paid_cannot_lapse(world: World) -> None:
    order_id = await world.order()
    await world.write(paid(order_id))
    await world.write(lapsed(order_id))
    assert await world.failing() == {}


async def assert_no_more_is_sold_than_there_is(world: World) -> None:
    await world.redis.hincrby(world.key("stock"), f"{world.sku}:available", CAPACITY)  # Redis promises too much
    for _ in range(2):
        await world.order(CAPACITY)
    row = await world.database.fetch_one("SELECT held FROM skus WHERE id = %s", (world.sku,))
    assert row == {"held": CAPACITY}


async def assert_kafka_may_lose_what_it_was_handed(world: World, kind: type[Relay]) -> None:
    await world.place()
    async with open_producer(world.settings) as producer:
        assert await kind(world.redis, producer, lambda step: None).carry()
    await world.carry()  # nobody has read the topic; what is sent again is what the outbox still has
    failing = await world.failing()
    assert 9 not in failing, failing[9]


async def assert_money_survives_its_ledger(world: World, kind: type[Bookkeeper]) -> None:
    order_id = await world.order()

    def die(step: str) -> None:
        if step == "before commit":
            raise Died

    world.ledger._checkpoint = die
    async with open_producer(world.settings) as producer:
        await producer.send(records(paid(order_id)))
        with pytest.raises(Died):
            await work_off(world, kind, order_id)
        world.ledger._checkpoint = lambda step: None
        last = await world.order()
        await producer.send(records(paid(last)))
        await work_off(world, kind, last)
    assert (await world.read(order_id)).status == "CONFIRMED"


async def work_off(world: World, kind: type[Bookkeeper], until_confirmed: str) -> None:
    """A ledger's life until it has come to an order."""
    async with open_producer(world.settings) as producer, open_consumer(world.settings) as consumer:
        bookkeeper = kind(consumer, world.ledger, producer, world.settings, lambda step: None)
        while (await world.read(until_confirmed)).status != "CONFIRMED":
            await bookkeeper.batch()


def test_without_idempotency_one_key_is_two_orders(
    own_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: World) -> None:
        await assert_one_key_is_one_order(world)
        with without_idempotency(monkeypatch), pytest.raises(AssertionError):
            await assert_one_key_is_one_order(world)

    in_a_world(own_env, story)


def test_without_the_guard_of_the_status_what_is_paid_lapses(
    own_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: World) -> None:
        await assert_what_is_paid_cannot_lapse(world)
        with without_the_status_guard(monkeypatch), pytest.raises(AssertionError):
            await assert_what_is_paid_cannot_lapse(world)

    in_a_world(own_env, story)


def test_without_the_cap_mysql_sells_more_than_there_is(own_env: dict[str, str]) -> None:
    in_a_world(own_env, assert_no_more_is_sold_than_there_is)

    async def story(world: World) -> None:
        async with without_the_cap(world.database):
            with pytest.raises(AssertionError):
                await assert_no_more_is_sold_than_there_is(world)
            await world.execute("UPDATE skus SET held = 0 WHERE id = %s", world.sku)

    in_a_world(own_env, story)


def test_an_outbox_that_is_emptied_early_loses_what_kafka_loses(own_topics: dict[str, str]) -> None:
    async def story(world: World) -> None:
        await assert_kafka_may_lose_what_it_was_handed(world, Relay)
        with pytest.raises(AssertionError, match="answered, and not in the books"):
            await assert_kafka_may_lose_what_it_was_handed(world, DeletesEarly)

    in_a_world(own_topics, story)


@pytest.mark.parametrize(("kind", "loses"), [(Bookkeeper, False), (CommitsEarly, True)])
def test_offsets_that_are_committed_early_lose_money(
    own_topics: dict[str, str], kind: type[Bookkeeper], loses: bool
) -> None:
    async def story(world: World) -> None:
        if loses:
            with pytest.raises(AssertionError):
                await assert_money_survives_its_ledger(world, kind)
        else:
            await assert_money_survives_its_ledger(world, kind)

    in_a_world({**own_topics, "LEDGER_GROUP": own_topics["ORDERS_TOPIC"]}, story)
