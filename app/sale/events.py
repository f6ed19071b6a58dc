"""Events in the books, and putting them on sale."""

import logging
import secrets
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from asyncmy.errors import IntegrityError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.ids import derived_id
from app.infra import scripts
from app.infra.epochs import epoch_of, learn
from app.infra.keys import EVENTS, key, keys, live_channel
from app.infra.mysql import Connection, Database, DatabaseUnavailable, in_list
from app.infra.redis import NotReady
from app.sale.catalog import (
    ACCENTS,
    SLUG,
    Event,
    InvalidEvent,
    Pause,
    Sku,
    Stock,
    check_event,
    parse_stock,
    sku_rules,
)
from app.sale.gates.blocks import blocked_of
from app.sale.gates.rules import NO_GATES, Gates, gates_of, text_of
from app.sale.waiting_room import SaleClosed
from app.units import now_ms, optional_datetime, optional_ms, to_datetime, to_decimal, to_minor, to_ms

log = logging.getLogger(__name__)

EVENTS_AT_ONCE = 100
KEYS_AT_ONCE = 500
PURGED = "PURGED"
MOST_NAME = 120  # characters of the name of a line that is told once


class UnknownEvent(Exception):
    """No event has this slug or id."""


class NotOpen(Exception):
    """Only an open sale can be paused."""


async def create_event(database: Database, redis: Redis, event: Event) -> Event:
    """Writes a new event and its skus into the books and puts it on sale in Redis; returns it with its ids.

    If Redis does not answer it is not `on_sale` yet: a worker puts it on sale as soon as Redis is back.

    `event.draw_secret` and `event.accent` are chosen here. Raises InvalidEvent, also for a slug that is taken.
    """
    event = replace(event, draw_secret=secrets.token_hex(32), accent=ACCENTS[len(event.name) % len(ACCENTS)])
    check_event(event)
    now = to_datetime(now_ms())
    try:
        async with database.transaction() as connection:
            event_id = await connection.execute(
                "INSERT INTO events (slug, name, currency, state, accent, opens_at, rate_per_minute, room,"
                " pass_ttl_seconds, hold_ttl_seconds, max_per_buyer, draw_secret, created_at,"
                " starts_at, doors_at, venue, refund_days, provider, overbooking_percent, description,"
                " deposit_percent, rest_due_days, retention_days, picture)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,"
                " %s, %s, %s)",
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
                    optional_datetime(event.starts_at_ms),
                    optional_datetime(event.doors_at_ms),
                    event.venue,
                    event.refund_days,
                    event.provider,
                    event.overbooking_percent,
                    event.description,
                    event.deposit_percent,
                    event.rest_due_days,
                    event.retention_days,
                    event.picture,
                ),
            )
            if event.gates != NO_GATES:
                await _write_gates(connection, event_id, event.gates)
            skus = []
            for position, sku in enumerate(event.skus):
                sku_id = await connection.execute(
                    "INSERT INTO skus (event_id, position, name, price, capacity, vat_percent, max_per_buyer,"
                    " sells_from, sells_until) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                    (
                        event_id,
                        position,
                        sku.name,
                        to_decimal(sku.price_minor),
                        sku.capacity,
                        sku.vat_percent,
                        sku.max_per_buyer,
                        optional_datetime(sku.sells_from_ms),
                        optional_datetime(sku.sells_until_ms),
                    ),
                )
                skus.append(replace(sku, id=sku_id))
            if event.state != "draft":
                await audit_capacity(connection, skus, derived_id("event", str(event_id)))
    except IntegrityError as error:
        if error.args[0] != 1062:  # duplicate
            raise
        if "skus_name" in str(error):
            raise InvalidEvent("sku: each needs a name of its own") from None
        raise InvalidEvent(f"slug: {event.slug!r} is taken") from None
    event = replace(event, id=event_id, skus=tuple(skus))
    await note(database, event.id, "The sale was created")
    if event.state == "draft":
        return replace(event, on_sale=False)
    try:
        await put_on_sale(database, redis, event)
    except RedisError as error:
        log.warning("event %s goes on sale as soon as Redis is back: %s", event.slug, error)
        return replace(event, on_sale=False)
    return event


async def set_gates(database: Database, redis: Redis, event: Event, gates: Gates) -> None:
    """Changes what is asked of those who join from now on; every web process knows it within a second."""
    async with database.connection() as connection:
        await _write_gates(connection, event.id, gates)
    await tell_changed(redis, event)


async def tell_changed(redis: Redis, event: Event) -> None:
    """Has every web process read the event again. While Redis does not answer they do so some seconds later."""
    try:
        await redis.publish(live_channel(event.id), '{"kind": "sale"}')
    except RedisError as error:
        log.warning("event %s: nobody could be told that it changed: %s", event.slug, error)


async def _write_gates(connection: Connection, event_id: int, gates: Gates) -> None:
    await connection.execute("UPDATE events SET gates = %s WHERE id = %s", (text_of(gates), event_id))


async def audit_capacity(connection: Connection, skus: Sequence[Sku], ref_id: str) -> None:
    """Notes in the audit that these are on sale from now on, all of them."""
    now = to_datetime(now_ms())
    await connection.insert_many(
        "INSERT INTO inventory_audit (sku_id, change_qty, reason, ref_id, created_at) VALUES (%s, %s, %s, %s, %s)",
        [(sku.id, sku.capacity, "CAPACITY", ref_id, now) for sku in skus],
    )


async def never_on_sale(database: Database) -> list[Event]:
    """Events that are in the books and were never put on sale, because Redis did not answer."""
    where = "on_sale_at IS NULL AND state <> 'draft' ORDER BY id LIMIT %s"
    return await _read_events(database, where, (EVENTS_AT_ONCE,))


def sale_fields(event: Event) -> dict[str, str | int]:
    """What the sale hash in Redis has of an event, whatever became of its sale."""
    own = {} if event.overbooking_percent is None else {"overbooking": f"{event.overbooking_percent / 100:.2f}"}
    return {
        **own,
        "state": event.state,
        "opens_at_ms": event.opens_at_ms,
        "rate_per_minute": event.rate_per_minute,
        "room": event.room,
        "pass_ttl_seconds": event.pass_ttl_seconds,
        "hold_ttl_seconds": event.hold_ttl_seconds,
        "max_per_buyer": event.max_per_buyer,
        "currency": event.currency,
        "draw_secret": event.draw_secret,
        **({"called_off": "1"} if event.called_off_at_ms is not None else {}),
        **({"sku_rules": rules} if (rules := sku_rules(event.skus)) else {}),
    }


async def put_on_sale(database: Database, redis: Redis, event: Event) -> None:
    """Puts a new event on sale in Redis; can be repeated for as long as it never was. Raises RedisError.

    The books say so first: if Redis lost the sale in between, it has to be made from the books, not put on sale
    anew.
    """
    await redis.ping()
    await database.execute("UPDATE events SET on_sale_at = %s WHERE id = %s", (to_datetime(now_ms()), event.id))
    sale = sale_fields(event)
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


async def draw_secret(database: Database, redis: Redis, event_id: int) -> str:
    """The secret of a draw, in hex: MySQL is asked only if Redis does not have it. Raises UnknownEvent."""
    secret = await redis.hget(key(event_id, "sale"), "draw_secret")
    return str(secret) if secret else (await event_by_id(database, event_id)).draw_secret


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


async def read_events(database: Database, event_ids: Sequence[int]) -> list[Event]:
    """The events with these ids."""
    if not event_ids:
        return []
    return await _read_events(database, f"id IN {in_list(event_ids)} ORDER BY id", event_ids)


async def list_events(
    database: Database, most: int = 100, before: tuple[int, int] | None = None, *, for_organisers: bool = False
) -> list[Event]:
    """The newest events, those that open last first; drafts and archived ones `for_organisers` alone.

    `before` is when an event opens, in UTC ms, and its id: then those that come after it in the list.
    """
    order = " ORDER BY opens_at DESC, id DESC LIMIT %s"
    played = "id NOT IN (SELECT event_id FROM rehearsals)"
    shown = "1 = 1" if for_organisers else f"state <> 'draft' AND archived_at IS NULL AND {played}"
    if before is None:
        return await _read_events(database, f"{shown}{order}", (most,))
    opens_at, event_id = to_datetime(before[0]), before[1]
    where = f"{shown} AND (opens_at < %s OR (opens_at = %s AND id < %s))"
    return await _read_events(database, where + order, (opens_at, opens_at, event_id, most))


async def _read_events(database: Database, where: str, args: Sequence[Any]) -> list[Event]:
    async with database.connection() as connection:
        rows = await connection.fetch_all(f"SELECT * FROM events WHERE {where}", args)  # noqa: S608  # no input in it
        skus: dict[int, list[Sku]] = defaultdict(list)
        pauses: dict[int, list[Pause]] = defaultdict(list)
        if rows:
            ids = [row["id"] for row in rows]
            for row in rows:
                learn(row["id"], row["epoch"])
            for row in await connection.fetch_all(
                f"SELECT * FROM skus WHERE event_id IN {in_list(ids)} ORDER BY position, id",  # noqa: S608
                ids,
            ):
                skus[row["event_id"]].append(
                    Sku(
                        row["id"],
                        row["name"],
                        to_minor(row["price"]),
                        row["capacity"],
                        row["sold"],
                        row["vat_percent"],
                        row["max_per_buyer"],
                        optional_ms(row["sells_from"]),
                        optional_ms(row["sells_until"]),
                    )
                )
            for row in await connection.fetch_all(
                f"SELECT * FROM pauses WHERE event_id IN {in_list(ids)} ORDER BY began_at",  # noqa: S608
                ids,
            ):
                ended_ms = to_ms(row["ended_at"]) if row["ended_at"] else 0
                pauses[row["event_id"]].append((to_ms(row["began_at"]), ended_ms))
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
            pauses=tuple(pauses[row["id"]]),
            on_sale=row["on_sale_at"] is not None,
            purged=row["purged_at"] is not None,
            epoch=row["epoch"],
            gates=gates_of(row["gates"]),
            blocked=blocked_of(row["blocked"]),
            starts_at_ms=optional_ms(row["starts_at"]),
            doors_at_ms=optional_ms(row["doors_at"]),
            venue=row["venue"],
            refund_days=row["refund_days"],
            retention_days=row["retention_days"],
            picture=row["picture"],
            provider=row["provider"],
            called_off_at_ms=optional_ms(row["called_off_at"]),
            called_off_reason=row["called_off_reason"] or "",
            revision=row["revision"],
            overbooking_percent=row["overbooking_percent"],
            description=row["description"],
            archived=row["archived_at"] is not None,
            deposit_percent=row["deposit_percent"],
            rest_due_days=row["rest_due_days"],
        )
        for row in rows
    ]


async def set_state(database: Database, redis: Redis, event: Event, state: str, notice: str, who: str) -> None:
    """Opens, pauses or closes a sale at once; `notice` is what buyers read while it is paused.

    Redis decides, and the books follow as soon as they can. Raises NotReady, NotOpen, SaleClosed.
    """
    check_not_over(event)
    answer = await scripts.run(
        redis, "set_state", keys(event.id, "sale", "lobby", "flow"), [state, notice, live_channel(event.id)]
    )
    if answer == "NOT_OPEN":
        raise NotOpen
    if answer == "OVER":
        raise SaleClosed
    await redis.sadd(EVENTS, event.id)
    try:
        await follow_redis(database, redis, [event.id])
        await note(database, event.id, f"{who} set the sale to {state}" + (f": {notice}" if notice else ""))
    except DatabaseUnavailable:
        log.warning("event %s: %s set it to %s; the books will follow", event.id, who, state)


async def not_closed(database: Database) -> list[int]:
    """The ids of events that are not closed as far as the books know, whoever looks after them in Redis."""
    rows = await database.fetch_all("SELECT id FROM events WHERE state NOT IN ('closed', 'draft')")
    return [row["id"] for row in rows]


async def follow_redis(database: Database, redis: Redis, event_ids: Sequence[int]) -> None:
    """Writes into the books what Redis says of these sales: state, notice, opening and pauses."""
    sales = await _sales(redis, event_ids)
    if not sales:
        return
    async with database.connection() as connection:
        rows = await connection.fetch_all(
            "SELECT e.id, e.state, e.notice, e.opens_at, COUNT(p.began_at) AS pauses, COUNT(p.ended_at) AS ended"  # noqa: S608
            f" FROM events e LEFT JOIN pauses p ON p.event_id = e.id WHERE e.id IN {in_list(sales)} GROUP BY e.id",
            list(sales),
        )
        for row in rows:
            sale = sales[row["id"]]
            said = (sale.state, sale.notice or None, to_datetime(sale.opens_at_ms))
            if said != (row["state"], row["notice"], row["opens_at"]):
                await connection.execute(  # what is opened again is on the lists again
                    "UPDATE events SET state = %s, notice = %s, opens_at = %s,"
                    " archived_at = IF(%s = 'closed', archived_at, NULL) WHERE id = %s",
                    (*said, sale.state, row["id"]),
                )
            ended = sum(bool(pause_ended) for _, pause_ended in sale.pauses)
            if (len(sale.pauses), ended) != (row["pauses"], row["ended"]):
                await connection.insert_many(
                    "INSERT INTO pauses (event_id, began_at, ended_at) VALUES (%s, %s, %s)"
                    " ON DUPLICATE KEY UPDATE ended_at = VALUES(ended_at)",
                    [
                        (row["id"], to_datetime(began), to_datetime(ended) if ended else None)
                        for began, ended in sale.pauses
                    ],
                )


@dataclass(frozen=True)
class _Sale:
    state: str
    notice: str
    opens_at_ms: int
    pauses: tuple[Pause, ...]


async def _sales(redis: Redis, event_ids: Sequence[int]) -> dict[int, _Sale]:
    """What Redis says of sales whose state the books can have: one that is being drawn is about to get another.

    A Redis that may be behind the books (as app/lua/ready.lua has it) is not asked.
    """
    async with redis.pipeline(transaction=False) as pipeline:
        pipeline.info("server")
        for event_id in event_ids:
            names = [
                "ready", "epoch", "run_id", "state", "notice", "opens_at_ms", "pauses", "paused_at_ms",
            ]  # fmt: skip
            pipeline.hmget(key(event_id, "sale"), names)
        server, *answers = await pipeline.execute(raise_on_error=False)
    sales: dict[int, _Sale] = {}
    if isinstance(server, Exception):
        return sales
    for event_id, answer in zip(event_ids, answers, strict=True):
        if isinstance(answer, Exception):
            continue
        ready, epoch, run_id, state, notice, opens_at_ms, ended, paused_at_ms = answer
        behind = int(epoch or 0) < epoch_of(event_id) or run_id not in (None, server["run_id"])
        if ready != "1" or behind or state == "drawing":
            continue
        pauses = [(int(began), int(end)) for began, end in (p.split("-") for p in (ended or "").split(",") if p)]
        if paused_at_ms:
            pauses.append((int(paused_at_ms), 0))
        sales[event_id] = _Sale(state, notice or "", int(opens_at_ms), tuple(pauses))
    return sales


def check_not_over(event: Event) -> None:
    """Raises SaleClosed for an event that was cleared away: Redis, asked about it, could only say NOT_READY."""
    if event.purged:
        raise SaleClosed


async def read_sale(redis: Redis, event: Event) -> tuple[str, dict[int, Stock], str, str]:
    """A sale's state, its stock by sku id, the organiser's words while it is paused, and those to everybody.

    From the books once it is purged. Raises NotReady.
    """
    if event.purged:
        return "closed", {sku.id: last_stock(sku) for sku in event.skus}, "", ""
    async with redis.pipeline(transaction=False) as pipeline:
        pipeline.hmget(key(event.id, "sale"), ["ready", "state", "notice", "message"])
        pipeline.hgetall(key(event.id, "stock"))
        (ready, state, notice, message), fields = await pipeline.execute()
    if ready != "1":
        raise NotReady
    return state, parse_stock(fields), notice or "", message or ""


def last_stock(sku: Sku) -> Stock:
    """The stock of a sku as the books have it, once nothing is held any more."""
    return Stock(sku.id, sku.capacity, sku.capacity - sku.sold, 0, sku.sold, sku.price_minor)


async def events_on_sale(redis: Redis) -> list[int]:
    """The ids of the events that workers look after, in order."""
    return sorted(int(event_id) for event_id in await redis.smembers(EVENTS))


async def retire(redis: Redis, event_id: int) -> bool:
    """Has workers look after a closed event no longer, once nothing of it is under way."""
    sale, holds, outbox = keys(event_id, "sale", "holds", "outbox")
    state, waits = await cast(Any, redis.hmget(sale, ["state", "draw_unpublished"]))
    if state != "closed" or waits or await redis.zcard(holds) or await redis.xlen(outbox):
        return False
    await redis.srem(EVENTS, event_id)
    if await redis.hget(sale, "state") != "closed":  # opened again in this very moment
        await redis.sadd(EVENTS, event_id)
        return False
    return True


async def over(database: Database, redis: Redis) -> list[Event]:
    """Closed events that were not cleared away yet, or not entirely."""
    begun = await events_on_sale(redis) or [0]
    return await _read_events(
        database,
        f"state = 'closed' AND (purged_at IS NULL OR id IN {in_list(begun)}) ORDER BY opens_at LIMIT %s",
        (*begun, EVENTS_AT_ONCE),
    )


async def purge(database: Database, redis: Redis, event: Event, after_seconds: int = 0) -> str:
    """Clears everything about a closed event out of Redis, in slices; can be repeated.

    Nothing is done while something is under way, or before it was closed for `after_seconds`. Returns PURGED, or
    why it was not: "NOT_CLOSED", "TOO_EARLY", "IN_FLIGHT".
    """
    if not event.purged:
        names = keys(event.id, "sale", "stock", "holds", "outbox")
        try:
            answer = str(await scripts.run(redis, "purge_begin", names, [after_seconds * 1000]))
        except NotReady:  # what Redis lost must come back from the books first
            return "IN_FLIGHT"
        if answer != "OVER":
            return answer
        unsettled = await database.fetch_one(
            "SELECT id FROM orders WHERE event_id = %s AND status IN ('PENDING', 'REVIEW') LIMIT 1", (event.id,)
        )
        if unsettled:
            return "IN_FLIGHT"
        await redis.sadd(EVENTS, event.id)  # until all is done: whoever is interrupted goes on with it
        await database.execute(
            "UPDATE events SET purged_at = %s, state = 'closed' WHERE id = %s", (to_datetime(now_ms()), event.id)
        )
        await note(database, event.id, "The sale is over and was cleared away")
    sale = key(event.id, "sale")
    cursor = -1
    while cursor:
        cursor, found = await redis.scan(max(cursor, 0), match=key(event.id, "*"), count=KEYS_AT_ONCE)
        if names := [str(name) for name in found if name != sale]:
            await redis.unlink(*names)
    await redis.unlink(sale)
    await redis.srem(EVENTS, event.id)
    return PURGED


async def note(database: Database, event_id: int, text: str) -> None:
    """Adds a line to what happened, for the organiser's feed."""
    await database.execute(
        "INSERT INTO activity (event_id, at, text) VALUES (%s, %s, %s)",
        (event_id, to_datetime(now_ms()), text[:280]),
    )


async def note_once(database: Database, event_id: int, name: str, text: str) -> None:
    """Adds a line that there is once under this name, however often it is told."""
    await database.execute(
        "INSERT INTO activity (event_id, at, text, once) VALUES (%s, %s, %s, %s) ON DUPLICATE KEY UPDATE id = id",
        (event_id, to_datetime(now_ms()), text[:280], name[:MOST_NAME]),
    )


async def is_told(database: Database, event_id: int, name: str) -> bool:
    """Whether there is a line under this name."""
    row = await database.fetch_one(
        "SELECT id FROM activity WHERE event_id = %s AND once = %s", (event_id, name[:MOST_NAME])
    )
    return row is not None


async def forget_told(database: Database, event_id: int, name: str) -> bool:
    """The line under this name stays, and may be told once more; whether there was one."""
    return bool(
        await database.execute(
            "UPDATE activity SET once = NULL WHERE event_id = %s AND once = %s", (event_id, name[:MOST_NAME])
        )
    )
