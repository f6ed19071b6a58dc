"""Who is here. Whoever is not when their turn comes is parked; nobody is, before all web processes can tell.

One bit a buyer and bucket of ten seconds, at the number in the queue (or the arrival in the lobby), so a million
buyers who are here cost half a megabyte. Redis's clock chooses the bucket.
"""

from collections.abc import Iterable, Sequence
from typing import cast

from redis.asyncio import Redis

from app.infra import scripts
from app.infra.keys import PRESENCE, key

BUCKET_MS = 10_000
BUCKETS_KEPT_SECONDS = 600  # longer than the longest grace period
SILENT_MS = 15_000  # a web process reports every 5 s: three were missed
FORGOTTEN_MS = 60_000
AT_ONCE = 2_000


def bucket_prefixes(event_id: int) -> tuple[str, str]:
    """What the keys of the presence buckets begin with: the queue's, and the lobby's."""
    return key(event_id, "seen:"), key(event_id, "seen-lobby:")


async def mark_seen(redis: Redis, event_id: int, numbers: Iterable[int], arrivals: Iterable[int] = ()) -> None:
    """Notes in bulk that the buyers with these queue numbers, and with these arrivals in the lobby, are here."""
    for prefix, marks in zip(bucket_prefixes(event_id), (numbers, arrivals), strict=True):
        here = list(marks)
        for first in range(0, len(here), AT_ONCE):
            args: list[str | int] = [BUCKET_MS, BUCKETS_KEPT_SECONDS, prefix, *here[first : first + AT_ONCE]]
            await scripts.run(redis, "mark_seen", [key(event_id, "sale")], args)


async def report_presence(redis: Redis, process: str) -> None:
    """Says that this web process has just marked everybody who is here."""
    await scripts.run(redis, "presence", [PRESENCE], [process, SILENT_MS, FORGOTTEN_MS])


async def is_presence_known(redis: Redis, grace_seconds: int) -> bool:
    """Whether every web process has told who is here for a whole grace period, so that others may be parked."""
    seconds, microseconds = await redis.time()
    reports = cast(dict[str, str], await redis.hgetall(PRESENCE))
    spans = [(int(since), int(at)) for since, at in (text.split() for text in reports.values())]
    return all_told(spans, seconds * 1000 + microseconds // 1000, grace_seconds * 1000)


def all_told(spans: Sequence[tuple[int, int]], now_ms: int, grace_ms: int) -> bool:
    """The rule: each process has reported (since, at) for the grace period, and none is silent.

    A process that ended takes its sockets along, and their buyers need time to come back: it counts until it is
    forgotten.
    """
    known = [(since, at) for since, at in spans if now_ms - at <= FORGOTTEN_MS]
    return bool(known) and all(now_ms - at <= SILENT_MS and now_ms - since >= grace_ms for since, at in known)
