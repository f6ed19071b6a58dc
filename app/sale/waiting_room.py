"""The waiting room: join, leave, the place of one buyer, the places of all."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError

from app.infra import scripts
from app.infra.keys import keys, live_channel
from app.sale.bands import band_of, number_of, standing
from app.sale.catalog import SaleState, Stock, parse_stock, public_state
from app.sale.pace import NOTHING_MEASURED, Pace, parse_pace
from app.sale.presence import BUCKET_MS, BUCKETS_KEPT_SECONDS, bucket_prefixes

LOOKED_AT = ("sale", "lobby", "entrants", "leavers", "queue", "parked", "passes", "served", "numbers")

JOINING = (
    "sale", "lobby", "entrants", "leavers", "queue", "parked", "passes", "served", "number", "arrivals", "totals",
    "idle",
)  # fmt: skip
WRONG_CODES = 10  # a minute, of one address


class NotJoined(Exception):
    """The buyer has no place in this event's waiting room."""


class SaleClosed(Exception):
    """The organiser closed the sale."""


class WaitingRoomFull(Exception):
    """As many buyers wait as may, or as Redis has memory for."""


class BadCode(Exception):
    """There is no such presale code for this sale."""


class CodeUsed(Exception):
    """The presale code was used as often as it may be."""


class TooManyJoins(Exception):
    """So many have joined, or tried codes, from one address that the next has to wait for `retry_ms`."""

    def __init__(self, retry_ms: int, of_codes: bool = False) -> None:
        super().__init__(retry_ms)
        self.retry_ms = retry_ms
        self.of_codes = of_codes


class Place(Struct, frozen=True):
    """Where a buyer stands. `position` is how many are ahead; times are UTC ms, 0 where there is none.

    `arrival` is a buyer's number in the lobby: of no meaning to anybody, it is where presence is noted.
    """

    status: str  # lobby | waiting | admitted | lapsed | left
    number: int
    position: int
    waiting: int
    expires_at_ms: int
    arrival: int = 0
    pace: Pace = NOTHING_MEASURED
    band: int = 0  # those in a higher one are ahead

    @property
    def standing(self) -> int:
        """What their token carries, and where they come back to."""
        return standing(self.number, self.band)


async def join(
    redis: Redis,
    event_id: int,
    buyer_id: str,
    max_waiting: int,
    address: str = "",
    joins_per_minute: int = 0,
    code_hashes: Sequence[str] = (),
) -> Place:
    """Gives the buyer a place, or finds the one they have.

    Of one `address` so many may join a minute, and at once, who were not here before; 0: any number. `code_hashes`
    are those of one presale code, by each key it may have been made with.
    Raises NotReady, SaleClosed, WaitingRoomFull, TooManyJoins, BadCode, CodeUsed.
    """
    names, args = joining(event_id, buyer_id, max_waiting, address, joins_per_minute, code_hashes)
    try:
        answer = await scripts.run(redis, "join", names, args)
    except OutOfMemoryError as error:  # nothing was written; what memory there is, is kept for settling
        raise WaitingRoomFull from error
    if answer == "CLOSED":
        raise SaleClosed
    if answer == "BUSY":
        raise WaitingRoomFull
    if answer == "BAD_CODE":
        raise BadCode
    if answer == "CODE_USED":
        raise CodeUsed
    if answer[0] in ("TOO_MANY", "TOO_MANY_CODES"):
        raise TooManyJoins(answer[1], answer[0] == "TOO_MANY_CODES")
    place = _place(answer)
    if place is None:
        raise NotJoined
    return place


def joining(
    event_id: int,
    buyer_id: str,
    max_waiting: int,
    address: str,
    joins_per_minute: int,
    code_hashes: Sequence[str] = (),
) -> scripts.Call:
    """How join.lua, and place.lua behind it, are asked."""
    of_address = (f"joins:{address}", "codes", "codes_used", f"wrong_codes:{address}")
    return keys(event_id, *JOINING, *of_address, "numbers", "joined_at"), [
        buyer_id,
        max_waiting,
        joins_per_minute,
        WRONG_CODES,
        *code_hashes,
        BUCKET_MS,
        BUCKETS_KEPT_SECONDS,
        *bucket_prefixes(event_id),
    ]


async def look(redis: Redis, event_id: int, buyer_id: str) -> Place:
    """Where the buyer stands; looking counts as being seen. Raises NotReady, NotJoined."""
    place = _place(await scripts.run(redis, "place", *_question(event_id, buyer_id)))
    if place is None:
        raise NotJoined
    return place


async def look_many(redis: Redis, event_id: int, buyer_ids: Sequence[str]) -> list[Place | None]:
    """Where buyers stand, in one round trip; None for one without a place. Raises NotReady."""
    calls = [_question(event_id, buyer_id) for buyer_id in buyer_ids]
    return [_place(answer) for answer in await scripts.run_many(redis, "place", calls)]


def _question(event_id: int, buyer_id: str) -> scripts.Call:
    return keys(event_id, *LOOKED_AT), [buyer_id, BUCKET_MS, BUCKETS_KEPT_SECONDS, *bucket_prefixes(event_id)]


def _place(answer: Any) -> Place | None:
    """What place.lua answered."""
    if answer == "NOT_JOINED":
        return None
    status, score, position, waiting, expires_at_ms, arrival, *pace = answer
    return Place(
        status,
        number_of(score),
        position,
        waiting,
        expires_at_ms,
        number_of(arrival),
        parse_pace(*pace),
        band_of(arrival if status == "lobby" else score),
    )


async def leave(redis: Redis, event_id: int, buyer_id: str) -> None:
    """Gives the place up. Orders stay."""
    names = (
        "sale", "lobby", "entrants", "leavers", "queue", "parked", "passes", "served", "idle", "numbers", "totals",
    )  # fmt: skip
    await scripts.run(redis, "leave", keys(event_id, *names), [buyer_id, live_channel(event_id)])


@dataclass(frozen=True)
class RankTable:
    """The waiting room as all of it stands at one moment."""

    state: SaleState
    pace: Pace
    lobby: int
    waiting: int
    stock: dict[int, Stock]
    ranks: list[int]
    standings: list[int]
    message: str = ""  # of the organiser, to everybody

    def place(self, standing: int) -> int:
        """How many are ahead of a standing: exact for the first 100, else to within 2% (never too few)."""
        at = bisect_right(self.standings, standing) - 1
        if at < 0:
            return 0
        if self.standings[at] == standing:
            return self.ranks[at]
        beyond = self.ranks[at] + standing - self.standings[at]
        next_rank = self.ranks[at + 1] if at + 1 < len(self.ranks) else self.waiting
        return min(beyond, max(next_rank - 1, 0))


async def rank_table(redis: Redis, event_id: int) -> RankTable:
    """The rank table, at a cost that hardly grows with the queue. Raises NotReady."""
    answer = await scripts.run(redis, "rank_table", keys(event_id, "sale", "stock", "lobby", "entrants", "queue"))
    state, rate_per_minute, lobby, waiting, fields, pairs, room, pass_ttl_seconds, pace, age_ms, message = answer
    stock = parse_stock(dict(zip(fields[::2], fields[1::2], strict=True)))
    return RankTable(
        public_state(state, stock),
        parse_pace(state, rate_per_minute, room, pass_ttl_seconds, pace, age_ms),
        lobby,
        waiting,
        stock,
        pairs[::2],
        pairs[1::2],
        message,
    )
