"""The waiting room: join, leave, the place of one buyer, the places of all, the lobby and its draw."""

import hmac
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, cast

from redis.asyncio import Redis

from app.infra import scripts
from app.infra.keys import key, keys, live_channel
from app.infra.redis import NotReady
from app.sale.catalog import Stock, parse_stock, public_state

DRAW_CHUNK = 1_000
SEEN_CHUNK = 500
LOOKED_AT = ("sale", "lobby", "entrants", "queue", "parked", "passes", "served", "numbers", "seen")


class NotJoined(Exception):
    """The buyer has no place in this event's waiting room."""


class SaleClosed(Exception):
    """The organiser closed the sale."""


class WaitingRoomFull(Exception):
    """As many buyers wait as may."""


@dataclass(frozen=True)
class Place:
    """Where a buyer stands. `position` is how many are ahead; times are UTC ms, 0 where there is none."""

    status: str  # lobby | waiting | admitted | lapsed | left
    number: int
    position: int
    waiting: int
    expires_at_ms: int
    rate_per_minute: int


async def join(redis: Redis, event_id: int, buyer_id: str, max_waiting: int) -> Place:
    """Gives the buyer a place, or finds the one they have.

    Raises NotReady, SaleClosed, WaitingRoomFull.
    """
    names = (
        "sale", "lobby", "entrants", "queue", "parked", "passes", "served", "number", "numbers", "seen",
    )  # fmt: skip
    answer = await scripts.run(redis, "join", keys(event_id, *names), [buyer_id, max_waiting])
    if answer == "CLOSED":
        raise SaleClosed
    if answer == "BUSY":
        raise WaitingRoomFull
    if answer == "NOT_READY":
        raise NotReady
    return await look(redis, event_id, buyer_id)


async def look(redis: Redis, event_id: int, buyer_id: str) -> Place:
    """Where the buyer stands; looking counts as being seen. Raises NotReady, NotJoined."""
    place = _place(await scripts.run(redis, "place", keys(event_id, *LOOKED_AT), [buyer_id]))
    if place is None:
        raise NotJoined
    return place


async def look_many(redis: Redis, event_id: int, buyer_ids: Sequence[str]) -> list[Place | None]:
    """Where buyers stand, in one round trip; None for one without a place. Raises NotReady."""
    calls: list[scripts.Call] = [(keys(event_id, *LOOKED_AT), [buyer_id]) for buyer_id in buyer_ids]
    return [_place(answer) for answer in await scripts.run_many(redis, "place", calls)]


def _place(answer: Any) -> Place | None:
    """What place.lua answered. Raises NotReady."""
    if answer == "NOT_READY":
        raise NotReady
    return None if answer == "NOT_JOINED" else Place(*answer)


async def leave(redis: Redis, event_id: int, buyer_id: str) -> None:
    """Gives the place up. Orders stay."""
    names = ("lobby", "queue", "parked", "passes", "served", "numbers", "seen")
    await scripts.run(redis, "leave", keys(event_id, *names), [buyer_id, live_channel(event_id)])


async def mark_seen(redis: Redis, event_id: int, buyer_ids: Sequence[str]) -> None:
    """Notes in bulk that these buyers are here now, by Redis's clock."""
    for first in range(0, len(buyer_ids), SEEN_CHUNK):
        await scripts.run(redis, "seen", keys(event_id, "seen"), buyer_ids[first : first + SEEN_CHUNK])


def eta_seconds(position: int, rate_per_minute: int) -> tuple[int, int]:
    """From when to when a buyer with so many ahead is likely to be called.

    The rate is the fastest it can go; a full room or slow payers make it up to twice as long.
    """
    soonest = position * 60 / rate_per_minute
    return round(soonest), round(soonest * 2) + 5


@dataclass(frozen=True)
class RankTable:
    """The waiting room as all of it stands at one moment."""

    state: str  # as buyers are told
    rate_per_minute: int
    lobby: int
    waiting: int
    stock: dict[int, Stock]
    ranks: list[int]
    numbers: list[int]

    def place(self, number: int) -> int:
        """How many are ahead of a queue number: exact for the first 100, else to within 2% (never too few)."""
        at = bisect_right(self.numbers, number) - 1
        if at < 0:
            return 0
        if self.numbers[at] == number:
            return self.ranks[at]
        beyond = self.ranks[at] + number - self.numbers[at]
        next_rank = self.ranks[at + 1] if at + 1 < len(self.ranks) else self.waiting
        return min(beyond, max(next_rank - 1, 0))


async def rank_table(redis: Redis, event_id: int) -> RankTable:
    """The rank table, at a cost that hardly grows with the queue. Raises NotReady."""
    answer = await scripts.run(redis, "rank_table", keys(event_id, "sale", "stock", "lobby", "entrants", "queue"))
    if not answer:
        raise NotReady
    state, rate_per_minute, lobby, waiting, fields, pairs = answer
    stock = parse_stock(dict(zip(fields[::2], fields[1::2], strict=True)))
    return RankTable(public_state(state, stock), rate_per_minute, lobby, waiting, stock, pairs[::2], pairs[1::2])


def public_buyer_id(buyer_id: str) -> str:
    """What the draw publishes of a buyer: recognised by the buyer, of no use to anybody else."""
    return sha256(buyer_id.encode()).hexdigest()[:32]


def draw_order(buyer_ids: Sequence[str], secret: str) -> list[str]:
    """The order of the draw: sorted by HMAC(secret, hash of the entrant list || public buyer id).

    `secret` is hex. Nobody can choose their way to the front: the secret was fixed before anybody joined
    (its SHA-256 is published), and the list of entrants was not known to whoever fixed it.
    """
    publics = sorted((public_buyer_id(buyer_id), buyer_id) for buyer_id in buyer_ids)
    list_hash = sha256("\n".join(public for public, _ in publics).encode()).digest()
    drawn = [
        (hmac.digest(bytes.fromhex(secret), list_hash + public.encode(), "sha256"), buyer_id)
        for public, buyer_id in publics
    ]
    return [buyer_id for _, buyer_id in sorted(drawn)]


async def begin_draws(redis: Redis, event_ids: Sequence[int]) -> dict[int, int]:
    """Freezes the lobby of each event whose time has come: for those, the last number given before."""
    names = ("sale", "lobby", "entrants", "number")
    calls: list[scripts.Call] = [(keys(event_id, *names), []) for event_id in event_ids]
    answers = await scripts.run_many(redis, "draw_begin", calls)
    return {event_id: after for event_id, after in zip(event_ids, answers, strict=True) if after >= 0}


async def finish_draw(redis: Redis, event_id: int, secret: str, drawn_after: int) -> int:
    """Draws the frozen lobby and opens the sale; can be repeated. Returns how many were drawn."""
    entrants = cast(list[str], await redis.zrange(key(event_id, "entrants"), 0, -1))
    order = draw_order(entrants, secret)
    for first in range(0, max(len(order), 1), DRAW_CHUNK):
        chunk = order[first : first + DRAW_CHUNK]
        numbered: list[str | int] = []
        for place, buyer_id in enumerate(chunk, first + 1):
            numbered += [drawn_after + place, buyer_id]
        last = first + DRAW_CHUNK >= len(order)
        await scripts.run(
            redis,
            "draw_end",
            keys(event_id, "sale", "queue", "numbers"),
            ["1" if last else "0", live_channel(event_id), *numbered],
        )
    return len(order)
