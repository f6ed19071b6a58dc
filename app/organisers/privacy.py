"""What is kept of a buyer, on one page; erased when they ask for it, or in time. The books stay whole.

What names a buyer is an address, and words: notes of organisers, and why a refund was asked for. All of it is
beside the books and can go. A buyer's id is a random number of a browser's: the books need it,
and it names nobody.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from app.infra.mysql import Connection, Database, in_list
from app.live.shapes import Time
from app.organisers.orders import MOST_OF_AN_ADDRESS, OrderRow, Search, search_orders
from app.units import iso, to_datetime, to_ms

MOST_ORDERS: Final = 200  # of one buyer in one event; the limit of orders a buyer is below that
MOST_BUYERS: Final = 20  # who gave the same address
PAGE: Final = 1_000
ERASED: Final = "erased"


class Words(Struct, frozen=True):
    """Something that somebody wrote about an order of the buyer."""

    at: Time
    order_id: str
    who: str
    text: str


class BuyerFile(Struct, frozen=True):
    """Everything that is kept of a buyer in one event. `emails` are all the addresses that they gave."""

    buyer_id: str
    emails: list[str]
    orders: list[OrderRow]
    tickets: int
    mails: int
    notes: list[Words]
    refund_reasons: list[Words]


class BuyerFiles(Struct, frozen=True):
    """The buyers who are called so."""

    buyers: list[BuyerFile]


class Erased(Struct, frozen=True):
    """How much was erased."""

    addresses: int
    notes: int
    reasons: int


async def read_files(database: Database, event_id: int, q: str) -> BuyerFiles:
    """What is kept of the buyers with this id, address or order; nobody is called so: an empty list."""
    found = await search_orders(database, event_id, Search(q), MOST_OF_AN_ADDRESS) if q.strip() else None
    buyer_ids = list(dict.fromkeys(order.buyer_id for order in found.orders)) if found else []
    return BuyerFiles([await _file(database, event_id, buyer_id) for buyer_id in buyer_ids[:MOST_BUYERS]])


async def _file(database: Database, event_id: int, buyer_id: str) -> BuyerFile:
    orders = (await search_orders(database, event_id, Search(buyer_id), MOST_ORDERS)).orders
    ids = [order.order_id for order in orders]
    among = f"order_id IN {in_list(ids)}"
    async with database.connection() as connection:
        emails = await connection.fetch_all(f"SELECT DISTINCT email FROM contacts WHERE {among}", ids)  # noqa: S608
        tickets = await connection.fetch_one(f"SELECT COUNT(*) AS n FROM tickets WHERE {among}", ids)  # noqa: S608
        mails = await connection.fetch_one(
            f"SELECT COUNT(*) AS n FROM messages WHERE {among} AND webhook_id IS NULL",  # noqa: S608
            ids,
        )
        notes = await connection.fetch_all(
            f"SELECT at, order_id, who, text FROM order_notes WHERE {among} ORDER BY at",  # noqa: S608
            ids,
        )
        reasons = await connection.fetch_all(
            "SELECT created_at AS at, order_id, asked_by AS who, reason AS text FROM refund_requests"  # noqa: S608
            f" WHERE {among} AND reason <> '' ORDER BY created_at",
            ids,
        )
    written = [
        [Words(iso(to_ms(row["at"])), row["order_id"], row["who"], row["text"]) for row in rows]
        for rows in (notes, reasons)
    ]
    return BuyerFile(
        buyer_id=buyer_id,
        emails=[row["email"] for row in emails],
        orders=orders,
        tickets=tickets["n"] if tickets else 0,
        mails=mails["n"] if mails else 0,
        notes=written[0],
        refund_reasons=written[1],
    )


async def erase_buyer(database: Database, event_id: int, buyer_id: str) -> Erased:
    """Erases all that names a buyer in an event. What is still to be mailed to them is mailed no more."""
    async with database.transaction() as connection:
        orders = await connection.fetch_all(
            "SELECT id FROM orders WHERE event_id = %s AND buyer_id = %s", (event_id, buyer_id)
        )
        return await _erase(connection, [row["id"] for row in orders])


async def erase_address(database: Database, email: str) -> Erased:
    """Erases all that names whoever gave this address, in every event."""
    erased = Erased(0, 0, 0)
    for row in await database.fetch_all(
        "SELECT DISTINCT o.event_id, o.buyer_id FROM contacts c JOIN orders o ON o.id = c.order_id"
        " WHERE c.email = %s",
        (email,),
    ):
        erased = _sum(erased, await erase_buyer(database, row["event_id"], row["buyer_id"]))
    # Of an order that is not in the books yet, too.
    lost = await database.execute("DELETE FROM contacts WHERE email = %s", (email,))
    return _sum(erased, Erased(lost, 0, 0))


async def forget_people(database: Database, at_ms: int) -> int:
    """Erases what names buyers of the events whose time is over then; of how many events there was something.

    Raises DatabaseUnavailable. An event is walked through once, and done; only an address that somebody gives
    later is looked for again, and erased the next time.
    """
    over = await database.fetch_all(
        "SELECT id, forgotten_at FROM events WHERE retention_days IS NOT NULL"
        " AND COALESCE(starts_at, opens_at) + INTERVAL retention_days DAY <= %s"
        " AND (forgotten_at IS NULL OR EXISTS (SELECT 1 FROM contacts WHERE event_id = events.id))",
        (to_datetime(at_ms),),
    )
    for row in over:
        if row["forgotten_at"] is None:
            await _forget_event(database, row["id"])
            await database.execute(
                "UPDATE events SET forgotten_at = %s WHERE id = %s", (to_datetime(at_ms), row["id"])
            )
        else:
            await database.execute("DELETE FROM contacts WHERE event_id = %s LIMIT %s", (row["id"], PAGE))
    return len(over)


async def _forget_event(database: Database, event_id: int) -> None:
    after = ""
    while orders := await database.fetch_all(
        "SELECT id FROM orders WHERE event_id = %s AND id > %s ORDER BY id LIMIT %s", (event_id, after, PAGE)
    ):
        ids = [row["id"] for row in orders]
        async with database.transaction() as connection:
            await _erase(connection, ids)
        after = ids[-1]


async def _erase(connection: Connection, order_ids: Sequence[str]) -> Erased:
    if not order_ids:
        return Erased(0, 0, 0)
    among = f"order_id IN {in_list(order_ids)}"
    return Erased(
        await connection.execute(f"DELETE FROM contacts WHERE {among}", order_ids),  # noqa: S608
        await connection.execute(f"DELETE FROM order_notes WHERE {among}", order_ids),  # noqa: S608
        await connection.execute(
            f"UPDATE refund_requests SET reason = %s WHERE {among} AND reason NOT IN ('', %s)",  # noqa: S608
            (ERASED, *order_ids, ERASED),
        ),
    )


def _sum(one: Erased, other: Erased) -> Erased:
    return Erased(one.addresses + other.addresses, one.notes + other.notes, one.reasons + other.reasons)
