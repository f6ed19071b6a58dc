"""An event is called off: its sale closes, and whoever paid gets all of it back, late payers too.

The books say so first; a worker then goes through the orders, so it goes on after whatever interrupts it.
"""

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

from redis.asyncio import Redis

from app.ids import derived_id
from app.infra.keys import key
from app.infra.mysql import Database, in_list
from app.orders.facts import OrderCalledOff
from app.sale.catalog import Event
from app.sale.events import note, set_state
from app.units import now_ms, to_datetime

log = logging.getLogger(__name__)

PAGE = 500
LIVE = ("PENDING", "REVIEW", "CONFIRMED", "PARTIALLY_REFUNDED")  # of which something is still to be taken back


@dataclass(frozen=True)
class Progress:
    """How far an event's refunds have come; `done` once nothing is left to do but what people must see to."""

    orders: int  # that were placed, as far as the books know
    to_call_off: int
    refunds_pending: int
    refunds_done: int
    refunds_refused: int

    @property
    def done(self) -> bool:
        """Whether every order was called off and no refund is on its way."""
        return not self.to_call_off and not self.refunds_pending


async def call_off(database: Database, redis: Redis, event: Event, who: str, reason: str) -> None:
    """Calls an event off; again changes nothing. Raises NotReady, RedisError: then the worker closes the sale."""
    called_off = await database.execute(
        "UPDATE events SET called_off_at = %s, called_off_by = %s, called_off_reason = %s"
        " WHERE id = %s AND called_off_at IS NULL",
        (to_datetime(now_ms()), who[:64], reason, event.id),
    )
    if called_off:
        await note(database, event.id, f"{who} called the event off" + (f": {reason}" if reason else ""))
    await close_for_good(database, redis, event, reason, who)


async def close_for_good(database: Database, redis: Redis, event: Event, reason: str, who: str) -> None:
    """Has Redis sell nothing more of it, and claim nothing again for late money."""
    if event.purged:
        return
    await redis.hset(key(event.id, "sale"), "called_off", "1")
    if event.state != "closed":
        await set_state(database, redis, event, "closed", reason, who)


async def called_off(database: Database) -> list[int]:
    """The ids of called off events of which some order is still to be called off."""
    rows = await database.fetch_all(
        "SELECT e.id FROM events e WHERE e.called_off_at IS NOT NULL AND (e.state <> 'closed' OR EXISTS"  # noqa: S608
        f" (SELECT 1 FROM orders o WHERE o.event_id = e.id AND o.status IN {in_list(LIVE)}))",
        LIVE,
    )
    return [row["id"] for row in rows]


async def facts_of(database: Database, event_id: int, reason: str) -> AsyncIterator[list[OrderCalledOff]]:
    """What the ledger is told of the orders of a called off event, page by page: the same however often."""
    after = ""
    while rows := await database.fetch_all(
        f"SELECT id FROM orders WHERE event_id = %s AND status IN {in_list(LIVE)}"  # noqa: S608
        " AND id > %s ORDER BY id LIMIT %s",
        (event_id, *LIVE, after, PAGE),
    ):
        after = rows[-1]["id"]
        yield [
            OrderCalledOff(
                fact_id=derived_id("called off", row["id"]),
                order_id=row["id"],
                occurred_at_ms=now_ms(),
                restock=True,
                reason=reason,
            )
            for row in rows
        ]


async def progress(database: Database, event_id: int) -> Progress:
    """How far it has come."""
    orders = await database.fetch_all(
        "SELECT status, COUNT(*) AS orders FROM orders WHERE event_id = %s GROUP BY status", (event_id,)
    )
    refunds = await database.fetch_all(
        "SELECT p.status, COUNT(*) AS refunds FROM payments p JOIN orders o ON o.id = p.order_id"
        " WHERE o.event_id = %s AND p.kind = 'REFUND' GROUP BY p.status",
        (event_id,),
    )
    count = {row["status"]: row["refunds"] for row in refunds}
    return Progress(
        orders=sum(row["orders"] for row in orders),
        to_call_off=sum(row["orders"] for row in orders if row["status"] in LIVE),
        refunds_pending=count.get("REFUND_PENDING", 0),
        refunds_done=count.get("REFUNDED", 0),
        refunds_refused=count.get("REFUND_FAILED", 0),
    )
