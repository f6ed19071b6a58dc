"""The door: lets a ticket in once, and hands tickets on."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.infra.mysql import Connection, Database
from app.orders.lifecycle import BOUGHT
from app.tickets.issuing import new_ticket_id
from app.tickets.reading import Ticket, read_tickets
from app.units import now_ms, to_datetime

Also = Callable[[Connection, Ticket], Awaitable[None]]

MOST_ISSUES = 100  # of one ticket
GATE = re.compile(r"[^\x00-\x1f\x7f]{1,64}")


class NotYours(Exception):
    """There is no such ticket, or not for whoever asks."""


class Ended(Exception):
    """The ticket is good no longer: it was used, is void, or was handed on as often as one may."""

    def __init__(self, ticket: Ticket) -> None:
        super().__init__(ticket.id)
        self.ticket = ticket


@dataclass(frozen=True)
class Entry:
    """What a door was told: whether the ticket comes in by this scan, and how it stands now."""

    let_in: bool
    ticket: Ticket


async def use(
    database: Database,
    ticket_id: str,
    gate: str,
    door_key: str,
    use_key: str = "",
    at_ms: int | None = None,
    also: Also | None = None,
) -> Entry | None:
    """Lets a ticket in, if it is good; of two doors that ask at once one is told yes. None: there is none such.

    The same `use_key` is told yes again: it is the same scan. `at_ms` is when a scanner without a network let the
    ticket in, never later than now. `also` writes what follows, in the same transaction. Raises
    DatabaseUnavailable.
    """
    now = now_ms()
    used_at = to_datetime(min(now, at_ms) if at_ms else now)
    async with database.transaction() as connection:
        let_in = await connection.execute(
            "UPDATE tickets SET status = 'USED', ended_at = GREATEST(issued_at, %s), gate = %s, door_key = %s,"
            " use_key = %s WHERE id = %s AND status = 'VALID'",
            (used_at, gate, door_key or None, use_key or None, ticket_id),
        )
        found = await read_tickets(connection, "id = %s", (ticket_id,))
        if let_in and also:
            await also(connection, found[0])
    if not found:
        return None
    again = found[0].status == "USED" and bool(use_key) and found[0].use_key == use_key
    return Entry(bool(let_in) or again, found[0])


async def hand_on(database: Database, order_id: str, ticket_id: str, request_key: str) -> Ticket:
    """Voids a ticket and makes its next issue, which is the answer: for whoever gets it from now on.

    The same `request_key` finds what was made by it. Raises NotYours, Ended, DatabaseUnavailable.
    """
    async with database.transaction() as connection:
        # Locked like the ledger does it: a refund voids the old ticket or the new one, never neither.
        order = await connection.fetch_one("SELECT status FROM orders WHERE id = %s FOR UPDATE", (order_id,))
        found = await read_tickets(connection, "id = %s AND order_id = %s FOR UPDATE", (ticket_id, order_id))
        next_ = await _next_issue(connection, found[0], request_key) if found else None
        may = order is not None and order["status"] in BOUGHT
        if may and found and next_ is None and found[0].status == "VALID" and found[0].issue < MOST_ISSUES:
            next_ = await _issue_next(connection, found[0], request_key)
    if not found or order is None:
        raise NotYours
    if next_ is None:
        raise Ended(found[0])
    return next_


async def _issue_next(connection: Connection, ticket: Ticket, request_key: str) -> Ticket:
    now = to_datetime(now_ms())
    await connection.execute("UPDATE tickets SET status = 'VOID', ended_at = %s WHERE id = %s", (now, ticket.id))
    await connection.execute(
        "INSERT INTO tickets (id, order_id, event_id, sku_id, number, issue, status, issued_at, request_key)"
        " VALUES (%s, %s, %s, %s, %s, %s, 'VALID', %s, %s)",
        (
            next_id := new_ticket_id(),
            ticket.order_id,
            ticket.event_id,
            ticket.sku_id,
            ticket.number,
            ticket.issue + 1,
            now,
            request_key,
        ),
    )
    return (await read_tickets(connection, "id = %s", (next_id,)))[0]


async def _next_issue(connection: Connection, ticket: Ticket, request_key: str) -> Ticket | None:
    """What the same request made before."""
    found = await read_tickets(
        connection,
        "order_id = %s AND sku_id = %s AND number = %s AND issue = %s AND request_key = %s",
        (ticket.order_id, ticket.sku_id, ticket.number, ticket.issue + 1, request_key),
    )
    return found[0] if found else None
