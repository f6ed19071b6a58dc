"""A sale seen from behind: one event, its Redis, ledger and books, and what can become of its orders."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from redis.asyncio import Redis

from app.ids import new_id, new_order_id
from app.infra.keys import key
from app.infra.mysql import Database, open_database
from app.infra.redis import open_redis
from app.orders.facts import (
    CancelRequested,
    Fact,
    HoldLapsed,
    PaymentSucceeded,
    RefundFailed,
    RefundRequested,
    RefundSucceeded,
)
from app.orders.ledger import Ledger
from app.orders.lifecycle import Order
from app.orders.reading import read_orders
from app.orders.reservations import fact_of_entry, reserve
from app.outbound.following import follow
from app.sale.catalog import Event
from app.sale.events import create_event
from app.settings import Settings
from app.units import now_ms
from app.watch.verify import Check, verify
from tests.world.events import an_event

PRICE_MINOR = 4_500
CAPACITY = 40


class World:
    """One event, and hands on everything that is behind it."""

    def __init__(self, settings: Settings, redis: Redis, database: Database, event: Event) -> None:
        self.settings = settings
        self.redis = redis
        self.database = database
        self.event = event
        self.sku = event.skus[0].id
        self.ledger = Ledger(database, redis, also=follow)
        self.orders: dict[str, str] = {}  # what an order is in this story -> its id

    def key(self, name: str) -> str:
        return key(self.event.id, name)

    async def place(self, quantity: int = 1) -> str:
        buyer = secrets.token_hex(16)
        await self.redis.zadd(self.key("passes"), {buyer: now_ms() + 600_000})
        hold = await reserve(
            self.redis, self.event.id, buyer, new_id(), [(self.sku, quantity)], outbox_cap=1_000, max_orders=20
        )
        return hold.order_id

    async def write(self, *facts: Fact) -> None:
        if facts:
            assert await self.ledger.write(facts) == []
            await self.ledger.settle()

    async def carry(self) -> list[Fact]:
        """What the relay and the ledger do with the outbox."""
        entries = cast(list[tuple[str, dict[str, str]]], await self.redis.xrange(self.key("outbox")))
        facts = [fact_of_entry(entry_id, entry) for entry_id, entry in entries]
        await self.write(*facts)
        return facts

    async def order(self, quantity: int = 1) -> str:
        order_id = await self.place(quantity)
        await self.carry()
        return order_id

    async def read(self, order_id: str) -> Order:
        async with self.database.connection() as connection:
            return (await read_orders(connection, "id = %s", [order_id]))[0]

    async def buyer_of(self, order_id: str) -> str:
        return (await self.read(order_id)).buyer_id

    async def check(self, *, at_rest_seconds: float | None = 0) -> dict[int, Check]:
        checks = await verify(self.settings, self.redis, self.database, self.event, at_rest_seconds)
        return {check.number: check for check in checks}

    async def failing(self) -> dict[int, str]:
        return {number: check.detail for number, check in (await self.check()).items() if not check.ok}

    async def execute(self, statement: str, *args: Any) -> None:
        assert await self.database.execute(statement, args) != 0, "nothing was broken"


def paid(order_id: str, amount_minor: int = PRICE_MINOR, currency: str = "USD") -> PaymentSucceeded:
    return PaymentSucceeded(
        fact_id=new_id(),
        order_id=order_id,
        occurred_at_ms=now_ms(),
        payment_id=new_id(),
        provider="sandbox",
        transaction_id=f"tx-{new_id()}",
        amount_minor=amount_minor,
        currency=currency,
    )


def lapsed(order_id: str) -> HoldLapsed:
    return HoldLapsed(fact_id=new_id(), order_id=order_id, occurred_at_ms=now_ms(), expires_at_ms=now_ms() * 2)


def canceled(order_id: str) -> CancelRequested:
    return CancelRequested(fact_id=new_id(), order_id=order_id, occurred_at_ms=now_ms(), outbox_id="0-1")


def refund_asked(order: Order, amount_minor: int) -> list[Fact]:
    """Of the first charge, if there is one."""
    charges = [payment.id for payment in order.payments if payment.status == "COMPLETED"]
    return [
        RefundRequested(
            fact_id=new_id(),
            order_id=order.id,
            occurred_at_ms=now_ms(),
            payment_id=payment_id,
            amount_minor=amount_minor,
            reason="asked for",
        )
        for payment_id in charges[:1]
    ]


def refunds_done(order: Order, *, ok: bool = True) -> list[Fact]:
    pending = [payment.id for payment in order.payments if payment.status == "REFUND_PENDING"]
    told: dict[str, Any] = {"order_id": order.id, "occurred_at_ms": now_ms()}
    if not ok:
        return [RefundFailed(fact_id=new_id(), refund_id=id_, reason="no such card", **told) for id_ in pending]
    return [
        RefundSucceeded(fact_id=new_id(), refund_id=id_, transaction_id=f"re-{id_}", **told) for id_ in pending
    ]


async def live_a_little(world: World) -> None:
    """Orders that end in every way there is; at the end nothing is on its way."""
    ids = {name: await world.order() for name in STORIES}
    world.orders = ids
    ids["unknown"] = new_order_id(world.event.id)
    for name in ("confirmed", "refunded", "partially refunded", "paid twice", "refund failed", "unknown"):
        await world.write(paid(ids[name]))
    await world.write(paid(ids["paid twice"]), paid(ids["review"], amount_minor=1))
    await world.write(canceled(ids["canceled"]), lapsed(ids["expired"]), lapsed(ids["reclaimed"]))
    await world.write(paid(ids["reclaimed"]))
    await world.write(lapsed(ids["too late"]))
    others = await world.order(CAPACITY - 8)  # everything that is left
    await world.write(paid(ids["too late"]))
    await world.write(canceled(others))
    for name, amount_minor in (("refunded", PRICE_MINOR), ("partially refunded", 500), ("refund failed", 700)):
        await world.write(*refund_asked(await world.read(ids[name]), amount_minor))
    for name in ("refunded", "partially refunded", "paid twice", "too late"):
        await world.write(*refunds_done(await world.read(ids[name])))
    await world.write(*refunds_done(await world.read(ids["refund failed"]), ok=False))
    for name, status in STORIES.items():
        assert (await world.read(ids[name])).status == status, name


STORIES = {
    "pending": "PENDING",
    "confirmed": "CONFIRMED",
    "canceled": "CANCELED",
    "expired": "EXPIRED",
    "reclaimed": "CONFIRMED",
    "too late": "EXPIRED",
    "paid twice": "CONFIRMED",
    "review": "REVIEW",
    "refunded": "REFUNDED",
    "partially refunded": "PARTIALLY_REFUNDED",
    "refund failed": "CONFIRMED",
}


@asynccontextmanager
async def new_world(settings: Settings, capacity: int = CAPACITY) -> AsyncIterator[World]:
    async with open_redis(settings) as redis, open_database(settings) as database:
        event = an_event(f"Floor:{PRICE_MINOR}:{capacity}", "Balcony:2500:10", max_per_buyer=CAPACITY)
        world = World(settings, redis, database, await create_event(database, redis, event))
        try:
            yield world
        finally:
            await forget(world)


async def forget(world: World) -> None:
    event_id = world.event.id
    async with world.database.connection() as connection:
        for statement, arg in (
            ("DELETE FROM late_charges WHERE RIGHT(order_id, 8) = %s", f"{event_id:08x}"),
            ("DELETE FROM refund_requests WHERE event_id = %s", event_id),
            ("DELETE FROM payments WHERE RIGHT(order_id, 8) = %s", f"{event_id:08x}"),
            ("DELETE i FROM order_items i JOIN orders o ON o.id = i.order_id WHERE o.event_id = %s", event_id),
            ("DELETE FROM messages WHERE event_id = %s", event_id),
            ("DELETE FROM contacts WHERE event_id = %s", event_id),
            ("DELETE FROM tickets WHERE event_id = %s", event_id),
            ("DELETE FROM orders WHERE event_id = %s", event_id),
            ("DELETE a FROM inventory_audit a JOIN skus s ON s.id = a.sku_id WHERE s.event_id = %s", event_id),
            ("DELETE FROM skus WHERE event_id = %s", event_id),
            ("DELETE FROM rehearsals WHERE event_id = %s", event_id),
            ("DELETE FROM figures WHERE event_id = %s", event_id),
            ("DELETE FROM sale_history WHERE event_id = %s", event_id),
            ("DELETE FROM activity WHERE event_id = %s", event_id),
            ("DELETE FROM access_codes WHERE event_id = %s", event_id),
            ("DELETE FROM draw_slices WHERE event_id = %s", event_id),
            ("DELETE FROM draws WHERE event_id = %s", event_id),
            ("DELETE FROM pauses WHERE event_id = %s", event_id),
            ("DELETE FROM events WHERE id = %s", event_id),
        ):
            await connection.execute(statement, (arg,))
    async for name in world.redis.scan_iter(match=world.key("*"), count=1_000):
        await world.redis.delete(name)
    await world.redis.srem("tc:events", event_id)


def in_a_world(env: dict[str, str], story: Callable[[World], Awaitable[None]], capacity: int = CAPACITY) -> None:
    async def main() -> None:
        async with new_world(Settings.from_environment(env), capacity) as world:
            await story(world)

    asyncio.run(main())
