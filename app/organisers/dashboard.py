"""The organiser's view of a sale: one snapshot of everything that matters now."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec
from redis.asyncio import Redis

from app.ids import short_code
from app.infra.keys import VERDICT, key
from app.infra.mysql import Database, DatabaseUnavailable
from app.orders.figures import REFUNDED_ORDERS, read_figures, recount
from app.orders.refused import count_refused
from app.organisers.snapshot import (
    Funnel,
    Happening,
    HeldBackBy,
    KeptVerdict,
    OrderInReview,
    OrganiserState,
    Overload,
    Passed,
    ProcessLight,
    Snapshot,
    SnapshotEvent,
    SnapshotMoney,
    SnapshotPace,
    SnapshotSku,
    SnapshotWaits,
    Trouble,
    Trust,
    Verdict,
)
from app.sale.catalog import Event, Stock, parse_stock, public_state
from app.sale.events import last_stock
from app.sale.pace import Pace, parse_pace
from app.sale.waits import WAITS, add_up, minutes_of, waited_seconds
from app.units import iso, now_ms, to_minor, to_ms
from app.watch.processes import Load, Report, reports

FEED_LENGTH = 30
MOST_TROUBLE = 20
REFUNDED = ("PARTIALLY_REFUNDED", "REFUNDED")
FRESH_SECONDS = 0.9  # whoever asks within this time gets the same snapshot
MOST_KEPT = 100


Value = TypeVar("Value")


@dataclass(frozen=True)
class _Kept(Generic[Value]):
    """Something that was read, and until when it is as good as new."""

    value: Value
    until: float


@dataclass(frozen=True)
class _Sale:
    """What Redis says of an event. `fields` are those of the sale, `sizes` how many are in each set."""

    fields: dict[str, str | None]
    stock: dict[int, Stock]
    totals: dict[str, str]
    sizes: dict[str, int]
    outbox: int
    number: int
    verdict: KeptVerdict | None
    waits: dict[int, int]

    @property
    def state(self) -> str:
        """Its state, empty while the sale is not ready."""
        return self.fields["state"] or ""


@dataclass(frozen=True)
class _Books:
    """What MySQL says of an event; `orders` by status, `revenue` by sku."""

    read_at: str
    orders: dict[str, int]
    refunded_orders: int
    in_review: list[OrderInReview]
    refused_refunds: int
    revenue: dict[int, int]
    money: SnapshotMoney
    feed: list[Happening]

    def orders_with(self, *statuses: str) -> int:
        """How many orders have one of these statuses."""
        return sum(self.orders.get(status, 0) for status in statuses)


class Dashboard:
    """The snapshots of this process: one a second and event, however many look."""

    def __init__(self, redis: Redis, database: Database) -> None:
        self._redis = redis
        self._database = database
        self._snapshots: dict[int, _Kept[Snapshot]] = {}
        self._making: dict[int, asyncio.Task[Snapshot]] = {}
        self._books: dict[int, _Kept[_Books]] = {}

    async def snapshot(self, event: Event, *, fresh: bool = False) -> Snapshot:
        """The snapshot frame of the admin socket, and the answer of the admin API.

        `fresh`: read now, for something was just changed. While MySQL does not answer, its part is as it was read
        last. Raises RedisError, or DatabaseUnavailable when the books of this event were never read.
        """
        kept = self._snapshots.get(event.id)
        if kept and not fresh and time.monotonic() < kept.until:
            return kept.value
        making = self._making.get(event.id)
        if making is None or fresh:
            making = self._making[event.id] = asyncio.create_task(self._make(event))
            making.add_done_callback(lambda done: self._made(event.id, done))
        return await asyncio.shield(making)

    def _made(self, event_id: int, making: asyncio.Task[Snapshot]) -> None:
        if self._making.get(event_id) is making:
            del self._making[event_id]
        if making.cancelled() or making.exception():
            return
        if len(self._snapshots) >= MOST_KEPT:
            self._snapshots.clear()
        self._snapshots[event_id] = _Kept(making.result(), time.monotonic() + FRESH_SECONDS)

    async def _make(self, event: Event) -> Snapshot:
        now, books = await _sale(self._redis, event), await self._read_books(event)
        return _snapshot(event, now, books, await reports(self._redis))

    async def _read_books(self, event: Event) -> _Books:
        kept = self._books.get(event.id)
        if kept and time.monotonic() < kept.until:
            return kept.value
        try:
            books = await _books(self._database, event)
        except DatabaseUnavailable:
            if kept is None:
                raise
            return kept.value
        if len(self._books) >= MOST_KEPT:
            self._books.clear()
        self._books[event.id] = _Kept(books, time.monotonic() + FRESH_SECONDS)
        return books


async def _sale(redis: Redis, event: Event) -> _Sale:
    """What Redis says of the event; of one that was cleared away, what the books said last."""
    fields = (
        "state",
        "notice",
        "message",
        "opens_at_ms",
        "rate_per_minute",
        "room",
        "pass_ttl_seconds",
        "pace",
        "refilled_at_ms",
    )
    counted = ("lobby", "entrants", "queue", "parked", "passes", "holds")
    async with redis.pipeline(transaction=False) as pipeline:
        pipeline.hmget(key(event.id, "sale"), fields)
        pipeline.hgetall(key(event.id, "stock"))
        pipeline.hgetall(key(event.id, "totals"))
        pipeline.xlen(key(event.id, "outbox"))
        pipeline.get(key(event.id, "number"))
        pipeline.get(VERDICT)
        for name in counted:
            pipeline.zcard(key(event.id, name))
        for minute in minutes_of(now_ms()):
            pipeline.hgetall(key(event.id, f"{WAITS}{minute}"))
        sale, stock, totals, outbox, number, verdict, *more = await pipeline.execute()
    sizes, waits = more[: len(counted)], more[len(counted) :]
    found = dict(zip(fields, sale, strict=True))
    return _Sale(
        fields={**found, "state": "closed"} if event.purged else found,
        stock={sku.id: last_stock(sku) for sku in event.skus} if event.purged else parse_stock(stock),
        totals=totals,
        sizes=dict(zip(counted, sizes, strict=True)),
        outbox=outbox,
        number=int(number or 0),
        verdict=msgspec.json.decode(verdict, type=KeptVerdict) if verdict else None,
        waits=add_up(waits),
    )


def _snapshot(event: Event, now: _Sale, books: _Books, processes: list[Report]) -> Snapshot:
    sizes, told = now.sizes, now.verdict
    total = {name: int(count) for name, count in now.totals.items()}
    return Snapshot(
        server_now=iso(now_ms()),
        event=SnapshotEvent(
            slug=event.slug,
            name=event.name,
            sale=state_for_organisers(now.state, now.stock),
            is_over=event.purged or event.called_off_at_ms is not None,
            notice=now.fields["notice"] or None,
            opens_at=iso(int(now.fields["opens_at_ms"] or event.opens_at_ms)),
            rate_per_minute=event.rate_per_minute,
            room=event.room,
            message=now.fields["message"] or None,
            pass_ttl_seconds=event.pass_ttl_seconds,
            hold_ttl_seconds=event.hold_ttl_seconds,
            max_per_buyer=event.max_per_buyer,
            overbooking_percent=event.overbooking_percent,
            revision=event.revision,
        ),
        funnel=Funnel(
            lobby=sizes["lobby"] + sizes["entrants"],
            waiting=sizes["queue"],
            parked=sizes["parked"],
            admitted=sizes["passes"],
            holding=sizes["holds"],
            paid=books.orders_with("CONFIRMED", "PARTIALLY_REFUNDED"),
            refunded=books.refunded_orders,
        ),
        passed=Passed(
            lobby=total.get("joined", 0) if now.state == "scheduled" else 0,
            waiting=now.number,
            admitted=total.get("admitted", 0),
            holding=total.get("placed", 0),
            lapsed=total.get("EXPIRED", 0),
            paid=books.orders_with("CONFIRMED", *REFUNDED),
            refunded=books.refunded_orders,
        ),
        pace=_pace(event, now),
        skus=[
            SnapshotSku(
                id=sku.id,
                name=sku.name,
                price=sku.price_minor,
                currency=event.currency,
                capacity=sku.capacity,
                available=now.stock[sku.id].available if sku.id in now.stock else 0,
                held=now.stock[sku.id].held if sku.id in now.stock else 0,
                sold=now.stock[sku.id].sold if sku.id in now.stock else 0,
                revenue=books.revenue.get(sku.id, 0),
            )
            for sku in event.skus
        ],
        money=books.money,
        books_read_at=books.read_at,
        trust=Trust(
            outbox=now.outbox,
            lag=told.lag if told else None,
            dlq=told.dlq if told else None,
            verdict=Verdict(told.ok, told.checked_at, told.failed) if told else None,
            connections=sum(p.sockets for p in processes if p.ok),
            processes=[ProcessLight(p.name, p.host, p.pid, p.age_ms // 1000, p.ok) for p in processes],
            overload=_overload([p.load for p in processes if p.ok]),
        ),
        trouble=Trouble(books.orders_with("REVIEW"), books.in_review, books.refused_refunds),
        feed=books.feed,
        waits=SnapshotWaits(
            sum(now.waits.values()), waited_seconds(now.waits, 0.5), waited_seconds(now.waits, 0.95)
        ),
    )


def _overload(loads: Sequence[Load]) -> Overload:
    return Overload(
        sorted({reason for load in loads for reason in load.pressed_by}),
        any(load.is_shut for load in loads),
        min((load.pace for load in loads), default=1.0),
    )


def state_for_organisers(state: str | None, stock: dict[int, Stock]) -> OrganiserState:
    """The state of a sale as buyers are told, and besides: drawing | not_ready."""
    if not state:
        return "not_ready"
    return "drawing" if state == "drawing" else public_state(state, stock)


def _pace(event: Event, now: _Sale) -> SnapshotPace:
    text, age_ms = now.fields["pace"] or "", now_ms() - int(now.fields["refilled_at_ms"] or 0)
    pace = parse_pace(now.state, event.rate_per_minute, event.room, event.pass_ttl_seconds, text, age_ms)
    waiting, room_left = now.sizes["queue"], event.room - now.sizes["passes"]
    return SnapshotPace(
        pace.minute_admitted if pace.moving else 0, pace.free_seats, _held_back_by(pace, waiting, room_left)
    )


def _held_back_by(pace: Pace, waiting: int, room_left: int) -> HeldBackBy:
    """What keeps those who wait out at this moment."""
    if not waiting:
        return "nobody"
    if pace.state != "open":
        return "state"
    if not pace.moving and pace.left:
        return "silence"
    if pace.free_seats:
        return "rate"
    return "room" if room_left <= 0 else "stock"


async def _books(database: Database, event: Event) -> _Books:
    async with database.connection() as connection:
        figures = await read_figures(connection, event.id)
        in_review = await connection.fetch_all(
            "SELECT o.id, o.total, o.expires_at, p.amount, p.currency FROM orders o"
            " JOIN payments p ON p.order_id = o.id AND p.kind = 'CHARGE' AND p.status = 'COMPLETED'"
            " WHERE o.event_id = %s AND o.status = 'REVIEW' ORDER BY o.expires_at, o.id LIMIT %s",
            (event.id, MOST_TROUBLE),
        )
        refused_refunds = await count_refused(connection, event.id)
        feed = await connection.fetch_all(
            "SELECT at, text FROM activity WHERE event_id = %s ORDER BY at DESC, id DESC LIMIT %s",
            (event.id, FEED_LENGTH),
        )
    if figures is None:
        figures = await recount(database, event.id)
    return _Books(
        read_at=iso(now_ms()),
        orders=_of_kind(figures, "orders"),
        refunded_orders=figures.get(REFUNDED_ORDERS, 0),
        in_review=[
            OrderInReview(
                order_id=row["id"],
                code=short_code(row["id"]),
                total=to_minor(row["total"]),
                paid=to_minor(row["amount"]),
                currency=row["currency"],
                expires_at=iso(to_ms(row["expires_at"])),
            )
            for row in in_review
        ],
        refused_refunds=refused_refunds,
        revenue={int(sku_id): amount for sku_id, amount in _of_kind(figures, "revenue").items()},
        money=SnapshotMoney(
            currency=event.currency,
            taken=figures.get("money:COMPLETED", 0),
            pending=figures.get("money:PENDING", 0),
            refunded=figures.get("money:REFUNDED", 0),
            charges_completed=figures.get("payments:COMPLETED", 0),
            charges_failed=figures.get("payments:FAILED", 0),
        ),
        feed=[Happening(iso(to_ms(row["at"])), row["text"]) for row in feed],
    )


def _of_kind(figures: dict[str, int], kind: str) -> dict[str, int]:
    """The figures whose names begin so: "orders:PENDING" as "PENDING"."""
    return {name.partition(":")[2]: n for name, n in figures.items() if name.partition(":")[0] == kind}
