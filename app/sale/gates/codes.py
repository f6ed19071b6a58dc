"""Presale codes: who has one stands ahead, in its band. Made here, kept by their hash; Redis counts their uses.

The books give Redis each code that is new, or that it lost; Redis tells the books how often each was used.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis

from app.infra.keys import key
from app.infra.mysql import Database, in_list
from app.sale.bands import MOST_BANDS
from app.sale.gates.rules import canonical
from app.units import now_ms, to_datetime

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # nothing that is read as something else
LENGTH = 10  # 50 bits
LEAST_CHOSEN = 6
MOST_AT_ONCE = 10_000
MOST_USES = 1_000_000
SYNC_ROWS = 500


class BadCodes(ValueError):
    """These codes cannot be made; the text says why."""


@dataclass(frozen=True)
class CodeCount:
    """How many codes of a band there are, how often they may be used, and how often they were."""

    band: int
    codes: int
    may_use: int
    used: int


def new_codes(count: int) -> list[str]:
    """Codes that nobody can guess."""
    return ["".join(secrets.choice(ALPHABET) for _ in range(LENGTH)) for _ in range(count)]


async def create_codes(
    database: Database, event_id: int, hash_of: Callable[[str], str], codes: Sequence[str], band: int, uses: int
) -> None:
    """Writes codes into the books; Redis has them seconds later. Raises BadCodes."""
    if not 1 <= band <= MOST_BANDS:
        raise BadCodes(f"band: from 1 to {MOST_BANDS}")
    if not 1 <= uses <= MOST_USES:
        raise BadCodes(f"uses: from 1 to {MOST_USES}")
    if not 1 <= len(codes) <= MOST_AT_ONCE:
        raise BadCodes(f"count: from 1 to {MOST_AT_ONCE}")
    if any(not LEAST_CHOSEN <= len(canonical(code)) <= 64 for code in codes):
        raise BadCodes(f"code: {LEAST_CHOSEN} to 64 characters, not counting blanks and hyphens")
    now = to_datetime(now_ms())
    async with database.transaction() as connection:
        hashes = [hash_of(code) for code in codes]
        for first in range(0, len(hashes), SYNC_ROWS):
            some = hashes[first : first + SYNC_ROWS]
            known = await connection.fetch_one(
                "SELECT band FROM access_codes"  # noqa: S608
                f" WHERE event_id = %s AND code_hash IN {in_list(some)} LIMIT 1",
                (event_id, *some),
            )
            if known:
                raise BadCodes("code: it is there already")
            await connection.insert_many(
                "INSERT INTO access_codes (event_id, code_hash, band, max_uses, created_at)"
                " VALUES (%s, %s, %s, %s, %s)",
                [(event_id, code_hash, band, uses, now) for code_hash in some],
            )


async def count_codes(database: Database, event_id: int) -> list[CodeCount]:
    """The codes of an event by band, as the books have them."""
    rows = await database.fetch_all(
        "SELECT band, COUNT(*) AS codes, SUM(max_uses) AS may_use, SUM(uses) AS used FROM access_codes"
        " WHERE event_id = %s GROUP BY band ORDER BY band DESC",
        (event_id,),
    )
    return [CodeCount(row["band"], row["codes"], int(row["may_use"]), int(row["used"])) for row in rows]


async def give_codes(database: Database, redis: Redis, event_ids: Sequence[int]) -> int:
    """Gives Redis the codes that it was not given since it last lost its data; how many, some at a time."""
    if not event_ids:
        return 0
    rows = await database.fetch_all(
        "SELECT c.event_id, c.code_hash, c.band, c.max_uses, c.uses, e.epoch FROM access_codes c"  # noqa: S608
        " JOIN events e ON e.id = c.event_id"
        f" WHERE c.event_id IN {in_list(event_ids)} AND c.loaded_epoch < e.epoch LIMIT %s",
        (*event_ids, SYNC_ROWS),
    )
    if not rows:
        return 0
    async with redis.pipeline(transaction=False) as pipeline:
        for row in rows:
            left = max(row["max_uses"] - row["uses"], 0)
            pipeline.hsetnx(key(row["event_id"], "codes"), row["code_hash"], f"{row['band']} {left}")
        await pipeline.execute()
    async with database.connection() as connection:
        await connection.insert_many(
            "INSERT INTO access_codes (event_id, code_hash, loaded_epoch, band, max_uses, created_at)"
            " VALUES (%s, %s, %s, 0, 0, NOW()) ON DUPLICATE KEY UPDATE loaded_epoch = VALUES(loaded_epoch)",
            [(row["event_id"], row["code_hash"], row["epoch"]) for row in rows],
        )
    return len(rows)


async def note_uses(database: Database, redis: Redis, event_ids: Sequence[int]) -> None:
    """Writes down how often codes were used since it was last written down, some at a time."""
    for event_id in event_ids:
        used = cast(list[str], await cast(Any, redis.srandmember(key(event_id, "codes_used"), SYNC_ROWS)))
        if not used:
            continue
        # forgotten first: a use that comes now is noted again
        await cast(Any, redis.srem(key(event_id, "codes_used"), *used))
        texts = cast(list[str | None], await cast(Any, redis.hmget(key(event_id, "codes"), used)))
        uses_left = [(code, int(text.split()[1])) for code, text in zip(used, texts, strict=True) if text]
        try:
            async with database.connection() as connection:
                await connection.insert_many(
                    "INSERT INTO access_codes (event_id, code_hash, max_uses, band, created_at)"
                    " VALUES (%s, %s, %s, 0, NOW())"
                    " ON DUPLICATE KEY UPDATE uses = GREATEST(uses, access_codes.max_uses - VALUES(max_uses))",
                    [(event_id, code, left) for code, left in uses_left],
                )
        except BaseException:
            await cast(Any, redis.sadd(key(event_id, "codes_used"), *used))
            raise
