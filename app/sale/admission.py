"""Admission: who comes in now. The rule itself is app/lua/admit.lua."""

from collections.abc import Sequence
from dataclasses import dataclass

from redis.asyncio import Redis

from app.infra import scripts
from app.infra.keys import keys, live_channel

MOST_AT_ONCE = 1_000


@dataclass(frozen=True)
class Admitted:
    """How many buyers of one event were let in, lost their pass, and were parked."""

    admitted: int
    lapsed: int
    parked: int


async def admit(redis: Redis, event_ids: Sequence[int], grace_seconds: int, overbooking: float) -> list[Admitted]:
    """Lets the next buyers of each event in, in one round trip; the results in the order of the events."""
    names = ("sale", "stock", "queue", "parked", "passes", "served", "seen", "bought")
    calls: list[scripts.Call] = [
        (keys(event_id, *names), [grace_seconds * 1000, overbooking, MOST_AT_ONCE, live_channel(event_id)])
        for event_id in event_ids
    ]
    return [Admitted(*answer) for answer in await scripts.run_many(redis, "admit", calls)]
