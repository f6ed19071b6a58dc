"""Number 12 of what `ticketcraze verify` checks: tickets are what the orders say."""

from app.infra.mysql import Connection
from app.orders.lifecycle import BOUGHT
from app.watch.verify.finding import MOST_NAMED, Finding

_BOUGHT = ", ".join(f"'{status}'" for status in BOUGHT)

# Of each line of an order as many tickets are good or used as were bought. More than that may have been used
# before some were given back; then none of them is good.
_NOT_AS_BOUGHT = f"""
    SELECT o.id, o.status, i.sku_id,
           CASE WHEN o.status IN ({_BOUGHT}) THEN i.quantity - i.void ELSE 0 END AS bought,
           COALESCE(SUM(t.status = 'VALID'), 0) AS good, COALESCE(SUM(t.status = 'USED'), 0) AS used
    FROM orders o JOIN order_items i ON i.order_id = o.id
         LEFT JOIN tickets t ON t.order_id = i.order_id AND t.sku_id = i.sku_id
    WHERE (%s IS NULL OR o.event_id = %s)
    GROUP BY o.id, o.status, i.sku_id, i.quantity, i.void
    HAVING good + used < bought OR (good + used > bought AND good > 0)
    LIMIT %s"""  # noqa: S608  # no input in it
_OF_NO_ORDER = """
    SELECT t.id, t.order_id, t.sku_id
    FROM tickets t LEFT JOIN order_items i ON i.order_id = t.order_id AND i.sku_id = t.sku_id
    WHERE i.order_id IS NULL AND (%s IS NULL OR t.event_id = %s)
    LIMIT %s"""
_GOOD_TWICE = """
    SELECT order_id, sku_id, number, COUNT(*) AS times FROM tickets
    WHERE status <> 'VOID' AND (%s IS NULL OR event_id = %s)
    GROUP BY order_id, sku_id, number HAVING times > 1
    LIMIT %s"""
_HALF_ENDED = """
    SELECT id, order_id, status FROM tickets
    WHERE (%s IS NULL OR event_id = %s) AND (
        (status = 'VALID') <> (ended_at IS NULL) OR (status = 'USED') <> (gate IS NOT NULL)
        OR ended_at < issued_at)
    LIMIT %s"""
# What was mailed is what is good: of an order whose mail was sent every ticket of the buyer's own was in it, and
# no ticket was mailed that was void before.
_MAILED_WRONGLY = """
    SELECT t.id, t.order_id, t.status FROM tickets t
    WHERE (%s IS NULL OR t.event_id = %s) AND t.mailed_at > t.ended_at AND t.status = 'VOID'
    UNION ALL
    SELECT t.id, t.order_id, t.status FROM messages m JOIN tickets t ON t.order_id = m.order_id
    WHERE m.status = 'SENT' AND m.kind = 'order.confirmed' AND m.webhook_id IS NULL
          AND (%s IS NULL OR t.event_id = %s) AND t.issue = 1 AND t.status = 'VALID' AND t.mailed_at IS NULL
    LIMIT %s"""


async def check_tickets(connection: Connection, event_id: int | None) -> Finding:
    """12: the tickets of one event, or of all for None."""
    event = (event_id, event_id)
    finding = Finding({"good": 0, "used": 0, "void": 0})
    for row in await connection.fetch_all(
        "SELECT status, COUNT(*) AS tickets FROM tickets WHERE (%s IS NULL OR event_id = %s) GROUP BY status",
        event,
    ):
        finding.figures[{"VALID": "good"}.get(row["status"], row["status"].lower())] = row["tickets"]
    for row in await connection.fetch_all(_NOT_AS_BOUGHT, (*event, MOST_NAMED)):
        finding.problems.append(
            f"order {row['id']}: {row['status']} with {row['bought']} tickets of sku {row['sku_id']},"
            f" and {row['good']} are good, {row['used']} used"
        )
    for row in await connection.fetch_all(_OF_NO_ORDER, (*event, MOST_NAMED)):
        finding.problems.append(f"ticket {row['id']}: order {row['order_id']} has none of sku {row['sku_id']}")
    for row in await connection.fetch_all(_GOOD_TWICE, (*event, MOST_NAMED)):
        finding.problems.append(
            f"order {row['order_id']}: ticket {row['number']} of sku {row['sku_id']} is good {row['times']} times"
        )
    for row in await connection.fetch_all(_HALF_ENDED, (*event, MOST_NAMED)):
        finding.problems.append(
            f"ticket {row['id']} of order {row['order_id']}: {row['status']}, and its end says otherwise"
        )
    for row in await connection.fetch_all(_MAILED_WRONGLY, (*event, *event, MOST_NAMED)):
        finding.problems.append(
            f"ticket {row['id']} of order {row['order_id']}: {row['status']}, and what was mailed says otherwise"
        )
    return finding
