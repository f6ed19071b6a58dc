"""Orders as they stand: from the books, or from Redis where those do not answer or do not have them yet."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.ids import event_of
from app.infra.keys import key, order_key
from app.infra.mysql import Connection, Database, DatabaseUnavailable, in_list
from app.orders.facts import Item
from app.orders.lifecycle import Back, Order, Payment
from app.orders.reservations import parse_items
from app.sale.catalog import Event
from app.units import to_minor, to_ms

log = logging.getLogger(__name__)

BOOKS_SECONDS = 2.0  # how long an answer of the books is waited for where Redis can answer instead


async def find_order(database: Database, redis: Redis, order_id: str) -> Order | None:
    """An order; None if neither has it. Raises RedisError when the books cannot say and Redis does not answer."""
    written = await _from_books(database, "id = %s", (order_id,))
    return written[0] if written else await held_order(redis, order_id)


async def orders_of(database: Database, redis: Redis, event: Event, buyer_id: str) -> list[Order]:
    """A buyer's orders in an event, newest first. Raises RedisError."""
    event_id = event.id
    if event.purged:
        orders = await _from_books(database, "event_id = %s AND buyer_id = %s", (event_id, buyer_id))
        return sorted(orders or (), key=lambda order: order.id, reverse=True)
    ids = await order_ids_of(redis, event_id, buyer_id)
    if not ids:
        return []
    books = await _from_books(database, "event_id = %s AND buyer_id = %s", (event_id, buyer_id))
    written = {order.id: order for order in books or ()}
    held = {order.id: order for order in await _held_orders(redis, set(ids) - written.keys())}
    return [order for order_id in ids if (order := written.get(order_id) or held.get(order_id))]


async def newest_orders(
    database: Database, redis: Redis, buyer_id: str, event_ids: Iterable[int], most: int, before: str = ""
) -> list[Order]:
    """A buyer's orders in all events, newest first, `most` at most; only those older than the order id `before`.

    Redis is asked for those of `event_ids` that the books do not have yet. Either answers without the other;
    raises RedisError when neither does.
    """
    older = " AND id < %s" if before else ""
    books = await _from_books(
        database,
        f"buyer_id = %s{older} ORDER BY id DESC LIMIT %s",
        (buyer_id, before, most) if before else (buyer_id, most),
    )
    found = {order.id: order for order in books or ()}
    try:
        in_redis = await asyncio.gather(*(order_ids_of(redis, event_id, buyer_id) for event_id in event_ids))
        asked = {order_id for ids in in_redis for order_id in ids if not before or order_id < before}
        newest = sorted(found.keys() | asked, reverse=True)[:most]
        found |= {order.id: order for order in await _held_orders(redis, set(newest) - found.keys())}
    except RedisError as error:
        if books is None:
            raise
        log.warning("orders are read from the books alone, for Redis does not answer: %s", error)
    return [found[order_id] for order_id in sorted(found, reverse=True)[:most]]


async def held_orders_of(redis: Redis, event_id: int, buyer_id: str) -> list[Order]:
    """A buyer's orders in an event as Redis has them, newest first: without payments. Raises RedisError."""
    return await _held_orders(redis, await order_ids_of(redis, event_id, buyer_id))


async def held_order(redis: Redis, order_id: str) -> Order | None:
    """An order as Redis has it, without payments; None if it does not. Raises RedisError."""
    return next(iter(await _held_orders(redis, [order_id])), None)


async def order_ids_of(redis: Redis, event_id: int, buyer_id: str) -> list[str]:
    """The ids of a buyer's orders in an event, newest first. Raises RedisError."""
    answers = cast(list[str], await redis.hvals(key(event_id, f"answers:{buyer_id}")))
    return sorted((answer.partition(" ")[0] for answer in answers), reverse=True)


async def read_order_to_pay(database: Database, order_id: str) -> tuple[Order, int] | None:
    """What paying needs of an order, in one query: no items, no payments, but how many charges came to an end.

    Only the books can say. Raises DatabaseUnavailable.
    """
    row = await database.fetch_one(
        "SELECT event_id, buyer_id, status, total, currency, placed_at, expires_at, deposit, deposit_payment_id,"
        " (SELECT COUNT(*) FROM payments WHERE order_id = orders.id AND kind = 'CHARGE'"
        " AND status IN ('COMPLETED', 'FAILED')) AS ended"
        " FROM orders WHERE id = %s",
        (order_id,),
    )
    if row is None:
        return None
    order = Order(
        id=order_id,
        status=row["status"],
        event_id=row["event_id"],
        buyer_id=row["buyer_id"],
        total_minor=to_minor(row["total"]),
        currency=row["currency"],
        placed_at_ms=to_ms(row["placed_at"]),
        expires_at_ms=to_ms(row["expires_at"]),
        deposit_minor=to_minor(row["deposit"]) if row["deposit"] is not None else 0,
        deposit_id=row["deposit_payment_id"] or "",
    )
    return order, row["ended"]


async def read_orders(
    connection: Connection, where: str, args: Sequence[Any], *, with_payments: bool = True
) -> list[Order]:
    """The orders for which a condition on `orders` holds, with their items and payments, from the books."""
    rows = await connection.fetch_all(f"SELECT * FROM orders WHERE {where}", args)  # noqa: S608  # no input in it
    if not rows:
        return []
    ids = [row["id"] for row in rows]
    items: dict[str, list[Item]] = defaultdict(list)
    back: dict[str, list[Back]] = defaultdict(list)
    for row in await connection.fetch_all(
        f"SELECT * FROM order_items WHERE order_id IN {in_list(ids)} ORDER BY sku_id",  # noqa: S608
        ids,
    ):
        items[row["order_id"]].append(Item(row["sku_id"], row["quantity"], to_minor(row["price"])))
        if row["void"]:
            back[row["order_id"]].append(Back(row["sku_id"], row["void"], row["restocked"]))
    payments = await read_payments(connection, ids) if with_payments else {}
    return [
        Order(
            id=row["id"],
            status=row["status"],
            version=row["version"],
            event_id=row["event_id"],
            buyer_id=row["buyer_id"],
            items=tuple(items[row["id"]]),
            total_minor=to_minor(row["total"]),
            currency=row["currency"],
            placed_at_ms=to_ms(row["placed_at"]),
            expires_at_ms=to_ms(row["expires_at"]),
            extended=bool(row["extended"]),
            idempotency_key=row["idempotency_key"],
            request_hash=row["request_hash"],
            payments=tuple(payments.get(row["id"], ())),
            back=tuple(back.get(row["id"], ())),
            accepted_minor=to_minor(row["accepted"]) if row["accepted"] is not None else 0,
            accepted_currency=row["accepted_currency"] or "",
            deposit_minor=to_minor(row["deposit"]) if row["deposit"] is not None else 0,
            rest_due_at_ms=to_ms(row["rest_due_at"]) if row["rest_due_at"] else 0,
            deposit_id=row["deposit_payment_id"] or "",
        )
        for row in rows
    ]


async def read_payments(connection: Connection, order_ids: Sequence[str]) -> dict[str, list[Payment]]:
    """The payments of each of these orders, oldest first, also of one that is not in the books."""
    payments: dict[str, list[Payment]] = defaultdict(list)
    for row in await connection.fetch_all(
        f"SELECT * FROM payments WHERE order_id IN {in_list(order_ids)} ORDER BY created_at, id",  # noqa: S608
        order_ids,
    ):
        payments[row["order_id"]].append(
            Payment(
                id=row["id"],
                kind=row["kind"],
                status=row["status"],
                provider=row["provider"],
                amount_minor=to_minor(row["amount"]),
                currency=row["currency"],
                transaction_id=row["transaction_id"],
                parent_id=row["parent_id"],
                request_id=row["request_id"],
                created_at_ms=to_ms(row["created_at"]),
            )
        )
    return payments


async def _from_books(database: Database, where: str, args: Sequence[Any]) -> list[Order] | None:
    """The orders in the books; None when those do not answer in time."""
    try:
        async with asyncio.timeout(BOOKS_SECONDS), database.connection() as connection:
            return await read_orders(connection, where, args)
    except (DatabaseUnavailable, TimeoutError) as error:
        log.warning("orders are read from Redis, for the books do not answer: %s", error)
        return None


async def _held_orders(redis: Redis, order_ids: Iterable[str]) -> list[Order]:
    ids = list(order_ids)
    asked = (redis.hgetall(order_key(event_of(order_id), order_id)) for order_id in ids)
    records = cast(list[dict[str, str]], await asyncio.gather(*cast(Any, asked)))
    return [
        Order(
            id=order_id,
            status=record["status"],
            version=int(record["version"]),
            event_id=event_of(order_id),
            buyer_id=record["buyer"],
            items=parse_items(record["items"]),
            total_minor=int(record["total"]),
            currency=record["currency"],
            placed_at_ms=int(record["placed_at_ms"]),
            expires_at_ms=int(record["expires_at_ms"]),
            extended="extended" in record,
        )
        for order_id, record in zip(ids, records, strict=True)
        if record
    ]
