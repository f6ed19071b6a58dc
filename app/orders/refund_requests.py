"""Refunds that somebody asks for: a buyer, whom the organiser answers, or the organiser, who decides at once.

A decision is written down here first, under the lock of its order, so that several at once never add up to more
than was paid. Then the ledger is told of it, and again until it is in the books (`workers/refunds.py`).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from app.ids import event_of, new_id
from app.infra.mysql import Connection, Database, Row, in_list
from app.orders.facts import RefundDecided, Returned
from app.orders.lifecycle import BOUGHT, Order, TooMuch, apply, refund_parts, takes_all
from app.orders.reading import read_orders
from app.units import DAY_MS, now_ms, to_datetime, to_decimal, to_minor, to_ms

PAGE = 200
MOST_LISTED = 100
MOST_NAME = 64

BUYER = "buyer"  # who asked, where it was not an organiser
ASKED, DECLINED, DECIDED, BOOKED, VOID = "ASKED", "DECLINED", "DECIDED", "BOOKED", "VOID"


class NotRefundable(Exception):
    """There is nothing to give back; the text says why."""


class KeyReused(Exception):
    """The Idempotency-Key was used with another refund of this order."""


class NoSuchRequest(Exception):
    """No refund of this id waits for a decision."""


# A ticket of an order by its sku and its number there: the same in whosever hands it is.
Numbered = tuple[int, int]


@dataclass(frozen=True)
class Wanted:
    """What is to go back: `amount_minor`, or the price of `items`, or of these tickets, or everything without any.

    `restock` None: tickets that come back are sold again.
    """

    amount_minor: int = 0
    items: tuple[Returned, ...] = ()
    restock: bool | None = None
    reason: str = ""
    ticket_ids: tuple[str, ...] = field(default=(), repr=False)  # keys were hashed without it


@dataclass(frozen=True)
class Request:
    """A refund that was asked for or decided on."""

    id: str
    order_id: str
    status: str  # ASKED, DECLINED, DECIDED, BOOKED, VOID: as sql/schema.sql has them
    amount_minor: int
    items: tuple[Returned, ...]
    restock: bool
    reason: str
    asked_by: str
    created_at_ms: int
    tickets: tuple[Numbered, ...] = ()  # which of them, where they were named

    def fact(self) -> RefundDecided:
        """What the ledger is told: the same however often."""
        return RefundDecided(
            fact_id=self.id,
            order_id=self.order_id,
            occurred_at_ms=self.created_at_ms,
            amount_minor=self.amount_minor,
            items=self.items,
            restock=self.restock,
            reason=self.reason,
        )


def may_ask(order: Order, refund_days: int | None, starts_at_ms: int | None, at_ms: int) -> str:
    """Why a buyer may not ask for a refund of an order at this time; empty when they may."""
    if order.status not in BOUGHT:
        return "Only what is paid can be refunded."
    if refund_days is None:
        return "The organiser takes no tickets back."
    if starts_at_ms is not None and at_ms > starts_at_ms - refund_days * DAY_MS:
        return f"Refunds end {refund_days} days before the event."
    return ""


async def decide(database: Database, order_id: str, wanted: Wanted, who: str, key: str) -> Request:
    """Writes down that an organiser gives money back; the same key gets the same answer.

    Raises NotRefundable, also for an order that is not in the books, TooMuch, KeyReused.
    """
    return await _write(database, order_id, wanted, who, key, DECIDED)


async def ask(database: Database, order_id: str, wanted: Wanted, key: str) -> Request:
    """Writes down that a buyer asks for a refund. Raises as `decide` does."""
    return await _write(database, order_id, wanted, BUYER, key, ASKED)


async def _write(database: Database, order_id: str, wanted: Wanted, who: str, key: str, status: str) -> Request:
    hash_ = sha256("".join((repr(wanted), *wanted.ticket_ids)).encode()).hexdigest()
    async with database.transaction() as connection:
        order = await _locked(connection, order_id)
        before = await connection.fetch_one(
            "SELECT * FROM refund_requests WHERE order_id = %s AND idempotency_key = %s", (order_id, key)
        )
        if before:
            if before["request_hash"] != hash_:
                raise KeyReused
            return _request(before)
        if status == ASKED and await _of_order(connection, order_id, ASKED):
            raise NotRefundable("A refund of this order was asked for already; the organiser decides.")
        tickets = await _named(connection, order_id, wanted.ticket_ids)
        if tickets:
            named = Counter(sku_id for sku_id, _ in tickets)
            wanted = replace(wanted, items=tuple(Returned(*line) for line in named.items()))
        request = Request(
            new_id(),
            order_id,
            status,
            wanted.amount_minor,
            wanted.items,
            _restocks(await _as_decided(connection, order), wanted),
            wanted.reason,
            who,
            now_ms(),
            tickets,
        )
        now = to_datetime(request.created_at_ms)
        await connection.insert_many(
            "INSERT INTO refund_requests (id, order_id, event_id, status, amount, items, tickets, restock, reason,"
            " asked_by, decided_by, idempotency_key, request_hash, created_at, updated_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    request.id,
                    order_id,
                    event_of(order_id),
                    status,
                    to_decimal(request.amount_minor),
                    ",".join(f"{item.sku_id}:{item.quantity}" for item in request.items),
                    ",".join(f"{sku_id}:{number}" for sku_id, number in tickets),
                    request.restock,
                    request.reason,
                    who[:MOST_NAME],
                    who[:MOST_NAME] if status == DECIDED else None,
                    key,
                    hash_,
                    now,
                    now,
                )
            ],
        )
    return request


async def _named(connection: Connection, order_id: str, ticket_ids: Sequence[str]) -> tuple[Numbered, ...]:
    """The tickets of these ids, of an order that is locked. Raises NotRefundable for one that is not good."""
    if not ticket_ids:
        return ()
    rows = await connection.fetch_all(
        "SELECT id, sku_id, number FROM tickets WHERE order_id = %s AND status = 'VALID'"  # noqa: S608
        f" AND id IN {in_list(ticket_ids)} ORDER BY sku_id, number",
        (order_id, *ticket_ids),
    )
    tickets = tuple((int(row["sku_id"]), int(row["number"])) for row in rows)
    going = {ticket for request in await _of_order(connection, order_id, DECIDED) for ticket in request.tickets}
    if len(rows) != len(set(ticket_ids)) or going.intersection(tickets):
        raise NotRefundable("One of these tickets is not of this order, was used, or was taken back already.")
    return tickets


async def named_tickets(connection: Connection, order_ids: Sequence[str]) -> set[tuple[str, int, int]]:
    """Which tickets of these orders were named when money for them was given back: (order, sku, number)."""
    rows = await connection.fetch_all(
        "SELECT order_id, tickets FROM refund_requests WHERE tickets <> '' AND status IN ('DECIDED', 'BOOKED')"  # noqa: S608
        f" AND order_id IN {in_list(order_ids)}",
        order_ids,
    )
    return {(row["order_id"], *ticket) for row in rows for ticket in _pairs(row["tickets"])}


async def grant(
    database: Database, event_id: int, request_id: str, who: str, restock: bool | None = None
) -> Request:
    """The organiser gives the money back that a buyer asked for. Raises NoSuchRequest, NotRefundable, TooMuch."""
    return await _answer(database, event_id, request_id, who, DECIDED, restock)


async def decline(database: Database, event_id: int, request_id: str, who: str) -> Request:
    """The organiser keeps the money that a buyer asked for. Raises NoSuchRequest."""
    return await _answer(database, event_id, request_id, who, DECLINED, None)


async def _answer(
    database: Database, event_id: int, request_id: str, who: str, status: str, restock: bool | None
) -> Request:
    async with database.transaction() as connection:
        asked = await connection.fetch_one(
            "SELECT order_id FROM refund_requests WHERE id = %s AND event_id = %s", (request_id, event_id)
        )
        if asked is None:
            raise NoSuchRequest
        order = await _locked(connection, asked["order_id"])
        row = await connection.fetch_one("SELECT * FROM refund_requests WHERE id = %s", (request_id,))
        if row is None or row["status"] != ASKED:
            raise NoSuchRequest
        request = _request(row)
        restocks = request.restock
        if status == DECIDED:
            wanted = Wanted(request.amount_minor, request.items, restock, request.reason)
            restocks = _restocks(await _as_decided(connection, order), wanted)
        await connection.execute(
            "UPDATE refund_requests SET status = %s, decided_by = %s, restock = %s, updated_at = %s WHERE id = %s",
            (status, who[:MOST_NAME], restocks, to_datetime(now_ms()), request_id),
        )
        changed = await connection.fetch_one("SELECT * FROM refund_requests WHERE id = %s", (request_id,))
    assert changed
    return _request(changed)


async def _locked(connection: Connection, order_id: str) -> Order:
    orders = await read_orders(connection, "id = %s FOR UPDATE", (order_id,))
    if not orders:
        raise NotRefundable("Nothing was paid for this order.")
    return orders[0]


async def _as_decided(connection: Connection, order: Order) -> Order:
    """The order as it will be once all that was decided is in the books."""
    for request in await _of_order(connection, order.id, DECIDED):
        order = apply(order, request.fact())
    return order


async def _of_order(connection: Connection, order_id: str, status: str) -> list[Request]:
    rows = await connection.fetch_all(
        "SELECT * FROM refund_requests WHERE order_id = %s AND status = %s ORDER BY created_at, id",
        (order_id, status),
    )
    return [_request(row) for row in rows]


def _restocks(order: Order, wanted: Wanted) -> bool:
    """Whether tickets are sold again. Raises NotRefundable, TooMuch, ValueError for what makes no sense."""
    parts = refund_parts(order, wanted.amount_minor, wanted.items)
    if not parts:
        raise NotRefundable("Nothing that was paid for this order is left here.")
    gives_tickets = bool(wanted.items) or takes_all(order, parts)
    if wanted.restock and not gives_tickets:
        raise ValueError("restock: a part of the money gives no tickets back; name `items`")
    return gives_tickets if wanted.restock is None else wanted.restock


def _request(row: Row) -> Request:
    return Request(
        row["id"],
        row["order_id"],
        row["status"],
        to_minor(row["amount"]),
        tuple(Returned(*line) for line in _pairs(row["items"])),
        bool(row["restock"]),
        row["reason"],
        row["asked_by"],
        to_ms(row["created_at"]),
        _pairs(row["tickets"]),
    )


def _pairs(text: str) -> tuple[tuple[int, int], ...]:
    """The numbers of "7:2,8:1"."""
    pairs = (pair.split(":") for pair in text.split(",") if pair)
    return tuple((int(first), int(second)) for first, second in pairs)


async def requests_of(database: Database, event_id: int, status: str, after: str = "") -> list[Request]:
    """The refund requests of an event with this status, by id, those after `after`: MOST_LISTED at most."""
    rows = await database.fetch_all(
        "SELECT * FROM refund_requests WHERE event_id = %s AND status = %s AND id > %s ORDER BY id LIMIT %s",
        (event_id, status, after, MOST_LISTED),
    )
    return [_request(row) for row in rows]


async def asked_of(database: Database, order_id: str) -> Request | None:
    """The refund that the buyer of an order asked for last, however it was answered."""
    row = await database.fetch_one(
        "SELECT * FROM refund_requests WHERE order_id = %s AND asked_by = %s"
        " ORDER BY created_at DESC, id DESC LIMIT 1",
        (order_id, BUYER),
    )
    return _request(row) if row else None


async def follow(database: Database, older_than_seconds: float) -> list[RefundDecided]:
    """Notes which decisions are in the books, or came to nothing; the facts of those to be told again.

    Only what was decided longer ago than that.
    """
    facts: list[RefundDecided] = []
    after = ""
    while True:
        async with database.connection() as connection:
            rows = await connection.fetch_all(
                "SELECT * FROM refund_requests WHERE status = 'DECIDED' AND id > %s"
                " AND updated_at < UTC_TIMESTAMP(3) - INTERVAL %s SECOND ORDER BY id LIMIT %s",
                (after, older_than_seconds, PAGE),
            )
            if not rows:
                return facts
            after = rows[-1]["id"]
            ids = sorted({row["order_id"] for row in rows})
            orders = {order.id: order for order in await read_orders(connection, f"id IN {in_list(ids)}", ids)}
            ends: dict[str, list[str]] = {BOOKED: [], VOID: []}
            for request in map(_request, rows):
                if end := _end_of(orders.get(request.order_id), request):
                    ends[end].append(request.id)
                else:
                    facts.append(request.fact())
            for end, request_ids in ends.items():
                await _end(connection, end, request_ids)


def _end_of(order: Order | None, request: Request) -> str:
    """BOOKED, VOID, or empty while the ledger has still to write it."""
    if order and any(payment.request_id == request.id for payment in order.payments):
        return BOOKED
    try:
        return "" if order and refund_parts(order, request.amount_minor, request.items) else VOID
    except TooMuch:  # what was there went back in another way
        return VOID


async def _end(connection: Connection, status: str, request_ids: Sequence[str]) -> None:
    if request_ids:
        await connection.execute(
            f"UPDATE refund_requests SET status = %s, updated_at = %s WHERE id IN {in_list(request_ids)}",  # noqa: S608
            (status, to_datetime(now_ms()), *request_ids),
        )
