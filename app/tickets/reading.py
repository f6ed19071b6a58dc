"""Tickets as the books have them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from app.infra.mysql import Connection, Database, Row
from app.units import optional_ms, to_ms


class Ticket(msgspec.Struct, frozen=True):
    """One ticket. `status` is VALID, USED or VOID; of the last two `ended_at_ms` says since when."""

    id: str
    order_id: str
    event_id: int
    sku_id: int
    number: int
    issue: int
    status: str
    issued_at_ms: int
    ended_at_ms: int | None
    gate: str | None
    use_key: str | None

    @property
    def handed_on(self) -> bool:
        """Whether it is somebody else's than the buyer's."""
        return self.issue > 1


async def tickets_of(database: Database, order_id: str) -> list[Ticket]:
    """The tickets of an order, in a fixed order, each issue of each. Raises DatabaseUnavailable."""
    async with database.connection() as connection:
        return await read_tickets(connection, "order_id = %s ORDER BY sku_id, number, issue", (order_id,))


async def find_ticket(database: Database, ticket_id: str) -> Ticket | None:
    """A ticket by its id. Raises DatabaseUnavailable."""
    async with database.connection() as connection:
        found = await read_tickets(connection, "id = %s", (ticket_id,))
    return found[0] if found else None


async def read_tickets(connection: Connection, where: str, args: Sequence[Any]) -> list[Ticket]:
    """The tickets for which a condition on `tickets` holds."""
    rows = await connection.fetch_all(f"SELECT * FROM tickets WHERE {where}", args)  # noqa: S608  # no input in it
    return [_ticket(row) for row in rows]


def _ticket(row: Row) -> Ticket:
    return Ticket(
        id=row["id"],
        order_id=row["order_id"],
        event_id=row["event_id"],
        sku_id=row["sku_id"],
        number=row["number"],
        issue=row["issue"],
        status=row["status"],
        issued_at_ms=to_ms(row["issued_at"]),
        ended_at_ms=optional_ms(row["ended_at"]),
        gate=row["gate"],
        use_key=row["use_key"],
    )
