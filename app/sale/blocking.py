"""Keeping a buyer or an address out of a sale, and letting them in again."""

from dataclasses import replace

from redis.asyncio import Redis

from app.ids import BUYER_ID
from app.infra.mysql import Connection, Database
from app.sale.catalog import Event
from app.sale.changing import lock_of
from app.sale.events import event_by_id, tell_changed
from app.sale.gates.blocks import MAX_WHY_CHARACTERS, MOST_BLOCKED, BadBlock, Block, canonical, text_of
from app.sale.waiting_room import leave
from app.units import now_ms


async def block(database: Database, redis: Redis, event: Event, who: str, why: str, by: str) -> Event:
    """Keeps a buyer or an address out from now on: no joining, no orders. What was ordered stays.

    Every web process knows it within a second; a buyer loses their place at once. Raises BadBlock, NotReady.
    """
    who = canonical(who)
    if len(why) > MAX_WHY_CHARACTERS:
        raise BadBlock(f"why: at most {MAX_WHY_CHARACTERS} characters")
    async with database.lock(lock_of(event)) as connection:
        now = await event_by_id(database, event.id)
        if who not in now.blocked and len(now.blocked) >= MOST_BLOCKED:
            raise BadBlock(f"who: {MOST_BLOCKED} are blocked, as many as may be in one event")
        after = replace(now, blocked={**now.blocked, who: Block(why, by, now_ms())})
        await _write_blocked(connection, after)
    await tell_changed(redis, after)
    if BUYER_ID.fullmatch(who) and after.state != "draft" and not after.purged:
        await leave(redis, after.id, who)
    return after


async def unblock(database: Database, redis: Redis, event: Event, who: str) -> bool:
    """Lets a buyer or an address in again; whether they were kept out. Raises BadBlock, NotReady."""
    who = canonical(who)
    async with database.lock(lock_of(event)) as connection:
        now = await event_by_id(database, event.id)
        after = replace(now, blocked={one: why for one, why in now.blocked.items() if one != who})
        await _write_blocked(connection, after)
    await tell_changed(redis, after)
    return after.blocked != now.blocked


async def _write_blocked(connection: Connection, event: Event) -> None:
    await connection.execute("UPDATE events SET blocked = %s WHERE id = %s", (text_of(event.blocked), event.id))
