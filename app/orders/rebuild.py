"""Redis from the books: a sale that Redis lost, or has only an older copy of, is made anew.

The sale is not ready from the first step to the last, and its epoch is raised first, so nothing can be decided
from old data meanwhile or afterwards (app/lua/ready.lua). Then the ledger gets to the end of what was said before,
and stock, holds, limits and answers are written from the books and the outbox. The ledger goes on meanwhile:
orders are written again until nothing has changed, and once more when the sale is ready.

Whoever waits comes back with the number in their token; an order that only its buyer knows, with its receipt.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis

from app.ids import new_id
from app.infra import scripts
from app.infra.epochs import learn
from app.infra.kafka import OrdersLog
from app.infra.keys import EVENTS, REBUILDING, REPAIRS, key, keys, live_channel, order_key
from app.infra.mysql import Connection, Database, in_list
from app.orders.facts import OrderPlaced
from app.orders.lifecycle import Order, claim
from app.orders.reading import read_orders
from app.orders.reservations import OUTBOX_GROUP, fact_of_entry, items_text, settle, taken_text
from app.sale.catalog import Event
from app.sale.events import note, read_event, sale_fields
from app.units import now_ms, to_datetime

log = logging.getLogger(__name__)

PAGE = 2_000
VERSIONS_PAGE = 10_000
CHUNK = 20  # orders in one script: about a millisecond
CHUNKS_AT_ONCE = 50
FEW_CHANGES = 100  # that the last look of a sale that is not ready leaves to the one after it
MOST_LOOKS = 10
SENDING_SECONDS = 0.2  # what the relay had read may still be on its way to Kafka
POLL_SECONDS = 0.1
RECENT_MS = 600_000  # what Redis had on disk before is not lost with its last writes

Progress = Callable[[str], None]


class UnderWay(Exception):
    """Somebody else rebuilds this sale now."""


class Overtaken(Exception):
    """Another rebuild of this sale began since, or Redis was lost again: this one must not go on."""


@dataclass(frozen=True)
class Rebuilt:
    """What came back. `homeless` are orders that were answered and whose tickets went to others."""

    epoch: int
    orders: int
    held: int
    sold: int
    from_outbox: int
    homeless: list[str]
    seconds: float


async def rebuilding(redis: Redis) -> dict[str, str]:
    """The sales that are being made anew: event id -> how far that has come."""
    return cast(dict[str, str], await redis.hgetall(REBUILDING))


async def request_repair(redis: Redis, event_id: int) -> None:
    """Has a sale rebuilt soon: something showed that Redis lost writes of it."""
    await redis.sadd(REPAIRS, event_id)


async def rebuild(
    database: Database, redis: Redis, orders_log: OrdersLog, event_id: int, say: Progress = log.info
) -> Rebuilt:
    """Makes a sale anew in Redis, and opens it again as it stands in the books; `say` is told each step.

    Raises UnderWay, Overtaken, UnknownEvent, and whatever a server that is unavailable raises: then the sale stays
    not ready, and the rebuild may be done again.
    """
    async with _alone(database, event_id):
        return await _Rebuild(database, redis, orders_log, event_id, say).run()


@asynccontextmanager
async def _alone(database: Database, event_id: int) -> AsyncIterator[None]:
    """One rebuild of a sale at a time. A lock that is lost with its connection is no harm: see Overtaken."""
    name = f"ticketcraze.rebuild.{event_id}"
    async with database.connection() as connection:
        row = await connection.fetch_one("SELECT GET_LOCK(%s, 0) AS locked", (name,))
        if not row or row["locked"] != 1:
            raise UnderWay(str(event_id))
        try:
            yield
        finally:
            await connection.execute("DO RELEASE_LOCK(%s)", (name,))


class _Rebuild:
    def __init__(
        self, database: Database, redis: Redis, orders_log: OrdersLog, event_id: int, say: Progress
    ) -> None:
        self._database = database
        self._redis = redis
        self._log = orders_log
        self._id = event_id
        self._say = say
        self._name = new_id()
        self._versions: dict[str, int] = {}  # of the orders that are written
        self._statuses: dict[str, str] = {}
        self._claims: dict[str, str] = {}
        self._homeless: list[str] = []
        self._pauses: tuple[tuple[int, int], ...] = ()
        self._hold_ttl_ms = 0

    async def run(self) -> Rebuilt:
        began = time.monotonic()
        await self._database.execute("UPDATE events SET epoch = epoch + 1 WHERE id = %s", (self._id,))
        event = await read_event(self._database, self._id)
        learn(self._id, event.epoch)
        self._pauses = event.pauses
        self._hold_ttl_ms = event.hold_ttl_seconds * 1000
        await self._begin(event)
        await self._tell(f"not ready; epoch {event.epoch} begins")
        await self._redis.srem(REPAIRS, self._id)  # what is asked for from now on is asked for again
        await self._let_the_ledger_catch_up()

        await self._write_all()
        waiting, done = await self._write_outbox()
        for _ in range(MOST_LOOKS):
            if await self._write_changed(self._write) <= FEW_CHANGES:
                break
        await self._find_idle()
        await self._end()
        await self._redis.sadd(EVENTS, self._id)
        # What was settled in vain just before is settled now; what is written from now on, the ledger settles.
        await self._write_changed(self._follow)
        await self._end_entries(done)

        claims = Counter(self._claims.values())
        rebuilt = Rebuilt(
            event.epoch,
            len(self._versions),
            claims["held"] + waiting,
            claims["sold"],
            waiting,
            self._homeless,
            time.monotonic() - began,
        )
        await self._redis.hdel(REBUILDING, str(self._id))
        self._say(f"event {self._id}: ready; {rebuilt.orders} orders in {rebuilt.seconds:.1f} s")
        await note(
            self._database,
            self._id,
            f"Redis was rebuilt from the books: {rebuilt.orders} orders, epoch {event.epoch}",
        )
        return rebuilt

    async def _tell(self, step: str) -> None:
        await self._redis.hset(REBUILDING, str(self._id), step)
        self._say(f"event {self._id}: {step}")

    async def _begin(self, event: Event) -> None:
        stock: list[str | int] = []
        for sku in event.skus:
            stock += [f"{sku.id}:capacity", sku.capacity, f"{sku.id}:available", sku.capacity]
            stock += [f"{sku.id}:held", 0, f"{sku.id}:sold", 0, f"{sku.id}:price", sku.price_minor]
        names = keys(self._id, "sale", "stock", "holds", "bought", "idle", "returned")
        await scripts.run(self._redis, "rebuild_begin", names, [event.epoch, self._name, *stock])

    async def _let_the_ledger_catch_up(self) -> None:
        """Waits until the books have every fact that was said before the sale was not ready."""
        await asyncio.sleep(SENDING_SECONDS)
        ends = await self._log.ends()
        told_at = 0.0
        while behind := await self._log.behind(ends):
            if time.monotonic() - told_at >= 1:
                told_at = time.monotonic()
                await self._tell(f"waiting for the ledger, {behind} facts to go")
            await asyncio.sleep(POLL_SECONDS)

    async def _write_all(self) -> None:
        after = ""
        async with self._database.connection() as connection:
            while orders := await _page(connection, "event_id = %s AND id > %s", (self._id, after)):
                await self._write(orders)
                after = orders[-1].id
                await self._tell(f"{len(self._versions)} orders")

    async def _write(self, orders: Sequence[Order]) -> None:
        self._homeless += await self._put(orders, self._name)
        self._note(orders)

    def _note(self, orders: Iterable[Order]) -> None:
        for order in orders:
            self._versions[order.id] = order.version
            self._statuses[order.id] = order.status
            self._claims[order.id] = claim(order)

    async def _write_changed(self, act: Callable[[Sequence[Order]], Awaitable[None]]) -> int:
        """Does something with the orders that are other in the books than when they were written; how many."""
        changed: list[str] = []
        after = ""
        async with self._database.connection() as connection:
            while rows := await connection.fetch_all(
                "SELECT id, version FROM orders WHERE event_id = %s AND id > %s ORDER BY id LIMIT %s",
                (self._id, after, VERSIONS_PAGE),
            ):
                changed += [row["id"] for row in rows if self._versions.get(row["id"]) != row["version"]]
                after = rows[-1]["id"]
            for first in range(0, len(changed), PAGE):
                ids = changed[first : first + PAGE]
                await act(await _page(connection, f"id IN {in_list(ids)}", ids))
        return len(changed)

    async def _follow(self, orders: Sequence[Order]) -> None:
        """What `_write` is while the sale is not ready."""
        known = [order for order in orders if order.id in self._versions]
        await settle(self._redis, self._id, known, [])
        self._homeless += await self._put([order for order in orders if order.id not in self._versions], "")
        self._note(orders)

    async def _write_outbox(self) -> tuple[int, list[str]]:
        """Writes the orders of the outbox that the books do not have: how many, and the entries they do have."""
        waiting, done = 0, []
        after = "-"
        outbox = key(self._id, "outbox")
        while entries := cast(
            list[tuple[str, dict[str, str]]], await self._redis.xrange(outbox, min=after, count=PAGE)
        ):
            held = []
            for entry_id, entry in entries:
                fact = fact_of_entry(entry_id, entry)
                if fact.order_id in self._versions and isinstance(fact, OrderPlaced):
                    done.append(entry_id)
                elif isinstance(fact, OrderPlaced):
                    held.append(_held(fact))
            self._homeless += await self._put(held, self._name)
            waiting += len(held)
            after = f"({entries[-1][0]}"
        return waiting, done

    async def _end_entries(self, entry_ids: Sequence[str]) -> None:
        outbox = key(self._id, "outbox")
        for first in range(0, len(entry_ids), PAGE):
            some = entry_ids[first : first + PAGE]
            async with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.xack(outbox, OUTBOX_GROUP, *some)
                pipeline.xdel(outbox, *some)
                await pipeline.execute(raise_on_error=False)  # without a group nothing is acknowledged

    async def _put(self, orders: Sequence[Order], name: str) -> list[str]:
        """Writes orders into Redis; those whose tickets are not there. Raises Overtaken."""
        chunks = [orders[first : first + CHUNK] for first in range(0, len(orders), CHUNK)]
        homeless: list[str] = []
        for first in range(0, len(chunks), CHUNKS_AT_ONCE):
            calls = [self._call(chunk, name) for chunk in chunks[first : first + CHUNKS_AT_ONCE]]
            for answer in await scripts.run_many(self._redis, "rebuild_orders", calls):
                if answer == "STALE":
                    raise Overtaken(str(self._id))
                homeless += answer
        return homeless

    def _call(self, orders: Sequence[Order], name: str) -> scripts.Call:
        names = keys(self._id, "sale", "stock", "holds", "bought")
        args: list[str | int] = [name, len(orders)]
        for order in orders:
            names += [order_key(self._id, order.id), key(self._id, f"answers:{order.buyer_id}")]
            args += [
                order.id,
                order.buyer_id,
                items_text(order.items),
                sum(item.quantity for item in order.items),
                order.total_minor,
                order.currency,
                order.status,
                order.version,
                "held" if order.status == "HELD" else claim(order),
                order.placed_at_ms,
                order.expires_at_ms,
                _stopped_ms(self._pauses, order.placed_at_ms),
                order.idempotency_key,
                order.request_hash,
                # a review and more time move an order's end, and the answer stays as it was
                min(order.expires_at_ms, order.placed_at_ms + self._hold_ttl_ms),
                "1" if order.extended else "0",
                taken_text(order),
            ]
        return names, args

    async def _find_idle(self) -> None:
        """Of the passes that Redis still has: those whose buyers hold nothing."""
        passes, bought, idle = keys(self._id, "passes", "bought", "idle")
        cursor = -1
        while cursor:
            cursor, found = await self._redis.zscan(passes, max(cursor, 0), count=PAGE)
            buyers = [buyer for buyer, _ in found]
            if buyers:
                tickets = await cast(Any, self._redis.hmget(bought, buyers))
                if without := [buyer for buyer, has in zip(buyers, tickets, strict=True) if not int(has or 0)]:
                    await cast(Any, self._redis.sadd(idle, *without))

    async def _end(self) -> None:
        event = await read_event(self._database, self._id)  # as it stands now: somebody may have paused it
        row = await self._database.fetch_one(
            "SELECT redis_seq, number_high FROM events WHERE id = %s", (self._id,)
        )
        assert row
        ended = [(began, end) for began, end in event.pauses if end]
        sale = {**sale_fields(event), "notice": event.notice or ""}
        if ended:
            sale["stopped_ms"] = sum(end - began for began, end in ended)
            sale["pauses"] = ",".join(f"{began}-{end}" for began, end in ended)
        if event.state == "paused":
            sale["paused_at_ms"] = next((began for began, end in event.pauses if not end), event.opens_at_ms)
        totals: dict[str, int] = {"placed": len(self._versions), **Counter(self._statuses.values())}
        answer = await scripts.run(
            self._redis,
            "rebuild_end",
            keys(self._id, "sale", "number", "totals"),
            [
                self._name,
                row["number_high"],
                row["redis_seq"],
                live_channel(self._id),
                len(sale),
                *(part for pair in sale.items() for part in pair),
                *(part for pair in totals.items() for part in pair),
            ],
        )
        if answer != "READY":
            raise Overtaken(str(self._id))


async def recent_orders(database: Database, event_id: int) -> list[Order]:
    """The orders of a sale that the books wrote during the last minutes, without their payments."""
    since = to_datetime(now_ms() - RECENT_MS)
    orders: list[Order] = []
    async with database.connection() as connection:
        where = "event_id = %s AND updated_at >= %s AND id > %s"
        while page := await _page(connection, where, (event_id, since, orders[-1].id if orders else "")):
            orders += page
    return orders


async def _page(connection: Connection, where: str, args: Sequence[Any]) -> list[Order]:
    """Orders by id, without their payments: what Redis needs of them."""
    return await read_orders(connection, f"{where} ORDER BY id LIMIT {PAGE}", args, with_payments=False)


def _held(placed: OrderPlaced) -> Order:
    return Order(
        id=placed.order_id,
        status="HELD",
        event_id=placed.event_id,
        buyer_id=placed.buyer_id,
        items=placed.items,
        total_minor=placed.total_minor,
        currency=placed.currency,
        placed_at_ms=placed.occurred_at_ms,
        expires_at_ms=placed.expires_at_ms,
        idempotency_key=placed.idempotency_key,
        request_hash=placed.request_hash,
    )


def _stopped_ms(pauses: Iterable[tuple[int, int]], at_ms: int) -> int:
    """How long the sale had been paused before this moment."""
    return sum(end - began for began, end in pauses if 0 < end <= at_ms)
