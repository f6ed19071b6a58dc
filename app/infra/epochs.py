"""Which epoch each event is in, as far as this process knows.

The books keep an event's epoch, and a rebuild of its data in Redis begins with raising it. Scripts are told the
epoch that the caller knows, and refuse in a Redis that is behind it: an old copy, or the loser of a fail-over.
What a process knows only grows, and is refreshed in the background: no decision waits for MySQL, and while that
is unavailable the last known epoch stands.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from app.infra.mysql import Database, DatabaseUnavailable

log = logging.getLogger(__name__)

REFRESH_SECONDS = 1.0
FIRST_SECONDS = 2.0  # how long a process waits for the books before it starts without them

_known: dict[int, int] = {}


def epoch_of(event_id: int) -> int:
    """The epoch of an event that this process knows of; 0 for none."""
    return _known.get(event_id, 0)


def learn(event_id: int, epoch: int) -> None:
    """Notes an epoch that was read in the books."""
    if epoch > 1 and epoch > _known.get(event_id, 0):  # the first one goes without saying
        _known[event_id] = epoch


@asynccontextmanager
async def refreshed_epochs(database: Database) -> AsyncIterator[None]:
    """Keeps this process's knowledge of epochs at most a second or two old, until the block ends."""
    first = asyncio.Event()

    async def keep() -> None:
        while True:
            try:
                await _refresh(database)
                first.set()
            except DatabaseUnavailable as error:
                log.warning("epochs cannot be read, the last known ones stand: %s", error)
            await asyncio.sleep(REFRESH_SECONDS)

    task = asyncio.create_task(keep())
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_SECONDS):
                await first.wait()
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _refresh(database: Database) -> None:
    for row in await database.fetch_all("SELECT id, epoch FROM events WHERE epoch > 1"):
        learn(row["id"], row["epoch"])
