"""Events in the books, and putting them on sale."""

import secrets
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from asyncmy.errors import IntegrityError
from redis.asyncio import Redis

from app.ids import derived_id
from app.infra import scripts
from app.infra.keys import EVENTS, key, keys, live_channel
from app.infra.mysql import Database, in_list
from app.infra.redis import NotReady
from app.sale.catalog import ACCENTS, SLUG, Event, InvalidEvent, Sku, Stock, check_event, parse_stock
from app.units import now_ms, to_datetime, to_decimal, to_minor, to_ms


class UnknownEvent(Exception):
    """No event has this slug or id."""


class NotOpen(Exception):
    """Only an open sale can be paused."""


async def create_event(database: Database, redis: Redis, event: Event) -> Event:
    """Writes a new event and its skus into the books and puts it on sale in Redis; returns it with its ids.

    `event.draw_secret` and `event.accent` are chosen here. Raises InvalidEvent, also for a slug that is taken.
    """
    event = replace(event, draw_secret=secrets.token_hex(32), accent=ACCENTS[len(event.name) % len(ACCENTS)])
    check_event(event)
    now = to_datetime(now_ms())
    try:
        async with database.transaction() as connection:
            event_id = await connection.execute(
                "INSERT INTO events (slug, name, currency, state, accent, opens_at, rate_per_minute, room,"
                " pass_ttl_seconds, hold_ttl_seconds, max_per_buyer, draw_secret, created_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (
                    event.slug,
                    event.name,
                    event.currency,
                    event.state,
                    event.accent,
                    to_datetime(event.opens_at_ms),
                    event.rate_per_minute,
                    event.room,
                    event.pass_ttl_seconds,
                    event.hold_ttl_seconds,
                    event.max_per_buyer,
                    event.draw_secret,
                    now,
                ),
            )
            skus = []
            for sku in event.skus:
                sku_id = await connection.execute(
                    "INSERT INTO skus (event_id, name, price, capacity) VALUES (%s, %s, %s, %s)",
                    (event_id, sku.name, to_decimal(sku.price_minor), sku.capacity),
                )
                skus.append(replace(sku, id=sku_id))
            await connection.insert_many(
                "INSERT INTO inventory_audit (sku_id, change_qty, reason, ref_id, created_at)"
                " VALUES (%s, %s, %s, %s, %s)",
                [(sku.id, sku.capacity, "CAPACITY", derived_id("event", str(event_id)), now) for sku in skus],
            )
    except IntegrityError as error:
        if error.args[0] != 1062:  # duplicate
            raise
        if "skus_name" in str(error):
            raise InvalidEvent("sku: each needs a name of its own") from None
        raise InvalidEvent(f"slug: {event.slug!r} is taken") from None
    event = replace(event, id=event_id, skus=tuple(skus))
    await _put_on_sale(redis, event)
    await note(database, event.id, "The sale was created")
    return event


async def _put_on_sale(redis: Redis, event: Event) -> None:
    sale: dict[str, str | int] = {
        "state": event.state,
        "opens_at_ms": event.opens_at_ms,
        "rate_per_minute": event.rate_per_minute,
        "room": event.room,
        "pass_ttl_seconds": event.pass_ttl_seconds,
        "hold_ttl_seconds": event.hold_ttl_seconds,
        "max_per_buyer": event.max_per_buyer,
        "currency": event.currency,
    }
    stock: dict[str, str | int] = {}
    for sku in event.skus:
        stock |= {
            f"{sku.id}:capacity": sku.capacity,
            f"{sku.id}:available": sku.capacity,
            f"{sku.id}:held": 0,
            f"{sku.id}:sold": 0,
            f"{sku.id}:price": sku.price_minor,
        }
    fields = [part for pair in sale.items() for part in pair]
    stocked = [part for pair in stock.items() for part in pair]
    await scripts.run(redis, "load_sale", keys(event.id, "sale", "stock"), [len(sale), *fields, *stocked])
    await redis.sadd(EVENTS, event.id)


async def find_event(database: Database, slug: str) -> Event:
    """The event with this slug. Raises UnknownEvent."""
    events = await _read_events(database, "slug = %s", (slug,)) if SLUG.fullmatch(slug) else []
    if not events:
        raise UnknownEvent(slug)
    return events[0]


async def event_by_id(database: Database, event_id: int) -> Event:
    """The event with this id. Raises UnknownEvent."""
    events = await _read_events(database, "id = %s", (event_id,))
    if not events:
        raise UnknownEvent(str(event_id))
    return events[0]


async def read_event(database: Database, name: str | int) -> Event:
    """The event with this slug or id. Raises UnknownEvent."""
    return await (find_event(database, name) if isinstance(name, str) else event_by_id(database, name))


async def list_events(database: Database, most: int = 100, before: tuple[int, int] | None = None) -> list[Event]:
    """The newest events, those that open last first.

    `before` is when an event opens, in UTC ms, and its id: then those that come after it in the list.
    """
    order = " ORDER BY opens_at DESC, id DESC LIMIT %s"
    if before is None:
        return await _read_events(database, f"1 = 1{order}", (most,))
    opens_at, event_id = to_datetime(before[0]), before[1]
    where = "(opens_at < %s OR (opens_at = %s AND id < %s))"
    return await _read_events(database, where + order, (opens_at, opens_at, event_id, most))


async def _read_events(database: Database, where: str, args: Sequence[Any]) -> list[Event]:
    async with database.connection() as connection:
        rows = await connection.fetch_all(f"SELECT * FROM events WHERE {where}", args)  # noqa: S608  # no input in it
        skus: dict[int, list[Sku]] = defaultdict(list)
        if rows:
            ids = [row["id"] for row in rows]
            for row in await connection.fetch_all(
                f"SELECT * FROM skus WHERE event_id IN {in_list(ids)} ORDER BY id",  # noqa: S608
                ids,
            ):
                skus[row["event_id"]].append(Sku(row["id"], row["name"], to_minor(row["price"]), row["capacity"]))
    return [
        Event(
            id=row["id"],
            slug=row["slug"],
            name=row["name"],
            currency=row["currency"],
            state=row["state"],
            notice=row["notice"],
            accent=row["accent"],
            opens_at_ms=to_ms(row["opens_at"]),
            rate_per_minute=row["rate_per_minute"],
            room=row["room"],
            pass_ttl_seconds=row["pass_ttl_seconds"],
            hold_ttl_seconds=row["hold_ttl_seconds"],
            max_per_buyer=row["max_per_buyer"],
            draw_secret=row["draw_secret"],
            skus=tuple(skus[row["id"]]),
        )
        for row in rows
    ]


async def set_state(database: Database, redis: Redis, event: Event, state: str, notice: str, who: str) -> None:
    """Opens, pauses or closes a sale at once; `notice` is what buyers read while it is paused.

    Raises NotReady, NotOpen.
    """
    answer = await scripts.run(
        redis, "set_state", keys(event.id, "sale", "lobby"), [state, notice, live_channel(event.id)]
    )
    if answer == "NOT_READY":
        raise NotReady
    if answer == "NOT_OPEN":
        raise NotOpen
    await redis.sadd(EVENTS, event.id)
    if state == "open" and event.state == "scheduled":
        await database.execute("UPDATE events SET opens_at = %s WHERE id = %s", (to_datetime(now_ms()), event.id))
    else:
        await write_state(database, event.id, state, notice)
    await note(database, event.id, f"{who} set the sale to {state}" + (f": {notice}" if notice else ""))


async def read_sale(redis: Redis, event_id: int) -> tuple[str, dict[int, Stock], str]:
    """A sale's state in Redis, its stock by sku id, and the organiser's words. Raises NotReady."""
    async with redis.pipeline(transaction=False) as pipeline:
        pipeline.hmget(key(event_id, "sale"), ["ready", "state", "notice"])
        pipeline.hgetall(key(event_id, "stock"))
        (ready, state, notice), fields = await pipeline.execute()
    if ready != "1":
        raise NotReady
    return state, parse_stock(fields), notice or ""


async def events_on_sale(redis: Redis) -> list[int]:
    """The ids of the events that workers look after, in order."""
    return sorted(int(event_id) for event_id in await redis.smembers(EVENTS))


async def retire(redis: Redis, event_id: int) -> bool:
    """Has workers look after a closed event no longer, once it holds nothing and its outbox is empty."""
    sale, holds, outbox = keys(event_id, "sale", "holds", "outbox")
    if await redis.hget(sale, "state") != "closed" or await redis.zcard(holds) or await redis.xlen(outbox):
        return False
    await redis.srem(EVENTS, event_id)
    if await redis.hget(sale, "state") != "closed":  # opened again in this very moment
        await redis.sadd(EVENTS, event_id)
        return False
    return True


async def write_state(database: Database, event_id: int, state: str, notice: str = "") -> None:
    """Writes into the books what Redis decided about a sale."""
    await database.execute(
        "UPDATE events SET state = %s, notice = %s WHERE id = %s", (state, notice or None, event_id)
    )


async def note(database: Database, event_id: int, text: str) -> None:
    """Adds a line to what happened, for the organiser's feed."""
    await database.execute(
        "INSERT INTO activity (event_id, at, text) VALUES (%s, %s, %s)",
        (event_id, to_datetime(now_ms()), text[:280]),
    )
