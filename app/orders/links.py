"""Links to orders, for when the buyer's cookie has ended: each shows one order to whoever has it, and no more.

Only the rest of an order that is paid in instalments may be paid by it.

A link is signed, so nothing is kept for it. One that fell into wrong hands is voided by renewing it: links carry a
version, and a row says which one is good from then on.
"""

from app.infra.mysql import Database
from app.units import DAY_MS, now_ms, to_datetime

GOOD_FOR_MS = 400 * DAY_MS  # after the order was placed: concerts are announced up to a year ahead
FIRST_VERSION = 1
# The orders that are worth coming back to; others end with their hold.
LASTING = ("CONFIRMED", "PARTIALLY_REFUNDED", "REFUNDED", "REVIEW")


async def link_version(database: Database, order_id: str) -> int:
    """The version of the link that is good. Raises DatabaseUnavailable."""
    row = await database.fetch_one("SELECT version FROM order_links WHERE order_id = %s", (order_id,))
    return int(row["version"]) if row else FIRST_VERSION


async def renew_link(database: Database, order_id: str) -> int:
    """Voids all links to an order; the version of the one that is good from now on. Raises DatabaseUnavailable."""
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO order_links (order_id, version, renewed_at) VALUES (%s, %s, %s)"
            " ON DUPLICATE KEY UPDATE version = version + 1, renewed_at = VALUES(renewed_at)",
            (order_id, FIRST_VERSION + 1, to_datetime(now_ms())),
        )
        row = await connection.fetch_one("SELECT version FROM order_links WHERE order_id = %s", (order_id,))
    return int(row["version"]) if row else FIRST_VERSION
