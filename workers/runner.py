"""What every worker has in common: settings, logging, an orderly stop, a report, and trying again."""

import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from pathlib import Path

import uvloop
from redis.exceptions import RedisError

from app.infra.kafka import KafkaUnavailable
from app.infra.mysql import DatabaseUnavailable
from app.infra.redis import NotReady
from app.infra.traces import traced
from app.settings import BadSetting, Settings
from app.watch.logs import log_as
from app.watch.metrics import AWAY_TIMES, STEP_SECONDS
from app.watch.processes import calm_collector

log = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS = 5.0
LAST_SECONDS = 8.0  # for what is under way when it is asked to end; all of it may be done again

# A server is unavailable or not ready: the work is tried again. Anything else is a bug and ends the process.
AWAY = (RedisError, DatabaseUnavailable, KafkaUnavailable, NotReady)


class Stop:
    """Asked to stop? Workers look between two steps."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Asks the worker to end after what it is doing."""
        self._asked.set()

    @property
    def asked(self) -> bool:
        """Whether the worker should end."""
        return self._asked.is_set()

    async def wait(self) -> None:
        """Waits until the worker should end."""
        await self._asked.wait()

    async def within(self, seconds: float) -> bool:
        """Waits; returns True at once when the worker should end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.wait()
        return self.asked


async def every(seconds: float, step: Callable[[], Awaitable[bool | None]], stop: Stop) -> None:
    """Runs `step` again and again: at once when it returns True (there is more), else after `seconds`.

    While a server is unavailable it pauses, longer each time, and goes on when the server is back.
    """
    pause_seconds = 0.1
    name = getattr(step, "__qualname__", None) or type(step).__name__  # what partial() makes has no name
    took = STEP_SECONDS.labels(name.rpartition("<locals>.")[2])
    while not stop.asked:
        try:
            with took.time():
                more = await step()
            pause_seconds = 0.1
        except AWAY as error:
            AWAY_TIMES.labels(type(error).__name__).inc()
            log.warning("%s: %s; trying again in %.1f s", type(error).__name__, error, pause_seconds)
            await stop.within(pause_seconds)
            pause_seconds = min(pause_seconds * 2, LONGEST_PAUSE_SECONDS)
            continue
        if not more:
            await stop.within(seconds)


def run(work: Callable[[Settings, Stop], Awaitable[None]], needs: Collection[str] = ()) -> None:
    """Runs a worker until SIGTERM or Ctrl-C; exit code 2 for a bad setting. `needs`: see app/settings.py."""
    name = Path(sys.argv[0]).stem
    log_as("text", name)
    try:
        settings = Settings.from_environment(needs=needs)
    except BadSetting as error:
        log.error("%s", error)
        sys.exit(2)
    log_as(settings.log_format, name)
    calm_collector()
    with traced(name), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_stopped(work, settings))


async def _until_stopped(work: Callable[[Settings, Stop], Awaitable[None]], settings: Settings) -> None:
    stop = Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.ask)
    working = asyncio.ensure_future(work(settings, stop))
    asked = asyncio.create_task(stop.wait())
    await asyncio.wait({working, asked}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    await asyncio.wait({working}, timeout=LAST_SECONDS)
    if not working.done():  # it waits for a server that is unavailable
        log.warning("ends without what it was waiting for")
        working.cancel()
    with suppress(asyncio.CancelledError):
        await working
