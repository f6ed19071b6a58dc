"""The draw: a published secret and the frozen lobby give everybody in it a number, and anybody can check it."""

import asyncio
import hmac
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import cast

from redis.asyncio import Redis

from app.infra import scripts
from app.infra.keys import key, keys, live_channel
from app.sale.presence import BUCKET_MS, BUCKETS_KEPT_SECONDS, bucket_prefixes

PAGE = 2_000  # entrants read in one command: Redis is busy with it for half a millisecond
CHUNK = 250  # buyers placed in one script: 2 ms in a queue of a million
BUCKETS_BACK = 4


def public_buyer_id(buyer_id: str) -> str:
    """What the draw publishes of a buyer: recognised by the buyer, of no use to anybody else."""
    return sha256(buyer_id.encode()).hexdigest()[:32]


def draw_order(buyer_ids: Sequence[str], secret: str) -> list[str]:
    """The order of the draw alone; see `draw_all`."""
    return draw_all(buyer_ids, secret)[0]


def draw_all(buyer_ids: Sequence[str], secret: str) -> tuple[list[str], str]:
    """The order of the draw, and the hash of the entrant list in hex.

    The order is sorted by HMAC(secret, hash of the entrant list || public buyer id). `secret` is hex. Nobody can
    choose their way to the front: the secret was fixed before anybody joined (its SHA-256 is published), and the
    list of entrants was not known to whoever fixed it.
    """
    publics = _sorted_in_parts([(public_buyer_id(buyer_id).encode(), buyer_id) for buyer_id in buyer_ids])
    listed = sha256()
    for index, (public, _) in enumerate(publics):
        listed.update(b"\n" + public if index else public)
    list_hash, key_bytes = listed.digest(), bytes.fromhex(secret)
    drawn = [(hmac.digest(key_bytes, list_hash + public, "sha256"), buyer_id) for public, buyer_id in publics]
    return [buyer_id for _, buyer_id in _sorted_in_parts(drawn)], list_hash.hex()


def _sorted_in_parts(pairs: Iterable[tuple[bytes, str]]) -> list[tuple[bytes, str]]:
    """Sorted, a part by each first byte: sorting a million at once would hold Python's lock for seconds."""
    parts: dict[int, list[tuple[bytes, str]]] = {}
    for pair in pairs:
        parts.setdefault(pair[0][0], []).append(pair)
    return [pair for first in sorted(parts) for pair in sorted(parts[first])]


async def begin_draws(redis: Redis, event_ids: Sequence[int]) -> dict[int, int]:
    """Freezes the lobby of each event whose time has come: for those, the last number given before.

    An event that cannot be asked does not stop the others. Raises RedisError when Redis does not answer.
    """
    names = ("sale", "lobby", "entrants", "number")
    calls: list[scripts.Call] = [(keys(event_id, *names), []) for event_id in event_ids]
    answers = await scripts.run_each(redis, "draw_begin", calls)
    return {
        event_id: after
        for event_id, after in zip(event_ids, answers, strict=True)
        if isinstance(after, int) and after >= 0
    }


async def finish_draw(redis: Redis, event_id: int, secret: str, drawn_after: int) -> tuple[int, str]:
    """Draws the frozen lobby and ends the draw; can be repeated.

    Returns how many were drawn, and the state of the sale afterwards ("STALE" when somebody else was first).
    Redis is never busy with it for long, and hashing and sorting happen in a thread of their own.
    """
    arrivals = await read_entrants(redis, event_id, "entrants")
    order = await asyncio.to_thread(draw_order, list(arrivals), secret)
    for first in range(0, max(len(order), 1), CHUNK):
        numbered = [
            part
            for number, buyer_id in enumerate(order[first : first + CHUNK], drawn_after + first + 1)
            for part in (str(number), buyer_id, arrivals[buyer_id])
        ]
        state = await _place(redis, event_id, first + CHUNK >= len(order), numbered)
        if state != "drawing":
            break
    return len(order), state


async def read_entrants(redis: Redis, event_id: int, name: str) -> dict[str, str]:
    """The buyers of a list (`entrants` while they are drawn, `drawn` afterwards) with their arrivals."""
    arrivals: dict[str, str] = {}
    while page := await redis.zrange(
        key(event_id, name), len(arrivals), len(arrivals) + PAGE - 1, withscores=True, score_cast_func=_whole
    ):
        arrivals.update(cast(list[tuple[str, str]], page))
    return arrivals


def _whole(score: float) -> str:
    return f"{float(score):.0f}"


async def _place(redis: Redis, event_id: int, last: bool, numbered: Sequence[str]) -> str:
    queue_seen, lobby_seen = bucket_prefixes(event_id)
    return str(
        await scripts.run(
            redis,
            "draw_end",
            keys(event_id, "sale", "queue", "entrants", "leavers", "drawn", "joined_at"),
            [
                "1" if last else "0",
                live_channel(event_id),
                BUCKET_MS,
                BUCKETS_KEPT_SECONDS,
                queue_seen,
                lobby_seen,
                BUCKETS_BACK,
                *numbered,
            ],
        )
    )
