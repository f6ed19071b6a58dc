"""The events of this process's requests: read from the books rarely, and never waited for long.

With MySQL hung every call of the waiting room would hang with it, though what it needs of an event hardly changes.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from app.infra.mysql import DatabaseUnavailable
from app.sale.catalog import Event
from app.sale.events import UnknownEvent

log = logging.getLogger(__name__)

FRESH_SECONDS = 5.0  # read again behind the answer after this long
OLD_SECONDS = 60.0  # worth a short wait: nobody has asked for a while
OLD_WAIT_SECONDS = 0.3
UNKNOWN_SECONDS = 2.0  # an event that is not there may be created in the next moment
LOOKUP_SECONDS = 2.0
MOST_LOOKUPS = 4  # at once; strangers who ask for what does not exist must not take every connection
MOST_KEPT = 1_000

Name = str | int  # slug or id


class Events:
    """Events by slug and by id. `find` reads one from the books and raises UnknownEvent or DatabaseUnavailable."""

    def __init__(self, find: Callable[[Name], Awaitable[Event]]) -> None:
        self._find = find
        self._known: dict[Name, tuple[Event, float]] = {}  # and when it was read
        self._unknown: dict[Name, float] = {}  # names without an event, and when that was so
        self._lookups: dict[Name, asyncio.Task[Event]] = {}
        self._slots = asyncio.Semaphore(MOST_LOOKUPS)

    async def get(self, name: Name) -> Event:
        """The event with this slug or id, as it was some seconds ago, or older while MySQL does not answer.

        Raises UnknownEvent, or DatabaseUnavailable when it was never read and cannot be read in time.
        """
        now = time.monotonic()
        if name not in self._known:
            if now - self._unknown.get(name, -UNKNOWN_SECONDS) < UNKNOWN_SECONDS:
                raise UnknownEvent(name)
            return await asyncio.shield(self._look_up(name))
        event, read_at = self._known[name]
        if now - read_at > FRESH_SECONDS or read_at < 0:
            lookup = self._look_up(name)
            if now - read_at > OLD_SECONDS or read_at < 0:
                await asyncio.wait([lookup], timeout=OLD_WAIT_SECONDS)
                event = self._known.get(name, (event, 0))[0]
        return event

    async def refresh(self, name: Name) -> None:
        """Reads the event again now, after it was changed here."""
        if under_way := self._lookups.get(name):
            await asyncio.wait([under_way])  # it may have read what was there before
        with suppress(UnknownEvent, DatabaseUnavailable):
            await asyncio.shield(self._look_up(name))

    def outdate(self, event_id: int) -> None:
        """Whoever asks for this event next has it read again: it was changed, by whichever process."""
        for name, (event, _) in self._known.items():
            if event.id == event_id:
                self._known[name] = event, -OLD_SECONDS

    def close(self) -> None:
        """Ends the look-ups under way."""
        for lookup in self._lookups.values():
            lookup.cancel()

    def _look_up(self, name: Name) -> asyncio.Task[Event]:
        """The look-up of a name: one at a time, however many wait for it."""
        lookup = self._lookups.get(name)
        if lookup is None:
            lookup = self._lookups[name] = asyncio.create_task(self._read(name))
            lookup.add_done_callback(lambda done: self._end(name, done))
        return lookup

    def _end(self, name: Name, lookup: asyncio.Task[Event]) -> None:
        if self._lookups.get(name) is lookup:
            del self._lookups[name]
        if not lookup.cancelled():
            error = lookup.exception()  # looked at here, as nobody may be waiting for it
            if error is not None and not isinstance(error, UnknownEvent | DatabaseUnavailable):
                log.error("event %s cannot be read", name, exc_info=error)

    async def _read(self, name: Name) -> Event:
        try:
            async with asyncio.timeout(LOOKUP_SECONDS), self._slots:
                event = await self._find(name)
        except UnknownEvent:
            if len(self._unknown) >= MOST_KEPT:
                self._unknown.clear()
            self._unknown[name] = time.monotonic()
            self._known.pop(name, None)
            raise
        except (DatabaseUnavailable, TimeoutError) as error:
            if name in self._known:  # asked again in a while, not with every request
                self._known[name] = self._known[name][0], time.monotonic()
            raise DatabaseUnavailable(str(error) or "the event could not be read in time") from error
        if len(self._known) >= MOST_KEPT:
            self._known.clear()
        self._known[name] = event, time.monotonic()
        return event
