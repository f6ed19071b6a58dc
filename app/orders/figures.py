"""Counts of an event's orders and money, kept as they change: looking at them costs the same whatever was sold.

The ledger adds what a batch changes, in its own transaction and last of all, so that two ledgers meet here in one
order. `changes` counts the changed orders themselves; every writer touches it, so whoever locks it has the event's
figures to itself.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Final

from app.infra.mysql import Connection, Database
from app.orders.lifecycle import UNKNOWN, Order
from app.units import to_minor

CHANGES: Final = "changes"
REFUNDED_ORDERS: Final = "refunded_orders"
_EARNING: Final = ("CONFIRMED", "PARTIALLY_REFUNDED")


def figures_of(order: Order) -> Counter[str]:
    """What one order adds to the figures of its event, amounts in minor units; money without an order, nothing."""
    figures: Counter[str] = Counter()
    if order.status == UNKNOWN:
        return figures
    figures[f"orders:{order.status}"] += 1
    if order.status in _EARNING:
        for item in order.items:
            figures[f"revenue:{item.sku_id}"] += item.quantity * item.price_minor
    for payment in order.payments:
        figures[f"payments:{payment.status}"] += 1
        figures[f"money:{payment.status}"] += payment.amount_minor
    figures[REFUNDED_ORDERS] += any(payment.status == "REFUNDED" for payment in order.payments)
    return figures


async def save_figures(connection: Connection, changes: Iterable[tuple[Order, Order]]) -> None:
    """Adds what these changes, before and after, make of the figures: one statement."""
    deltas: dict[int, Counter[str]] = defaultdict(Counter)
    for before, after in changes:
        delta = deltas[after.event_id]
        delta.update(figures_of(after))
        delta.subtract(figures_of(before))
        delta[CHANGES] += 1
    await connection.insert_many(
        "INSERT INTO figures (event_id, name, amount) VALUES (%s, %s, %s)"
        " ON DUPLICATE KEY UPDATE amount = amount + VALUES(amount)",
        [
            (event_id, name, amount)
            for event_id, delta in sorted(deltas.items())
            for name, amount in sorted(delta.items())
            if amount
        ],
    )


async def read_figures(connection: Connection, event_id: int) -> dict[str, int] | None:
    """The figures of an event; None for one of which none are kept yet: `recount` it."""
    rows = await connection.fetch_all("SELECT name, amount FROM figures WHERE event_id = %s", (event_id,))
    figures = {row["name"]: int(row["amount"]) for row in rows}
    return figures if CHANGES in figures else None


async def recount(database: Database, event_id: int) -> dict[str, int]:
    """Counts an event's orders anew, and keeps that. Its ledgers wait meanwhile where they write figures.

    What a ledger has committed is counted, for its lock on `changes` is gone by then; what it has not will be
    added to what is written here.
    """
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO figures (event_id, name, amount) VALUES (%s, %s, 0)"
            " ON DUPLICATE KEY UPDATE amount = amount + 0",
            (event_id, CHANGES),
        )
        kept = await connection.fetch_all(
            "SELECT amount FROM figures WHERE event_id = %s AND name = %s FOR UPDATE", (event_id, CHANGES)
        )
        of_all = await count_figures(connection, event_id)
        counted = of_all.get(event_id, {}) | {CHANGES: int(kept[0]["amount"])}
        await connection.execute("DELETE FROM figures WHERE event_id = %s AND name <> %s", (event_id, CHANGES))
        await connection.insert_many(
            "INSERT INTO figures (event_id, name, amount) VALUES (%s, %s, %s)"
            " ON DUPLICATE KEY UPDATE amount = VALUES(amount)",
            [(event_id, name, amount) for name, amount in sorted(counted.items())],
        )
    return counted


async def count_figures(connection: Connection, event_id: int | None) -> dict[int, dict[str, int]]:
    """What the figures of an event, or of every event for None, must be: added up from all orders, by event."""
    counted: dict[int, dict[str, int]] = defaultdict(dict)
    event = (event_id, event_id)
    for row in await connection.fetch_all(
        "SELECT event_id, status, COUNT(*) AS orders FROM orders WHERE (%s IS NULL OR event_id = %s)"
        " GROUP BY event_id, status",
        event,
    ):
        counted[row["event_id"]][f"orders:{row['status']}"] = row["orders"]
    for row in await connection.fetch_all(
        "SELECT o.event_id, i.sku_id, SUM(i.quantity * i.price) AS amount FROM orders o"
        " JOIN order_items i ON i.order_id = o.id"
        " WHERE (%s IS NULL OR o.event_id = %s) AND o.status IN (%s, %s) GROUP BY o.event_id, i.sku_id",
        (*event, *_EARNING),
    ):
        counted[row["event_id"]][f"revenue:{row['sku_id']}"] = to_minor(row["amount"])
    for row in await connection.fetch_all(
        "SELECT o.event_id, p.status, COUNT(*) AS payments, SUM(p.amount) AS amount FROM orders o"
        " JOIN payments p ON p.order_id = o.id WHERE (%s IS NULL OR o.event_id = %s)"
        " GROUP BY o.event_id, p.status",
        event,
    ):
        counted[row["event_id"]][f"payments:{row['status']}"] = row["payments"]
        counted[row["event_id"]][f"money:{row['status']}"] = to_minor(row["amount"])
    for row in await connection.fetch_all(
        "SELECT o.event_id, COUNT(DISTINCT p.order_id) AS orders FROM orders o"
        " JOIN payments p ON p.order_id = o.id WHERE (%s IS NULL OR o.event_id = %s) AND p.status = 'REFUNDED'"
        " GROUP BY o.event_id",
        event,
    ):
        counted[row["event_id"]][REFUNDED_ORDERS] = row["orders"]
    return counted
