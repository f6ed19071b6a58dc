"""Admission: who comes in now. The rule itself is app/lua/admit.lua."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from redis.asyncio import Redis

from app.infra import scripts
from app.infra.keys import key, keys, live_channel
from app.infra.redis import NotReady, Restarted
from app.sale.presence import BUCKET_MS, bucket_prefixes
from app.sale.waits import BUCKETS, GROWTH, KEPT_SECONDS, WAITS

log = logging.getLogger(__name__)

MOST_AT_ONCE = 250  # looked at in one script: 3 ms at most, with the longest grace period
NAMES = (
    "sale", "stock", "queue", "parked", "passes", "idle", "served", "numbers", "bought", "flow", "totals",
    "joined_at",
)  # fmt: skip


@dataclass(frozen=True)
class Admitted:
    """How many buyers of one event were let in, lost their pass, and were parked; whether there is more.

    `waits` is how many of them had waited how long, by bucket: see app/sale/waits.py.
    """

    admitted: int
    lapsed: int
    parked: int
    more: bool
    waits: dict[int, int] = field(default_factory=dict)


async def admit(
    redis: Redis,
    event_ids: Sequence[int],
    *,
    overbooking: float,
    may_park: bool,
    grace_seconds: int,
    pace: float = 1.0,
) -> dict[int, Admitted]:
    """Lets the next buyers of each event in, in one round trip: what happened, by event.

    `may_park` says whether it is known who is here, `pace` what part of each event's rate is let in. An event that
    cannot be asked is left out and stops no other.
    Raises RedisError when Redis does not answer.
    """
    calls: list[scripts.Call] = [
        (
            keys(event_id, *NAMES),
            [
                overbooking,
                MOST_AT_ONCE,
                live_channel(event_id),
                "1" if may_park else "0",
                grace_seconds * 1000,
                BUCKET_MS,
                bucket_prefixes(event_id)[0],
                pace,
                key(event_id, WAITS),
                GROWTH,
                BUCKETS,
                KEPT_SECONDS,
            ],
        )
        for event_id in event_ids
    ]
    results: dict[int, Admitted] = {}
    for event_id, answer in zip(event_ids, await scripts.run_each(redis, "admit", calls), strict=True):
        if isinstance(answer, NotReady | Restarted):
            continue  # whoever rebuilds it says so
        if isinstance(answer, Exception):
            log.error("event %s: nobody can be let in: %r", event_id, answer)
        else:
            admitted, lapsed, parked, more, *waits = answer
            counts = dict(zip(waits[::2], waits[1::2], strict=True))
            results[event_id] = Admitted(admitted, lapsed, parked, bool(more), counts)
    return results
