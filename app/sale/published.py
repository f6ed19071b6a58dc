"""What a draw publishes, in the books: from then on anybody can recompute it.

Redis keeps the list of those who were drawn until the books have it, so a draw waits for no database. Only then is
the secret told.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from redis.asyncio import Redis

from app.infra.keys import key
from app.infra.mysql import Database
from app.infra.redis import NotReady
from app.sale.catalog import Event
from app.sale.draw import draw_all, public_buyer_id, read_entrants
from app.units import now_ms, to_datetime, to_ms

SLICE = 2_000  # entrants in one row: 64 kB
ROWS_AT_ONCE = 8
ID_LENGTH = 32


@dataclass(frozen=True)
class PublishedDraw:
    """A draw that anybody can recompute: the entrants got the numbers after `drawn_after`, in order."""

    drawn_after: int
    entrants: int
    list_hash: str  # hex
    published_at_ms: int

    def has(self, number: int) -> bool:
        """Whether the draw gave this number."""
        return self.drawn_after < number <= self.drawn_after + self.entrants


async def draw_state(redis: Redis, event_id: int) -> Literal["none", "committed", "drawing", "drawn"]:
    """How far a draw is that was not published yet. Raises NotReady."""
    fields = ["ready", "state", "draw_unpublished"]
    ready, state, waits = await cast(Any, redis.hmget(key(event_id, "sale"), fields))
    if ready != "1":
        raise NotReady
    if waits:
        return "drawn"
    return "committed" if state == "scheduled" else "drawing" if state == "drawing" else "none"


async def unpublished(redis: Redis, event_ids: Sequence[int]) -> list[int]:
    """Those of these events whose draw ended and is not in the books yet. Raises RedisError."""
    async with redis.pipeline(transaction=False) as pipeline:
        for event_id in event_ids:
            pipeline.hget(key(event_id, "sale"), "draw_unpublished")
        waiting = await pipeline.execute()
    return [event_id for event_id, waits in zip(event_ids, waiting, strict=True) if waits]


async def publish(database: Database, redis: Redis, event: Event) -> int:
    """Writes the draw of an event into the books, and has Redis forget it; can be repeated.

    Returns how many entrants were published: 0 also when there is nothing to do. Raises RedisError,
    DatabaseUnavailable.
    """
    sale = key(event.id, "sale")
    buyers = list(await read_entrants(redis, event.id, "drawn"))
    # asked afterwards: a Redis that was wiped meanwhile has no list to publish
    waits, drawn_after = await cast(Any, redis.hmget(sale, ["draw_unpublished", "drawn_after"]))
    if not waits:
        return 0
    drawn_after = int(drawn_after)
    order, list_hash = await asyncio.to_thread(draw_all, buyers, event.draw_secret)
    slices = await asyncio.to_thread(_slices, order)
    async with database.transaction() as connection:
        first = await connection.execute(
            "INSERT INTO draws (event_id, drawn_after, entrants, list_hash, published_at)"
            " VALUES (%s, %s, %s, %s, %s) ON DUPLICATE KEY UPDATE event_id = event_id",
            (event.id, drawn_after, len(order), list_hash, to_datetime(now_ms())),
        )
        if first:
            rows = [(event.id, drawn_after + 1 + n * SLICE, ids) for n, ids in enumerate(slices)]
            for at in range(0, len(rows), ROWS_AT_ONCE):
                await connection.insert_many(
                    "INSERT INTO draw_slices (event_id, first_number, public_ids) VALUES (%s, %s, %s)",
                    rows[at : at + ROWS_AT_ONCE],
                )
    await redis.unlink(key(event.id, "drawn"))
    await cast(Any, redis.hdel(sale, "draw_unpublished"))
    return len(order) if first else 0


def _slices(order: Sequence[str]) -> list[str]:
    return ["".join(map(public_buyer_id, order[at : at + SLICE])) for at in range(0, len(order), SLICE)]


async def published_draw(database: Database, event_id: int) -> PublishedDraw | None:
    """The draw of an event, if it was published."""
    row = await database.fetch_one("SELECT * FROM draws WHERE event_id = %s", (event_id,))
    if row is None:
        return None
    return PublishedDraw(row["drawn_after"], row["entrants"], row["list_hash"], to_ms(row["published_at"]))


async def read_numbers(
    database: Database, event_id: int, after: int, most: int
) -> AsyncIterator[list[tuple[str, int]]]:
    """(public id, number) of the entrants whose number comes after `after`, `most` of them, a slice at a time.

    No connection is kept between two slices, however long a reader takes.
    """
    while most > 0:
        row = await database.fetch_one(
            "SELECT first_number, public_ids FROM draw_slices"
            " WHERE event_id = %s AND first_number > %s ORDER BY first_number LIMIT 1",
            (event_id, after + 1 - SLICE),
        )
        if row is None:
            return
        first, ids = row["first_number"], row["public_ids"]
        numbers = range(max(first, after + 1), first + len(ids) // ID_LENGTH)[:most]
        if not numbers:
            return
        yield [(ids[(n - first) * ID_LENGTH : (n - first + 1) * ID_LENGTH], n) for n in numbers]
        after, most = numbers[-1], most - len(numbers)
