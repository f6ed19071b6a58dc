"""What each process reports about itself, so that the dashboard, `status` and `verify` can tell."""

import asyncio
import gc
import os
import resource
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from typing import cast

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.ids import instance
from app.infra import scripts
from app.infra.keys import FIGURES, HEARTBEAT, PROCESSES
from app.infra.mysql import Database
from app.units import now_ms
from app.watch.metrics import WorkerFigures
from app.watch.metrics import figures as own_figures
from app.watch.pressure import Reason

REPORT_SECONDS = 2.0
STALE_MS = 10_000
KEPT_SECONDS = 5.0  # longer than what is left to do at rest takes
FORGOTTEN_MS = 120_000
YOUNG_OBJECTS = 50_000  # made before the collector looks


class Load(msgspec.Struct, frozen=True):
    """What is too much for a process, if anything, and what it does about it: see app/watch/pressure.py."""

    pressed_by: tuple[Reason, ...] = ()
    is_shut: bool = False  # arrivals wait
    pace: float = 1.0  # of admission: what part of each event's rate it lets in


class Report(msgspec.Struct, frozen=True):
    """One process, as it said of itself at `at_ms`."""

    name: str
    pid: int
    at_ms: int
    open_files: int
    borrowed: int  # database connections that have been in use for KEPT_SECONDS
    sockets: int
    instance: str = ""  # host and a random part: the same for as long as the process lives, and nobody else's
    since_ms: int = 0  # its first report
    load: Load = Load()

    @property
    def host(self) -> str:
        """The host it runs on."""
        return self.instance.rpartition("-")[0]

    @property
    def age_ms(self) -> int:
        """How old the report is."""
        return now_ms() - self.at_ms

    @property
    def ok(self) -> bool:
        """Whether the process reported lately."""
        return self.age_ms < STALE_MS


def calm_collector() -> None:
    """Has the garbage collector leave alone what is there now, and look at the rest less often.

    Requests and facts hardly leave cycles behind, and a full look takes longer the more there is.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


def _open_files() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:  # not even one more for looking: all that may be open are
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


@asynccontextmanager
async def reporting(
    redis: Redis,
    name: str,
    database: Database | None = None,
    sockets: Callable[[], int] = lambda: 0,
    load: Callable[[], Load] = Load,
    figures: Callable[[], bytes] = own_figures,
) -> AsyncIterator[None]:
    """Reports every few seconds, until the block ends. A report is also the heartbeat of the live channels.

    `figures` are those for Prometheus; none where they are told in another way.
    """
    field, since_ms = f"{name}:{instance()}", now_ms()

    async def keep_reporting() -> None:
        while True:
            open_files = _open_files()
            borrowed = database.kept(KEPT_SECONDS) if database else 0
            report = Report(
                name, os.getpid(), now_ms(), open_files, borrowed, sockets(), instance(), since_ms, load()
            )
            with suppress(RedisError):  # the next one will tell
                said = msgspec.json.encode(report).decode()
                await scripts.run(redis, "report", [PROCESSES], [field, said, HEARTBEAT])
                if told := figures():
                    await redis.hset(FIGURES, field, told)
            await asyncio.sleep(REPORT_SECONDS)

    task = asyncio.create_task(keep_reporting())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        with suppress(RedisError):
            await redis.hdel(PROCESSES, field)
            await redis.hdel(FIGURES, field)


async def reports(redis: Redis) -> list[Report]:
    """The reports of all processes, by name; those silent for long are forgotten, those replaced are left out."""
    there = without_replaced(await all_reports(redis))
    return sorted(there, key=lambda report: (report.name, report.instance))


async def all_reports(redis: Redis) -> list[Report]:
    """The same with those that were replaced, in no order."""
    entries = cast(dict[str, str], await redis.hgetall(PROCESSES))
    found = {field: msgspec.json.decode(text, type=Report) for field, text in entries.items()}
    gone = [field for field, report in found.items() if report.age_ms > FORGOTTEN_MS]
    if gone:
        await redis.hdel(PROCESSES, *gone)
        await redis.hdel(FIGURES, *gone)
    return [report for field, report in found.items() if field not in gone]


async def figures_of_workers(redis: Redis) -> list[WorkerFigures]:
    """What each worker that lives says of itself. Raises RedisError."""
    living = {f"{report.name}:{report.instance}": report for report in await reports(redis)}
    told = cast(dict[str, str], await redis.hgetall(FIGURES))
    return [
        WorkerFigures(living[field].name, living[field].instance, text.encode())
        for field, text in sorted(told.items())
        if field in living
    ]


def without_replaced(found: Sequence[Report]) -> list[Report]:
    """Those that nobody stands in for."""
    replaced = [earlier for earlier, _ in replacements(found)]
    return [report for report in sorted(found, key=lambda report: report.at_ms) if report not in replaced]


def replacements(found: Collection[Report]) -> list[tuple[Report, Report]]:
    """Whom another one stands in for, and who: it was started on the same host after a process's last word.

    Each stands in for one only, so of two that died and one that was started again, one is still missed.
    """
    there = sorted(found, key=lambda report: report.at_ms)
    pairs = []
    for report in sorted(found, key=lambda report: report.since_ms):
        for earlier in there:
            if (earlier.host, earlier.name) == (report.host, report.name) and earlier.at_ms < report.since_ms:
                there.remove(earlier)
                pairs.append((earlier, report))
                break
    return pairs
