"""A sale with so many orders in its books, put there by hand: half paid, a quarter pending, a quarter lapsed."""

import secrets

from redis.asyncio import Redis

from app.ids import new_id, new_order_id, short_code
from app.infra.mysql import Connection, Database
from app.sale.catalog import Event, Sku
from app.sale.events import create_event
from app.units import now_ms, to_datetime, to_decimal

PAGE = 1_000
PRICE_MINOR = 4_500
STATUSES = ("CONFIRMED", "PENDING", "CONFIRMED", "EXPIRED")


async def sold(database: Database, redis: Redis, orders: int) -> Event:
    """The sale; every order has one ticket of each of its two kinds."""
    event = await create_event(
        database,
        redis,
        Event(
            id=0,
            slug=f"bench-{now_ms()}",
            name="Sold",
            currency="USD",
            state="open",
            notice=None,
            accent="",
            opens_at_ms=now_ms(),
            rate_per_minute=600,
            room=1_000,
            pass_ttl_seconds=300,
            hold_ttl_seconds=3_600,
            max_per_buyer=4,
            draw_secret="",
            skus=tuple(Sku(0, name, PRICE_MINOR, min(2 * orders, 1_000_000)) for name in ("Floor", "Box")),
        ),
    )
    for _ in range(0, orders, PAGE):
        async with database.transaction() as connection:
            await _insert(connection, event)
    for sku in event.skus:
        await database.execute(
            "UPDATE skus SET held = %s, sold = %s WHERE id = %s", (orders // 4, orders // 2, sku.id)
        )
    return event


async def _insert(connection: Connection, event: Event) -> None:
    ids = [new_order_id(event.id) for _ in range(PAGE)]
    placed, ends = to_datetime(now_ms()), to_datetime(now_ms() + 3_600_000)
    total = to_decimal(PRICE_MINOR * len(event.skus))
    await connection.insert_many(
        "INSERT INTO orders (id, event_id, buyer_id, status, version, total, currency, idempotency_key,"
        " request_hash, placed_at, expires_at, updated_at, code)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            (
                order_id, event.id, secrets.token_hex(16), STATUSES[number % 4], 1, total, "USD", new_id(),
                secrets.token_hex(32), placed, ends, placed, short_code(order_id).lower(),
            )
            for number, order_id in enumerate(ids)
        ],
    )  # fmt: skip
    await connection.insert_many(
        "INSERT INTO order_items (order_id, sku_id, quantity, price) VALUES (%s, %s, %s, %s)",
        [(order_id, sku.id, 1, to_decimal(PRICE_MINOR)) for order_id in ids for sku in event.skus],
    )
