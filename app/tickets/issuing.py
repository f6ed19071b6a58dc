"""Tickets follow their orders: made when one is bought, void when it is given back, in the ledger's transaction.

A ticket that was used stays used, and a void one void. Whatever the batch, the statements are the same few.
"""

import secrets
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

from app.infra.mysql import Connection, Row, in_list
from app.orders.lifecycle import BOUGHT, Order, valid
from app.orders.refund_requests import named_tickets
from app.units import now_ms, to_datetime

FIRST_ISSUE = 1

Step = tuple[Order, Order]  # an order before and after


def entitled(order: Order) -> Counter[int]:
    """How many tickets an order stands for, by sku."""
    if order.status not in BOUGHT:
        return Counter()
    return Counter(valid(order))


async def follow_orders(connection: Connection, steps: Sequence[Step]) -> None:
    """Makes the tickets that these orders stand for now, and voids those they stand for no longer."""
    now = to_datetime(now_ms())
    new: list[tuple[object, ...]] = []
    fewer: list[Order] = []
    for before, after in steps:
        was, becomes = entitled(before), entitled(after)
        if was - becomes:
            fewer.append(after)
        new += [
            (new_ticket_id(), after.id, after.event_id, sku_id, number, FIRST_ISSUE, "VALID", now)
            for sku_id, quantity in becomes.items()
            for number in range(was[sku_id] + 1, quantity + 1)
        ]
    await connection.insert_many(
        "INSERT INTO tickets (id, order_id, event_id, sku_id, number, issue, status, issued_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        new,
    )
    if fewer:
        rows = await connection.fetch_all(
            "SELECT id, order_id, sku_id, number, status FROM tickets"  # noqa: S608
            f" WHERE order_id IN {in_list(fewer)} AND status <> 'VOID' FOR UPDATE",
            [order.id for order in fewer],
        )
        named = await named_tickets(connection, [order.id for order in fewer])
        if ended := superfluous(fewer, rows, named):
            await connection.execute(
                "UPDATE tickets SET status = 'VOID', ended_at = %s"  # noqa: S608
                f" WHERE status = 'VALID' AND id IN {in_list(ended)}",
                [now, *ended],
            )


def superfluous(
    orders: Sequence[Order], rows: Sequence[Row], named: Collection[tuple[str, int, int]] = ()
) -> list[str]:
    """Which of the tickets of these orders are good and must not be.

    Of each kind first those that were `named` when their money was given back, by order, sku and number; then the
    highest numbers.
    """

    def last_first(ticket: Row) -> tuple[bool, int]:
        key = ticket["order_id"], ticket["sku_id"], ticket["number"]
        return key not in named, -int(ticket["number"])

    live: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in rows:
        live[row["order_id"], row["sku_id"]].append(row)
    rights = {order.id: entitled(order) for order in orders}
    ended: list[str] = []
    for (order_id, sku_id), tickets in live.items():
        excess = len(tickets) - rights[order_id][sku_id]
        good = sorted((t for t in tickets if t["status"] == "VALID"), key=last_first)
        ended += [str(ticket["id"]) for ticket in good[: max(0, excess)]]
    return ended


def new_ticket_id() -> str:
    """Nobody can guess it: 128 random bits in hex."""
    return secrets.token_hex(16)
