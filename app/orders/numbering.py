"""Receipts: each order that is bought gets the next number of its event, in the ledger's transaction.

So there is no gap: a batch that is not committed has given no number.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from app.infra.mysql import Connection, Database
from app.orders.lifecycle import BOUGHT, Order


async def number_receipts(connection: Connection, steps: Iterable[tuple[Order, Order]], now: datetime) -> None:
    """Numbers the orders that are bought by these steps, before and after; an order is bought once."""
    bought: dict[int, list[str]] = defaultdict(list)
    for before, after in steps:
        if after.status in BOUGHT and before.status not in BOUGHT:
            bought[after.event_id].append(after.id)
    for event_id, order_ids in sorted(bought.items()):
        await connection.execute(
            "INSERT INTO receipt_series (event_id, last) VALUES (%s, %s)"
            " ON DUPLICATE KEY UPDATE last = last + VALUES(last)",
            (event_id, len(order_ids)),
        )
        row = await connection.fetch_one("SELECT last FROM receipt_series WHERE event_id = %s", (event_id,))
        assert row
        first = row["last"] - len(order_ids) + 1
        await connection.insert_many(
            "INSERT INTO receipts (event_id, number, order_id, issued_at) VALUES (%s, %s, %s, %s)",
            [(event_id, first + index, order_id, now) for index, order_id in enumerate(order_ids)],
        )


async def receipt_number(books: Connection | Database, order_id: str) -> int | None:
    """The number of an order's receipt; None until it is bought. Raises DatabaseUnavailable."""
    row = await books.fetch_one("SELECT number FROM receipts WHERE order_id = %s", (order_id,))
    return row["number"] if row else None
