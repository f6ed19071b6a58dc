"""What organisers change of an event: settings, stock and prices, in the books and in Redis.

Everything is done under a lock of the event's own, so that nobody comes in between. Stock that is withdrawn leaves
Redis first and the books afterwards; stock that is added comes into the books first. So whatever ends in between,
Redis never has more to sell than the books do, and `follow_books` mends what is left half done.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from asyncmy.errors import IntegrityError
from redis.asyncio import Redis

from app.ids import new_id
from app.infra import scripts
from app.infra.keys import key, keys, live_channel
from app.infra.mysql import Connection, Database
from app.infra.redis import NotReady
from app.sale.catalog import Event, InvalidEvent, Sku, check_event, parse_stock
from app.sale.events import (
    NotOpen,
    audit_capacity,
    check_not_over,
    event_by_id,
    put_on_sale,
    read_events,
    sale_fields,
)
from app.sale.waiting_room import SaleClosed
from app.units import now_ms, optional_datetime, to_datetime, to_decimal

log = logging.getLogger(__name__)

DUPLICATE: Final = 1062
EXTRA_MS: Final = 10_000  # how long "let in now" waits for buyers to come
MAX_MESSAGE_CHARACTERS: Final = 280
_REDIS_DECIDES: Final = ("state", "opens_at_ms")  # the books follow it there


class Changed(Exception):
    """Somebody else changed the event since; `event` is how it stands now."""

    def __init__(self, event: Event) -> None:
        super().__init__(event.slug)
        self.event = event


class InUse(Exception):
    """So many tickets of a sku are held or sold that they cannot be withdrawn."""

    def __init__(self, sku: Sku, taken: int) -> None:
        super().__init__(f"{taken} of {sku.name!r} are held or sold")
        self.sku, self.taken = sku, taken


class NotScheduled(Exception):
    """The opening is over, so it cannot be moved."""


class NotClosed(Exception):
    """Only a closed sale can be archived."""


class NotADraft(Exception):
    """Only a draft can be published, or deleted."""


@dataclass(frozen=True)
class SkuChange:
    """What becomes of a sku: found by its id, else by its name; a new one where there is none.

    `settings` are Sku fields. `position` is where it is listed, from 1 on: the others make room; None: as it is.
    """

    id: int | None
    settings: Mapping[str, Any]
    position: int | None = None


async def change_event(
    database: Database,
    redis: Redis,
    event: Event,
    settings: Mapping[str, Any],
    skus: Sequence[SkuChange] = (),
    revision: int | None = None,
) -> tuple[Event, Event]:
    """Changes an event: how it was, and how it is. `settings` are fields of Event.

    With a `revision`, only while the event still has it. In Redis it counts at once, for new passes and holds.
    Raises Changed, InvalidEvent, InUse, NotScheduled, SaleClosed, NotReady.
    """
    async with database.lock(lock_of(event)) as connection:
        before = await event_by_id(database, event.id)
        if revision is not None and revision != before.revision:
            raise Changed(before)
        if before.purged and settings.keys() - {"archived"}:
            raise SaleClosed
        if settings.get("archived") and before.state != "closed":
            raise NotClosed
        after = replace(before, **settings, skus=_changed(before, skus), revision=before.revision + 1)
        check_event(after)
        is_draft = before.state == "draft"
        is_in_redis = not (is_draft or before.purged)
        if is_in_redis:
            less = [sku for sku in after.skus if sku.id and sku.capacity < _of(before, sku.id).capacity]
            moved = {} if after.opens_at_ms == before.opens_at_ms else {"opens_at_ms": after.opens_at_ms}
            await configure(redis, before, moved, [replace(s, price_minor=_price(before, s)) for s in less])
        try:
            async with connection.transaction():
                after = await _write(connection, before, after, is_draft=is_draft)
        except IntegrityError as error:
            if error.args[0] != DUPLICATE:
                raise
            raise InvalidEvent("sku: each needs a name of its own") from None  # in any case, and with any accents
        if is_in_redis:
            await configure(redis, after, _fields(after), after.skus)
    return before, after


def lock_of(event: Event) -> str:
    """What whoever changes an event holds meanwhile."""
    return f"ticketcraze.event.{event.id}"


def _of(event: Event, sku_id: int) -> Sku:
    return next(sku for sku in event.skus if sku.id == sku_id)


def _price(event: Event, sku: Sku) -> int:
    return _of(event, sku.id).price_minor


def _changed(event: Event, changes: Sequence[SkuChange]) -> tuple[Sku, ...]:
    """The skus after these changes. Raises InvalidEvent."""
    skus = list(event.skus)
    moved: dict[int, int] = {}  # where a sku was found, and where it shall be
    for change in changes:
        name = change.settings.get("name")
        found = [
            at
            for at, sku in enumerate(skus)
            if (sku.id == change.id if change.id is not None else sku.name == name)
        ]
        if found:
            at = found[0]
            skus[at] = replace(skus[at], **change.settings)
        elif change.id is not None:
            raise InvalidEvent(f"sku {change.id}: this event has no such sku")
        elif not {"name", "price_minor", "capacity"} <= change.settings.keys():
            raise InvalidEvent("sku: a new one needs a name, a price and a capacity")
        else:
            at = len(skus)
            skus.append(Sku(0, **change.settings))
        if change.position is not None:
            moved[at] = change.position
    listed = [sku for at, sku in enumerate(skus) if at not in moved]
    for at, position in sorted(moved.items(), key=lambda one: one[1]):
        listed.insert(max(position, 1) - 1, skus[at])
    return tuple(listed)


def _fields(event: Event) -> dict[str, str | int]:
    """What Redis follows the books in; what is not there is taken away."""
    own = {name: value for name, value in sale_fields(event).items() if name not in _REDIS_DECIDES}
    return {"overbooking": "", "sku_rules": "", **own}


async def configure(redis: Redis, event: Event, fields: Mapping[str, str | int], skus: Sequence[Sku]) -> None:
    """Runs app/lua/configure.lua. Raises InUse, NotScheduled, SaleClosed, NotReady."""
    if not fields and not skus:
        return
    parts = [part for pair in fields.items() for part in pair]
    stock = [part for sku in skus for part in (sku.id, sku.capacity, sku.price_minor)]
    args: list[str | int] = [live_channel(event.id), len(fields), *parts, *stock]
    match await scripts.run(redis, "configure", keys(event.id, "sale", "stock"), args):
        case ["IN_USE", sku_id, taken]:
            raise InUse(_of(event, int(sku_id)), int(taken))
        case "NOT_SCHEDULED":
            raise NotScheduled
        case "OVER":
            raise SaleClosed


async def _write(connection: Connection, before: Event, after: Event, *, is_draft: bool) -> Event:
    """The new settings, skus and lines of the audit; the event with the ids of its new skus."""
    now = to_datetime(now_ms())
    # Stock first, in the order of ids, as the ledger has it: it holds the skus when its orders refer to the event.
    await connection.fetch_all("SELECT id FROM skus WHERE event_id = %s ORDER BY id FOR UPDATE", (after.id,))
    await connection.execute(
        "UPDATE events SET name = %s, opens_at = %s, rate_per_minute = %s, room = %s, pass_ttl_seconds = %s,"
        " hold_ttl_seconds = %s, max_per_buyer = %s, starts_at = %s, doors_at = %s, venue = %s,"
        " overbooking_percent = %s, description = %s, refund_days = %s, retention_days = %s, picture = %s,"
        " archived_at = %s, deposit_percent = %s, rest_due_days = %s, revision = %s WHERE id = %s",
        (
            after.name,
            to_datetime(after.opens_at_ms),
            after.rate_per_minute,
            after.room,
            after.pass_ttl_seconds,
            after.hold_ttl_seconds,
            after.max_per_buyer,
            optional_datetime(after.starts_at_ms),
            optional_datetime(after.doors_at_ms),
            after.venue,
            after.overbooking_percent,
            after.description,
            after.refund_days,
            after.retention_days,
            after.picture,
            now if after.archived else None,
            after.deposit_percent,
            after.rest_due_days,
            after.revision,
            after.id,
        ),
    )
    skus, movements, ref_id = [], [], new_id()
    for position, sku in enumerate(after.skus):
        rules = sku.max_per_buyer, optional_datetime(sku.sells_from_ms), optional_datetime(sku.sells_until_ms)
        settings = position, sku.name, to_decimal(sku.price_minor), sku.vat_percent, *rules
        if sku.id:
            more = sku.capacity - _of(before, sku.id).capacity
            await connection.execute(
                "UPDATE skus SET position = %s, name = %s, price = %s, vat_percent = %s, max_per_buyer = %s,"
                " sells_from = %s, sells_until = %s, capacity = capacity + %s WHERE id = %s",
                (*settings, more, sku.id),
            )
            skus.append(sku)
        else:
            more = sku.capacity
            sku_id = await connection.execute(
                "INSERT INTO skus (position, name, price, vat_percent, max_per_buyer, sells_from, sells_until,"
                " capacity, event_id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (*settings, sku.capacity, after.id),
            )
            skus.append(replace(sku, id=sku_id))
        if more and not is_draft:
            movements.append((skus[-1].id, more, "CAPACITY", ref_id, now))
    await connection.insert_many(
        "INSERT INTO inventory_audit (sku_id, change_qty, reason, ref_id, created_at) VALUES (%s, %s, %s, %s, %s)",
        movements,
    )
    return replace(after, skus=tuple(skus))


async def publish_event(database: Database, redis: Redis, event: Event) -> Event:
    """Puts a draft on sale: from now on it is seen, and its stock counted. Raises NotADraft."""
    async with database.lock(lock_of(event)) as connection:
        draft = await event_by_id(database, event.id)
        if draft.state != "draft":
            raise NotADraft
        check_event(draft)
        async with connection.transaction():
            await audit_capacity(connection, draft.skus, new_id())
            await connection.execute("UPDATE events SET state = 'scheduled' WHERE id = %s", (draft.id,))
        published = await event_by_id(database, draft.id)
        await put_on_sale(database, redis, published)
        await configure(redis, published, {"message": ""}, ())  # so that every process hears of it
        return published


_OF_A_DRAFT = (
    "skus",
    "activity",
    "figures",
    "admin_roles",
    "walls",
    "webhooks",
    "rehearsals",
    "asked_rehearsals",
)


async def delete_draft(database: Database, event: Event) -> None:
    """Deletes an event that was never seen. Raises NotADraft."""
    async with database.lock(lock_of(event)) as connection:
        if (await event_by_id(database, event.id)).state != "draft":
            raise NotADraft
        async with connection.transaction():
            for table in _OF_A_DRAFT:
                await connection.execute(f"DELETE FROM {table} WHERE event_id = %s", (event.id,))  # noqa: S608
            await connection.execute("DELETE FROM events WHERE id = %s AND state = 'draft'", (event.id,))


async def admit_now(redis: Redis, event: Event, count: int) -> int:
    """Has the next `count` buyers come in whatever rate and room say; how many wait. Raises NotOpen, NotReady."""
    check_not_over(event)
    match await scripts.run(redis, "admit_now", keys(event.id, "sale", "queue"), [count, EXTRA_MS]):
        case ["DONE", waiting]:
            return int(waiting)
    raise NotOpen


async def tell_everybody(redis: Redis, event: Event, message: str) -> None:
    """Shows a message to everybody who has the page of the sale open; "" takes it away. Raises NotReady."""
    check_not_over(event)
    await configure(redis, event, {"message": message}, ())


async def follow_books(database: Database, redis: Redis, event_ids: Sequence[int]) -> None:
    """Has Redis follow the books where a change was left half done. Raises RedisError, DatabaseUnavailable."""
    events = await read_events(database, event_ids)
    async with redis.pipeline(transaction=False) as pipeline:
        for event in events:
            pipeline.hmget(key(event.id, "sale"), ["ready", *_fields(event)])
            pipeline.hgetall(key(event.id, "stock"))
        answers = await pipeline.execute()
    for event, (ready, *told), stock in zip(events, answers[::2], answers[1::2], strict=True):
        meant = [str(value) for value in _fields(event).values()]
        known = {sku_id: (s.capacity, s.price_minor) for sku_id, s in parse_stock(stock).items()}
        if ready != "1" or (
            [value or "" for value in told] == meant
            and known == {sku.id: (sku.capacity, sku.price_minor) for sku in event.skus}
        ):
            continue
        async with database.lock(lock_of(event)):
            now = await event_by_id(database, event.id)
            try:
                await configure(redis, now, _fields(now), now.skus)
            except (InUse, NotReady, SaleClosed) as error:
                log.error("event %d: Redis cannot follow the books: %r", event.id, error)
            else:
                log.warning("event %d: Redis follows the books in settings or stock", event.id)
