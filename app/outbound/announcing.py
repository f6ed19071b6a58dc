"""Tells buyers when an event changed, or was called off: noticed by comparing with what they were told last."""

from app.infra.mysql import Database, Row
from app.orders.lifecycle import BOUGHT
from app.units import to_datetime

AT_ONCE = 100
_BOUGHT = ", ".join(f"'{status}'" for status in BOUGHT)

_NOT_AS_TOLD = """
    SELECT e.id, e.starts_at, e.doors_at, e.venue, e.called_off_at, a.version,
           e.called_off_at IS NOT NULL AND a.called_off_at IS NULL AS is_called_off
    FROM events e LEFT JOIN announcements a ON a.event_id = e.id
    WHERE a.event_id IS NULL
          OR NOT (e.starts_at <=> a.starts_at AND e.doors_at <=> a.doors_at AND e.venue <=> a.venue
                  AND e.called_off_at <=> a.called_off_at)
    ORDER BY e.id LIMIT %s"""
# One that was given back before is nobody's business; one that is given back now, because of it, is.
_TELL = f"""
    INSERT INTO messages (id, kind, event_id, order_id, body, status, created_at, next_at)
    SELECT UUID(), %s, o.event_id, o.id, '{{}}', 'DUE', %s, %s
    FROM contacts c JOIN orders o ON o.id = c.order_id
    WHERE c.event_id = %s AND (o.status IN ({_BOUGHT}, 'REVIEW')
                               OR o.status IN ('REFUNDED', 'CANCELED') AND o.updated_at >= %s)"""  # noqa: S608


async def announce(database: Database, at_ms: int) -> int:
    """Writes down the mails about events that changed; how many events those are. Raises DatabaseUnavailable."""
    rows = await database.fetch_all(_NOT_AS_TOLD, (AT_ONCE,))
    for row in rows:
        await _announce(database, row, at_ms)
    return sum(row["version"] is not None for row in rows)


async def _announce(database: Database, row: Row, at_ms: int) -> None:
    told = (row["starts_at"], row["doors_at"], row["venue"], row["called_off_at"])
    async with database.transaction() as connection:
        if row["version"] is None:  # new: whoever buys from now on knows
            await connection.execute(
                "INSERT INTO announcements (event_id, starts_at, doors_at, venue, called_off_at, version)"
                " VALUES (%s, %s, %s, %s, %s, 1) ON DUPLICATE KEY UPDATE event_id = VALUES(event_id)",
                (row["id"], *told),
            )
            return
        mine = await connection.execute(  # of two that notice, one tells
            "UPDATE announcements SET starts_at = %s, doors_at = %s, venue = %s, called_off_at = %s,"
            " version = version + 1 WHERE event_id = %s AND version = %s",
            (*told, row["id"], row["version"]),
        )
        if mine and (row["is_called_off"] or row["called_off_at"] is None):
            now = to_datetime(at_ms)
            kind = "event.called_off" if row["is_called_off"] else "event.changed"
            since = row["called_off_at"] or now
            await connection.execute(_TELL, (kind, now, now, row["id"], since))
