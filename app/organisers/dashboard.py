"""The organiser's view of a sale: one snapshot of everything that matters now."""

from typing import Any, cast

import msgspec
from redis.asyncio import Redis

from app.ids import short_code
from app.infra.keys import VERDICT, key
from app.infra.mysql import Database
from app.sale.catalog import Event, Stock, parse_stock, public_state
from app.units import iso, now_ms, to_minor, to_ms
from app.watch.processes import reports

FEED_LENGTH = 30
MOST_TROUBLE = 20
REFUNDED = ("PARTIALLY_REFUNDED", "REFUNDED")


async def snapshot(redis: Redis, database: Database, event: Event) -> dict[str, Any]:
    """The snapshot frame of the admin socket, and the answer of the admin API; amounts in minor units."""
    async with redis.pipeline(transaction=False) as pipeline:
        pipeline.hmget(key(event.id, "sale"), ["state", "notice", "opens_at_ms"])
        pipeline.hgetall(key(event.id, "stock"))
        for name in ("lobby", "queue", "passes", "holds"):
            pipeline.zcard(key(event.id, name))
        pipeline.xlen(key(event.id, "outbox"))
        pipeline.get(VERDICT)
        pipeline.hgetall(key(event.id, "totals"))
        pipeline.get(key(event.id, "number"))
        (
            (state, notice, opens_at_ms),
            fields,
            lobby,
            waiting,
            passes,
            holds,
            outbox,
            verdict,
            totals,
            number,
        ) = await pipeline.execute()
    stock = parse_stock(fields)
    books = await _books(database, event)
    told = cast(dict[str, Any], msgspec.json.decode(verdict)) if verdict else None
    return {
        "type": "snapshot",
        "server_now": iso(now_ms()),
        "event": {
            "slug": event.slug,
            "name": event.name,
            "sale": state_for_organisers(state, stock),
            "notice": notice or None,
            "opens_at": iso(int(opens_at_ms or event.opens_at_ms)),
            "rate_per_minute": event.rate_per_minute,
            "room": event.room,
        },
        "funnel": {
            "lobby": lobby,
            "waiting": waiting,
            "admitted": passes,
            "holding": holds,
            "paid": books["orders"].get("CONFIRMED", 0) + books["orders"].get("PARTIALLY_REFUNDED", 0),
            "refunded": books["refunded_orders"],
        },
        # How many ever came into each stage: what flows are told from, whatever has left it meanwhile.
        "passed": {
            "lobby": int(totals.get("joined", 0)) if state == "scheduled" else 0,
            "waiting": int(number or 0),
            "admitted": int(totals.get("admitted", 0)),
            "holding": int(totals.get("placed", 0)),
            "paid": sum(books["orders"].get(status, 0) for status in ("CONFIRMED", *REFUNDED)),
            "refunded": books["refunded_orders"],
        },
        "skus": [
            {
                "id": sku.id,
                "name": sku.name,
                "price": sku.price_minor,
                "currency": event.currency,
                "capacity": sku.capacity,
                "available": stock[sku.id].available if sku.id in stock else 0,
                "held": stock[sku.id].held if sku.id in stock else 0,
                "sold": stock[sku.id].sold if sku.id in stock else 0,
                "revenue": books["revenue"].get(sku.id, 0),
            }
            for sku in event.skus
        ],
        "money": {"currency": event.currency, **books["money"]},
        "trust": {
            "outbox": outbox,
            "lag": told["lag"] if told else None,
            "dlq": told["dlq"] if told else None,
            "verdict": {"ok": told["ok"], "checked_at": told["checked_at"], "failed": told["failed"]}
            if told
            else None,
            "processes": [
                {"name": report.name, "pid": report.pid, "age_seconds": report.age_ms // 1000, "ok": report.ok}
                for report in await reports(redis)
            ],
        },
        "trouble": {"in_review": books["orders"].get("REVIEW", 0), "orders": books["in_review"]},
        "feed": books["feed"],
    }


def state_for_organisers(state: str | None, stock: dict[int, Stock]) -> str:
    """The state of a sale as buyers are told, and besides: drawing | not_ready."""
    if not state:
        return "not_ready"
    return state if state == "drawing" else public_state(state, stock)


async def _books(database: Database, event: Event) -> dict[str, Any]:
    """What MySQL says of the event: orders by status, revenue by sku, money, the newest of what happened."""
    async with database.connection() as connection:
        orders = await connection.fetch_all(
            "SELECT status, COUNT(*) AS orders FROM orders WHERE event_id = %s GROUP BY status", (event.id,)
        )
        revenue = await connection.fetch_all(
            "SELECT i.sku_id, SUM(i.quantity * i.price) AS amount FROM orders o"
            " JOIN order_items i ON i.order_id = o.id"
            " WHERE o.event_id = %s AND o.status IN ('CONFIRMED', 'PARTIALLY_REFUNDED') GROUP BY i.sku_id",
            (event.id,),
        )
        payments = await connection.fetch_all(
            "SELECT p.status, COUNT(*) AS payments, SUM(p.amount) AS amount FROM orders o"
            " JOIN payments p ON p.order_id = o.id WHERE o.event_id = %s GROUP BY p.status",
            (event.id,),
        )
        refunded = await connection.fetch_all(
            "SELECT COUNT(DISTINCT p.order_id) AS orders FROM orders o JOIN payments p ON p.order_id = o.id"
            " WHERE o.event_id = %s AND p.status = 'REFUNDED'",
            (event.id,),
        )
        in_review = await connection.fetch_all(
            "SELECT o.id, o.total, o.expires_at, p.amount, p.currency FROM orders o"
            " JOIN payments p ON p.order_id = o.id AND p.kind = 'CHARGE' AND p.status = 'COMPLETED'"
            " WHERE o.event_id = %s AND o.status = 'REVIEW' ORDER BY o.expires_at, o.id LIMIT %s",
            (event.id, MOST_TROUBLE),
        )
        feed = await connection.fetch_all(
            "SELECT at, text FROM activity WHERE event_id = %s ORDER BY at DESC, id DESC LIMIT %s",
            (event.id, FEED_LENGTH),
        )
    amount = {row["status"]: to_minor(row["amount"]) for row in payments}
    count = {row["status"]: row["payments"] for row in payments}
    return {
        "orders": {row["status"]: row["orders"] for row in orders},
        "refunded_orders": refunded[0]["orders"],
        "in_review": [
            {
                "order_id": row["id"],
                "code": short_code(row["id"]),
                "total": to_minor(row["total"]),
                "paid": to_minor(row["amount"]),
                "currency": row["currency"],
                "expires_at": iso(to_ms(row["expires_at"])),
            }
            for row in in_review
        ],
        "revenue": {row["sku_id"]: to_minor(row["amount"]) for row in revenue},
        "money": {
            "taken": amount.get("COMPLETED", 0),
            "pending": amount.get("PENDING", 0),
            "refunded": amount.get("REFUNDED", 0),
            "charges_completed": count.get("COMPLETED", 0),
            "charges_failed": count.get("FAILED", 0),
        },
        "feed": [{"at": iso(to_ms(row["at"])), "text": row["text"]} for row in feed],
    }
