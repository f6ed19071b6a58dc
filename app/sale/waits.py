"""How long those who were let in had waited: pure, nothing here talks to the outside.

admit.lua counts each of them in one of some buckets, which are half as long again one after the other.
"""

from collections.abc import Mapping
from math import ceil

from app.units import MINUTE_MS

WAITS = "waits:"  # what the names of the keys begin with, one a minute
GROWTH = 1.5
BUCKETS = 30  # the last one is everything above a day and a half
MINUTES = 5  # that are told of
KEPT_SECONDS = 600


def longest_seconds(bucket: int) -> int:
    """The longest wait that is counted in a bucket."""
    return ceil(GROWTH**bucket)


def waited_seconds(counts: Mapping[int, int], share: float) -> int | None:
    """How long this share of them had waited at most; None where nobody was counted."""
    left = sum(counts.values()) * share
    for bucket in sorted(counts):
        left -= counts[bucket]
        if left <= 0:
            return longest_seconds(bucket)
    return None


def add_up(minutes: list[Mapping[str, str]]) -> dict[int, int]:
    """The counts of some minutes together, as Redis has them: bucket -> how many."""
    together: dict[int, int] = {}
    for minute in minutes:
        for bucket, count in minute.items():
            together[int(bucket)] = together.get(int(bucket), 0) + int(count)
    return together


def minutes_of(now_ms: int) -> list[int]:
    """The minutes that are told of, as their keys are named."""
    return [now_ms // MINUTE_MS - back for back in range(MINUTES)]
