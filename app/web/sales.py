"""The public facts of sales, made once a second for everybody: one look at Redis, one answer, its ETag."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Generic, TypeVar

import msgspec
from redis.asyncio import Redis
from starlette.requests import Request
from starlette.responses import Response

from app.infra.mysql import Database
from app.infra.redis import NotReady
from app.live.shapes import DrawFacts, EventFacts, EventList, event_facts
from app.sale.catalog import Event, public_state
from app.sale.events import list_events, read_sale
from app.sale.published import PublishedDraw, draw_state, published_draw
from app.units import iso
from app.web.http import Json
from app.web.kept import MOST_KEPT, Kept
from app.web.problems import invalid

MAX_EVENTS = 100
CACHEABLE = "public, max-age=1"

Facts = TypeVar("Facts", EventFacts, EventList, DrawFacts)


@dataclass(frozen=True)
class Made(Generic[Facts]):
    """Facts, and the answer that tells them."""

    facts: Facts
    body: bytes
    etag: str

    def answer(self, request: Request) -> Response:
        """The answer: without its body for somebody who has it already."""
        headers = {"ETag": self.etag, "Cache-Control": CACHEABLE}
        known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
        if self.etag in known or known == ["*"]:
            return Response(status_code=304, headers=headers)
        return Json(self.body, headers=headers)


class Sales:
    """Public facts, at most a second old."""

    def __init__(self, redis: Redis, database: Database) -> None:
        self._redis = redis
        self._database = database
        self._one: Kept[int, Made[EventFacts]] = Kept()
        self._lists: Kept[tuple[str, int], Made[EventList]] = Kept()
        self._draws: Kept[int, Made[DrawFacts]] = Kept()
        self._published: dict[int, PublishedDraw] = {}
        self.streams = 0  # lists of entrants that are on their way now

    async def one(self, event: Event) -> Made[EventFacts]:
        """The facts of one sale. Raises NotReady."""
        return await self._one.get(event.id, lambda: _made(self._read(event)))

    async def newest(self, most: int, cursor: str = "") -> Made[EventList]:
        """The facts of the sales that open last, `most` of them from the cursor on.

        One that is not ready does not hide the others. Raises Problem `invalid` for a cursor that is none.
        """
        before = read_cursor(cursor) if cursor else None
        return await self._lists.get((cursor, most), lambda: _made(self._read_list(most, before)))

    async def draw(self, event: Event) -> Made[DrawFacts]:
        """The facts of a sale's draw, as everybody is told them. Raises NotReady, DatabaseUnavailable."""
        return await self._draws.get(event.id, lambda: _made(self._read_draw(event)))

    async def published(self, event: Event) -> PublishedDraw | None:
        """The draw of a sale, once it is published: it never changes. Raises DatabaseUnavailable."""
        draw = self._published.get(event.id) or await published_draw(self._database, event.id)
        if draw:
            if len(self._published) >= MOST_KEPT:
                self._published.clear()
            self._published[event.id] = draw
        return draw

    async def _read_draw(self, event: Event) -> DrawFacts:
        draw = await self.published(event)
        if draw is None:
            state = "none" if event.purged else await draw_state(self._redis, event.id)
            return DrawFacts(commitment=event.draw_commitment, state=state)
        return DrawFacts(
            commitment=event.draw_commitment,
            state="published",
            secret=event.draw_secret,
            list_hash=draw.list_hash,
            entrants=draw.entrants,
            drawn_after=draw.drawn_after,
            published_at=iso(draw.published_at_ms),
        )

    async def _read(self, event: Event) -> EventFacts:
        state, stock, notice, message = await read_sale(self._redis, event)
        said = notice if state == "paused" else event.called_off_reason or None
        return event_facts(event, public_state(state, stock), stock, said, message or None)

    async def _read_list(self, most: int, before: tuple[int, int] | None) -> EventList:
        events = await list_events(self._database, most + 1, before)
        facts = []
        for event in events[:most]:
            with suppress(NotReady):
                facts.append((await self.one(event)).facts)
        last = events[most - 1] if len(events) > most else None
        return EventList(facts, cursor_after(last) if last else None)


def cursor_after(event: Event) -> str:
    """The cursor of what comes after this event in a list."""
    return urlsafe_b64encode(f"{event.opens_at_ms}.{event.id}".encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[int, int]:
    """When an event opens, in UTC ms, and its id, from a cursor. Raises Problem `invalid`."""
    try:
        opens_at_ms, event_id = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii").split(".")
        found = int(opens_at_ms), int(event_id)
    except ValueError:
        found = -1, -1
    if not (0 <= found[0] < 2**45 and 0 <= found[1] < 2**32):
        raise invalid("cursor: one from the `next` of an answer")
    return found


async def _made(making: Awaitable[Facts]) -> Made[Facts]:
    facts = await making
    body = msgspec.json.encode(facts)
    return Made(facts, body, f'"{sha256(body).hexdigest()[:20]}"')
