"""When there is too much to do: who then waits, by a pure rule, and what it is judged by.

The outermost wait first. Payments, callbacks, orders of those inside and the places of those in the queue go on
whatever happens; admission slows; and whoever arrives only now gets a tiny answer and comes back a little later.
Ten thousand people in one second are no overload, only a busy moment: it has to last.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec
from redis.asyncio import Redis

from app.infra.keys import key

Reason = Literal["loop", "books", "outbox"]

SLOW_AFTER_SECONDS = 2.0  # of too much before admission slows
SHUT_AFTER_SECONDS = 6.0  # before arrivals wait
SHUT_AGAIN_AFTER_SECONDS = 1.0  # where they did within the last minute
REMEMBERED_SECONDS = 60.0
CALM_AFTER_SECONDS = 2.0  # of little enough, before it is over
CALM_SHARE = 0.5  # of a limit: only below that it is little enough
FEW_ORDERS = 100  # on their way to the books; so few are no load, however long the books have not answered
LEAST_PACE = 1 / 16
SHUTTING: tuple[Reason, ...] = ("loop", "outbox")  # who arrives costs the books nothing


class Reading(msgspec.Struct, frozen=True):
    """How things are at a moment: how late the event loop is, and what is on its way to the books, since when."""

    loop_lag_ms: float = 0
    outbox: int = 0
    books_lag_ms: float = 0


class Limits(msgspec.Struct, frozen=True):
    """From where on it is too much."""

    loop_lag_ms: float
    outbox: int
    books_lag_ms: float

    def exceeded(self, reading: Reading, share: float = 1.0) -> set[Reason]:
        """What is above this share of its limit."""
        above: set[Reason] = set()
        if reading.loop_lag_ms > self.loop_lag_ms * share:
            above.add("loop")
        if reading.outbox > self.outbox * share:
            above.add("outbox")
        if reading.books_lag_ms > self.books_lag_ms * share and reading.outbox > min(FEW_ORDERS, self.outbox):
            above.add("books")
        return above


@dataclass
class Pressure:
    """What is too much for now, as one process has seen it. Times are of a monotonic clock, in seconds."""

    limits: Limits
    reasons: frozenset[Reason] = frozenset()  # admission slows
    is_shut: bool = False  # arrivals wait
    _above_since: dict[Reason, float] = field(default_factory=dict)
    _calm_since: dict[Reason, float] = field(default_factory=dict)
    _shut_until: float = float("-inf")

    def note(self, reading: Reading, now: float) -> None:
        """Takes one reading, about one a second."""
        above, below = self.limits.exceeded(reading), self.limits.exceeded(reading, CALM_SHARE)
        for reason in ("loop", "books", "outbox"):
            if reason in above:
                self._above_since.setdefault(reason, now)
            else:
                self._above_since.pop(reason, None)
            if reason in below:
                self._calm_since.pop(reason, None)
            else:
                self._calm_since.setdefault(reason, now)
        for reason, since in self._above_since.items():
            if now - since >= SLOW_AFTER_SECONDS:
                self.reasons |= {reason}
        for reason, since in self._calm_since.items():
            if now - since >= CALM_AFTER_SECONDS:
                self.reasons -= {reason}
        self._shut_or_open(now)

    def _shut_or_open(self, now: float) -> None:
        lately = now - self._shut_until < REMEMBERED_SECONDS
        after_seconds = SHUT_AGAIN_AFTER_SECONDS if lately else SHUT_AFTER_SECONDS
        lasting = {reason for reason, since in self._above_since.items() if now - since >= after_seconds}
        if shutting := lasting.intersection(SHUTTING):
            self.is_shut = True
            self.reasons |= shutting
        elif not self.reasons.intersection(SHUTTING):
            self.is_shut = False
        if self.is_shut:
            self._shut_until = now


def next_pace(pace: float, pressed: bool, seconds: float) -> float:
    """What part of an event's rate is let in, so many seconds later: half as much a second, or slowly more."""
    return max(pace * 0.5**seconds, LEAST_PACE) if pressed else min(pace * 2 ** (seconds / 2), 1.0)


async def read_backlog(redis: Redis, event_ids: Collection[int]) -> tuple[int, float]:
    """How many orders are on their way to the books, and for how many ms the oldest of them has been.

    Raises RedisError.
    """
    if not event_ids:
        return 0, 0.0
    async with redis.pipeline(transaction=False) as pipeline:
        pipeline.time()
        for event_id in event_ids:
            pipeline.xlen(key(event_id, "outbox"))
            pipeline.xrange(key(event_id, "outbox"), count=1)
        (seconds, microseconds), *answers = await pipeline.execute()
    oldest: Sequence[str] = [entries[0][0] for entries in answers[1::2] if entries]
    now_ms = seconds * 1000 + microseconds / 1000
    return sum(answers[::2]), max((now_ms - int(entry.split("-")[0]) for entry in oldest), default=0.0)
