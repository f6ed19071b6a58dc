"""What the web process has at hand for every request."""

import time
from dataclasses import dataclass, field

from redis.asyncio import Redis
from starlette.requests import HTTPConnection

from app.infra.kafka import Producer
from app.infra.mysql import Database, DatabaseUnavailable
from app.live.hub import Hub
from app.payments.providers import Providers
from app.sale.catalog import Event
from app.sale.events import UnknownEvent, event_by_id, find_event
from app.settings import Settings
from app.tokens import Tokens

EVENT_FRESH_SECONDS = 5.0
MOST_CACHED = 1_000


@dataclass
class Services:
    """Opened in main.py when the process starts, closed when it ends."""

    settings: Settings
    redis: Redis
    database: Database
    producer: Producer
    providers: Providers
    hub: Hub
    tokens: Tokens
    _events: dict[str, tuple[float, Event]] = field(default_factory=dict)
    _names: dict[int, Event] = field(default_factory=dict)

    async def event(self, slug: str) -> Event:
        """The event with this slug, a few seconds old at most, or older while MySQL is away. Raises UnknownEvent.

        Its state is as in the books; Redis knows the state that counts.
        """
        cached = self._events.get(slug)
        if cached and time.monotonic() - cached[0] < EVENT_FRESH_SECONDS:
            return cached[1]
        try:
            event = await find_event(self.database, slug)
        except DatabaseUnavailable:
            if cached:
                return cached[1]
            raise
        except UnknownEvent:
            self._events.pop(slug, None)
            raise
        if len(self._events) >= MOST_CACHED:
            self._events.clear()
        self._events[slug] = (time.monotonic(), event)
        return event

    async def event_by_id(self, event_id: int) -> Event:
        """The event with this id, as it was first read: good for what it and its skus are called.

        Raises UnknownEvent.
        """
        if event_id not in self._names:
            if len(self._names) >= MOST_CACHED:
                self._names.clear()
            known = (event for _, event in self._events.values() if event.id == event_id)
            self._names[event_id] = next(known, None) or await event_by_id(self.database, event_id)
        return self._names[event_id]

    def forget(self, slug: str) -> None:
        """Reads the event again next time."""
        self._events.pop(slug, None)


def services_of(connection: HTTPConnection) -> Services:
    """The services of the process that serves this request."""
    services: Services = connection.app.state.services
    return services
