"""Orders as organisers look for them, and one order's whole life. Every search is by an index, and by cursor."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from msgspec import UNSET, Struct, UnsetType

from app.ids import ORDER_ID, new_id, short_code
from app.infra.mysql import Connection, Database, Row, in_list
from app.live.shapes import Money, TicketStatus, Time
from app.orders.lifecycle import Order
from app.orders.reading import read_orders
from app.organisers.access import Admin
from app.tickets.issuing import FIRST_ISSUE
from app.units import iso, money_text, now_ms, to_datetime, to_minor, to_ms

MOST_TIMELINE: Final = 500
CLOCKS_MS: Final = 120_000  # an id is by the clock of a web host, the time of an order by that of Redis
MOST_OF_AN_ADDRESS: Final = 1_000
MAX_NOTE_CHARACTERS: Final = 1_000
STATUSES: Final = (
    "PENDING", "CONFIRMED", "EXPIRED", "CANCELED", "REVIEW", "REJECTED", "PARTIALLY_REFUNDED", "REFUNDED",
)  # fmt: skip
_RANDOM_ID = re.compile(r"[0-9a-f]{32}")  # a buyer's, or a ticket's
_BEGINNING = re.compile(r"[0-9a-f-]{8,36}")
_CODE = re.compile(r"[0-9a-f]{4}-?[0-9a-f]{4}")


_Where = tuple[str, list[Any]]  # a condition, and what stands in it
_PLACED_BEFORE: Final = """
    o.placed_at <= (SELECT c.placed_at FROM orders c WHERE c.id = %s)
    AND (o.placed_at < (SELECT c.placed_at FROM orders c WHERE c.id = %s) OR o.id < %s)"""
_NEWEST: Final = "orders_by_event"  # the index that most searches go along


class OrderRow(Struct, frozen=True):
    """An order in a list."""

    order_id: str
    code: str
    buyer_id: str
    status: str
    total: Money
    currency: str
    tickets: int
    placed_at: Time
    updated_at: Time


class OrderRows(Struct, frozen=True):
    """Orders, newest first. `next` is the cursor of the next ones; null: there are no more."""

    orders: list[OrderRow]
    next: str | None


class Step(Struct, frozen=True):
    """Something that happened to an order. `kind` says where it is written down, `fact` which fact it came of."""

    at: Time
    kind: str
    text: str
    fact: str | UnsetType = UNSET


class OrderLine(Struct, frozen=True):
    """A line of an order, at the price that the buyer was shown."""

    sku_id: int
    name: str
    quantity: int
    price: Money


class OrderPayment(Struct, frozen=True):
    """An attempt to charge, or a refund of the charge `parent_id`."""

    payment_id: str
    kind: str
    parent_id: str | None
    provider: str
    transaction_id: str | None
    amount: Money
    currency: str
    status: str
    created_at: Time


class OrderTicket(Struct, frozen=True):
    """A ticket of an order as it stands; `number` is among those of its kind. Handed on, it has another id."""

    ticket_id: str
    sku_id: int
    name: str
    number: int
    status: TicketStatus
    handed_on: bool


class OrderLife(Struct, frozen=True):
    """One order with everything that is known of it; its `timeline` newest first."""

    order_id: str
    code: str
    event: str
    buyer_id: str
    status: str
    version: int
    total: Money
    currency: str
    placed_at: Time
    expires_at: Time
    email: str | None
    items: list[OrderLine]
    payments: list[OrderPayment]
    tickets: list[OrderTicket]
    timeline: list[Step]


@dataclass(frozen=True)
class Search:
    """What is looked for: `q` is an order's id, its beginning or its code, a buyer's id or a ticket's."""

    q: str = ""
    status: str = ""
    from_ms: int | None = None
    until_ms: int | None = None
    cursor: str = ""

    @property
    def by_time_alone(self) -> bool:
        """Whether nothing but the time is asked for."""
        is_timed = self.from_ms is not None or self.until_ms is not None
        return is_timed and not self.q.strip() and not self.status


async def search_orders(database: Database, event_id: int, search: Search, most: int) -> OrderRows:
    """The orders of an event that are looked for, newest first.

    The index is named: left to itself, MySQL walks through all of the event's orders, hoping to find some soon.
    """
    index, newest = _NEWEST, "o.id DESC"
    wheres: list[_Where] = [("o.event_id = %s", [event_id])]
    if search.status:
        index = "orders_status"
        wheres.append(("o.status = %s", [search.status]))
    if search.by_time_alone:
        index, newest = "orders_placed", "o.placed_at DESC, o.id DESC"
        if search.cursor:
            wheres.append((_PLACED_BEFORE, [search.cursor] * 3))
    elif search.cursor:
        wheres.append(("o.id < %s", [search.cursor]))
    if search.from_ms is not None:
        soonest = first_id(search.from_ms - CLOCKS_MS)
        wheres.append(("o.id >= %s AND o.placed_at >= %s", [soonest, to_datetime(search.from_ms)]))
    if search.until_ms is not None:
        latest = first_id(search.until_ms + CLOCKS_MS)
        wheres.append(("o.id < %s AND o.placed_at < %s", [latest, to_datetime(search.until_ms)]))
    async with database.connection() as connection:
        if search.q.strip():
            index, where = await _where(connection, event_id, search.q)
            wheres.append(where)
        rows = await connection.fetch_all(
            "SELECT o.id, o.buyer_id, o.status, o.total, o.currency, o.placed_at, o.updated_at"  # noqa: S608
            f" FROM orders o FORCE INDEX ({index})"
            f" WHERE {' AND '.join(where for where, _ in wheres)} ORDER BY {newest} LIMIT %s",
            (*(value for _, values in wheres for value in values), most + 1),
        )
        found = rows[:most]
        tickets = await _tickets(connection, [row["id"] for row in found])
    return OrderRows(
        [
            OrderRow(
                order_id=row["id"],
                code=short_code(row["id"]),
                buyer_id=row["buyer_id"],
                status=row["status"],
                total=to_minor(row["total"]),
                currency=row["currency"],
                tickets=tickets.get(row["id"], 0),
                placed_at=iso(to_ms(row["placed_at"])),
                updated_at=iso(to_ms(row["updated_at"])),
            )
            for row in found
        ],
        found[-1]["id"] if len(rows) > most else None,
    )


def first_id(at_ms: int) -> str:
    """No order that was placed then or later has an id before this."""
    digits = f"{max(0, at_ms):012x}"
    return f"{digits[:8]}-{digits[8:12]}"


async def _where(connection: Connection, event_id: int, q: str) -> tuple[str, _Where]:
    """The index and the condition for what was typed; one that nothing fulfils for what nothing is called."""
    text = q.strip().lower()
    if ORDER_ID.fullmatch(text):
        return "PRIMARY", ("o.id = %s", [text])
    if _RANDOM_ID.fullmatch(text):
        ticket = await connection.fetch_one("SELECT order_id FROM tickets WHERE id = %s", (text,))
        if ticket:
            return "PRIMARY", ("o.id = %s", [ticket["order_id"]])
        return "orders_buyer", ("o.buyer_id = %s", [text])
    if _CODE.fullmatch(text):
        code = text.replace("-", "")
        return "orders_code", ("o.code = %s", [f"{code[:4]}-{code[4:]}"])
    if _BEGINNING.fullmatch(text):
        return _NEWEST, ("o.id LIKE %s", [f"{text}%"])
    told = await connection.fetch_all(
        "SELECT order_id FROM contacts WHERE event_id = %s AND email = %s LIMIT %s",
        (event_id, text, MOST_OF_AN_ADDRESS),
    )
    ids = [row["order_id"] for row in told] or [""]
    return "PRIMARY", (f"o.id IN {in_list(ids)}", ids)


async def _tickets(connection: Connection, order_ids: Sequence[str]) -> dict[str, int]:
    if not order_ids:
        return {}
    rows = await connection.fetch_all(
        "SELECT order_id, SUM(quantity) AS tickets FROM order_items"  # noqa: S608
        f" WHERE order_id IN {in_list(order_ids)} GROUP BY order_id",
        order_ids,
    )
    return {row["order_id"]: int(row["tickets"]) for row in rows}


async def order_life(database: Database, order_id: str) -> OrderLife | None:
    """An order with all that is known of it; None where the books do not have it."""
    async with database.connection() as connection:
        orders = await read_orders(connection, "id = %s", (order_id,))
        if not orders:
            return None
        order = orders[0]
        event = await connection.fetch_one("SELECT slug FROM events WHERE id = %s", (order.event_id,))
        names = {
            row["id"]: row["name"]
            for row in await connection.fetch_all(
                "SELECT id, name FROM skus WHERE event_id = %s", (order.event_id,)
            )
        }
        contact = await connection.fetch_one("SELECT email FROM contacts WHERE order_id = %s", (order.id,))
        steps = await _steps(connection, order, names)
        tickets = await connection.fetch_all(
            "SELECT id, sku_id, number, issue, status FROM tickets t WHERE order_id = %s AND NOT EXISTS (SELECT 1"
            " FROM tickets n WHERE n.order_id = t.order_id AND n.sku_id = t.sku_id AND n.number = t.number"
            " AND n.issue > t.issue) ORDER BY sku_id, number",
            (order.id,),
        )
    return OrderLife(
        order_id=order.id,
        code=short_code(order.id),
        event=event["slug"] if event else "",
        buyer_id=order.buyer_id,
        status=order.status,
        version=order.version,
        total=order.total_minor,
        currency=order.currency,
        placed_at=iso(order.placed_at_ms),
        expires_at=iso(order.expires_at_ms),
        email=contact["email"] if contact else None,
        items=[OrderLine(i.sku_id, names.get(i.sku_id, ""), i.quantity, i.price_minor) for i in order.items],
        payments=[
            OrderPayment(
                p.id,
                p.kind,
                p.parent_id,
                p.provider,
                p.transaction_id,
                p.amount_minor,
                p.currency,
                p.status,
                iso(p.created_at_ms),
            )
            for p in order.payments
        ],
        tickets=[
            OrderTicket(
                row["id"],
                row["sku_id"],
                names.get(row["sku_id"], ""),
                row["number"],
                row["status"].lower(),
                row["issue"] > FIRST_ISSUE,
            )
            for row in tickets
        ],
        timeline=[
            Step(iso(step.at_ms), step.kind, step.text, step.fact or UNSET) for step in sorted(steps, reverse=True)
        ],
    )


class _Told(NamedTuple):
    """A step: when, of which kind, in words, and the fact that it came of where that is known."""

    at_ms: int
    kind: str
    text: str
    fact: str = ""


# Which facts the rows tell of. What is CANCELED its buyer or its organiser gave back: the row does not say who.
_FACT_OF_STOCK: Final = {"PLACED": "OrderPlaced", "EXPIRED": "HoldLapsed", "RECLAIMED": "PaymentSucceeded"}
_FACT_OF_PAYMENT: Final = {
    "COMPLETED": "PaymentSucceeded",
    "FAILED": "PaymentFailed",
    "REFUNDED": "RefundSucceeded",
    "REFUND_FAILED": "RefundFailed",
}


async def _steps(connection: Connection, order: Order, names: dict[int, str]) -> list[_Told]:
    """All that is written down about an order, wherever."""
    steps = [_Told(order.placed_at_ms, "order", "Placed", "OrderPlaced")]
    requests = await _rows(connection, "refund_requests", "created_at", "order_id", order.id)
    for row in await _movements(connection, [order.id, *(row["id"] for row in requests)]):
        quantity = f"{abs(row['change_qty'])} of {names.get(row['sku_id'], row['sku_id'])}"
        words = "taken out of sale" if row["change_qty"] < 0 else "back on sale"
        fact = _FACT_OF_STOCK.get(row["reason"], "") if row["ref_id"] == order.id else "RefundDecided"
        steps.append(_Told(to_ms(row["created_at"]), "stock", f"{quantity} {words}: {row['reason']}", fact))
    for row in await _rows(connection, "payments", "created_at", "order_id", order.id):
        what = "Charge" if row["kind"] == "CHARGE" else "Refund"
        amount = money_text(to_minor(row["amount"]), row["currency"])
        is_pending = row["status"] in ("PENDING", "REFUND_PENDING")
        begun_by = "RefundDecided" if row["request_id"] else ""
        if row["kind"] == "CHARGE" and (is_pending or row["updated_at"] > row["created_at"]):
            begun_by = "PaymentStarted"
        begun = f"{what} of {amount} at {row['provider']}: begun"
        steps.append(_Told(to_ms(row["created_at"]), "payment", begun, begun_by))
        if row["updated_at"] > row["created_at"] or not is_pending:
            fact = _FACT_OF_PAYMENT.get(row["status"], "")
            steps.append(_Told(to_ms(row["updated_at"]), "payment", f"{what} of {amount}: {row['status']}", fact))
    for row in await _rows(connection, "tickets", "issued_at", "order_id", order.id):
        name = f"Ticket {row['number']} of {names.get(row['sku_id'], row['sku_id'])}"
        steps.append(_Told(to_ms(row["issued_at"]), "ticket", f"{name}: issued"))
        if row["ended_at"]:
            where = f" at {row['gate']}" if row["gate"] else ""
            steps.append(_Told(to_ms(row["ended_at"]), "ticket", f"{name}: {row['status']}{where}"))
    for row in await _rows(connection, "messages", "created_at", "order_id", order.id):
        what = f"{'Webhook' if row['webhook_id'] else 'Mail'} {row['kind']}"
        steps.append(_Told(to_ms(row["created_at"]), "message", f"{what}: due"))
        if row["ended_at"]:
            why = f" ({row['error']})" if row["error"] and row["status"] == "FAILED" else ""
            steps.append(_Told(to_ms(row["ended_at"]), "message", f"{what}: {row['status'].lower()}{why}"))
    for row in requests:
        why = f": {row['reason']}" if row["reason"] else ""
        steps.append(_Told(to_ms(row["created_at"]), "payment", f"Refund asked for by {row['asked_by']}{why}"))
    notes = await _rows(connection, "order_notes", "at", "order_id", order.id)
    steps += [_Told(to_ms(row["at"]), "note", f"{row['who']}: {row['text']}") for row in notes]
    deeds = await connection.fetch_all(
        "SELECT at, who, action FROM admin_log WHERE event_id = %s AND subject = %s ORDER BY seq DESC LIMIT %s",
        (order.event_id, order.id, MOST_TIMELINE),
    )
    return steps + [_Told(to_ms(row["at"]), "organiser", f"{row['who']}: {row['action']}") for row in deeds]


async def _movements(connection: Connection, ref_ids: Sequence[str]) -> list[Row]:
    """What left or came back to the stock, for an order or for decisions about it."""
    return await connection.fetch_all(
        f"SELECT * FROM inventory_audit WHERE ref_id IN {in_list(ref_ids)}"  # noqa: S608
        " ORDER BY created_at DESC LIMIT %s",
        (*ref_ids, MOST_TIMELINE),
    )


async def _rows(connection: Connection, table: str, time: str, column: str, order_id: str) -> list[Row]:
    return await connection.fetch_all(
        f"SELECT * FROM {table} WHERE {column} = %s ORDER BY {time} DESC LIMIT %s",  # noqa: S608  # of this file
        (order_id, MOST_TIMELINE),
    )


async def erase_contact(database: Database, order_id: str) -> int:
    """Erases the address of whoever placed this order, from all their orders in the event; of how many.

    Nothing else that is kept says who a buyer is: the books stay whole.
    """
    return await database.execute(
        "DELETE c FROM contacts c JOIN orders o ON o.id = c.order_id JOIN orders mine"
        " ON mine.event_id = o.event_id AND mine.buyer_id = o.buyer_id WHERE mine.id = %s",
        (order_id,),
    )


async def add_note(database: Database, order_id: str, admin: Admin, text: str) -> None:
    """Notes something of an order."""
    await database.execute(
        "INSERT INTO order_notes (id, order_id, at, who, text) VALUES (%s, %s, %s, %s, %s)",
        (new_id(), order_id, to_datetime(now_ms()), str(admin)[:140], text),
    )
