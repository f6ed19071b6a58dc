"""Looks once a second whether there is too much to do, and shuts the door to arrivals for as long as there is."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.sale.events import events_on_sale
from app.watch.pressure import Pressure, Reading, read_backlog

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
LOOKS_AT_THE_LOOP = 10  # in that time


@asynccontextmanager
async def watched_pressure(
    redis: Redis, pressure: Pressure, told: Callable[[Pressure], None]
) -> AsyncIterator[None]:
    """Keeps the pressure of this process as it is until the block ends; `told` hears of each look."""

    async def keep() -> None:
        backlog, oldest_ms = 0, 0.0
        was = (pressure.reasons, pressure.is_shut)
        while True:
            lag_ms = await _loop_lag_ms()
            with suppress(RedisError):  # what is known stays
                backlog, oldest_ms = await read_backlog(redis, await events_on_sale(redis))
            reading = Reading(lag_ms, backlog, oldest_ms)
            pressure.note(reading, time.monotonic())
            told(pressure)
            now = (pressure.reasons, pressure.is_shut)
            if now != was:
                how = f"{', '.join(sorted(pressure.reasons)) or 'nothing'} presses"
                log.warning("%s; arrivals %s: %s", how, "wait" if pressure.is_shut else "come in", reading)
            was = now

    task = asyncio.create_task(keep())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _loop_lag_ms() -> float:
    """How late the event loop was on average within about a second."""
    late = 0.0
    for _ in range(LOOKS_AT_THE_LOOP):
        began = time.monotonic()
        await asyncio.sleep(LOOK_SECONDS / LOOKS_AT_THE_LOOP)
        late += time.monotonic() - began - LOOK_SECONDS / LOOKS_AT_THE_LOOP
    return max(late, 0.0) * 1000 / LOOKS_AT_THE_LOOP
