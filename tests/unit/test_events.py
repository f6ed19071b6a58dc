"""The events that a web process knows: read rarely, by one at a time, and never waited for when known."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from app.infra.mysql import DatabaseUnavailable
from app.sale.catalog import Event
from app.sale.events import UnknownEvent
from app.web import events as known_events
from app.web.events import Events, Name

CONCERT = Event(7, "night", "Night", "USD", "open", None, "#7c3aed", 0, 600, 50, 60, 60, 4, "00", ())


class Books:
    """What `Events` reads: it answers, says there is none, or hangs."""

    def __init__(self) -> None:
        self.asked: list[Name] = []
        self.answers = asyncio.Event()
        self.answers.set()
        self.has: dict[Name, Event] = {"night": CONCERT}

    async def find(self, name: Name) -> Event:
        self.asked.append(name)
        await self.answers.wait()
        if name not in self.has:
            raise UnknownEvent(name)
        return self.has[name]


def run(story: Callable[[Books, Events], Awaitable[None]]) -> None:
    async def play() -> None:
        books = Books()
        events = Events(books.find)
        try:
            await story(books, events)
        finally:
            events.close()

    asyncio.run(play())


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FRESH_SECONDS", "UNKNOWN_SECONDS"):
        monkeypatch.setattr(known_events, name, 0.05)
    monkeypatch.setattr(known_events, "LOOKUP_SECONDS", 0.2)


def test_an_event_is_read_once_however_many_ask() -> None:
    async def story(books: Books, events: Events) -> None:
        books.answers.clear()
        asking = [asyncio.create_task(events.get("night")) for _ in range(50)]
        await asyncio.sleep(0)
        books.answers.set()
        assert await asyncio.gather(*asking) == [CONCERT] * 50
        assert await events.get("night") == CONCERT
        assert books.asked == ["night"]

    run(story)


def test_a_stale_event_is_served_at_once_and_read_again_behind() -> None:
    async def story(books: Books, events: Events) -> None:
        await events.get("night")
        await asyncio.sleep(0.06)
        books.answers.clear()  # the books hang
        books.has["night"] = replace(CONCERT, state="paused")
        with pytest.raises(StopIteration) as served:
            events.get("night").send(None)  # it ends in its first step: nothing is awaited
        assert served.value.value.state == "open"
        books.answers.set()
        await asyncio.sleep(0.01)
        assert (await events.get("night")).state == "paused"
        assert len(books.asked) == 2

    run(story)


def test_a_first_look_up_has_a_time_limit_of_its_own() -> None:
    async def story(books: Books, events: Events) -> None:
        books.answers.clear()
        with pytest.raises(DatabaseUnavailable):
            await events.get("night")
        books.answers.set()
        assert await events.get("night") == CONCERT, "it is tried again"

    run(story)


def test_a_slug_that_is_not_there_is_remembered_for_a_moment() -> None:
    async def story(books: Books, events: Events) -> None:
        for _ in range(20):
            with pytest.raises(UnknownEvent):
                await events.get("nothing")
        assert books.asked == ["nothing"]
        await asyncio.sleep(0.06)
        books.has["nothing"] = CONCERT
        assert await events.get("nothing") == CONCERT, "it may have been created since"

    run(story)


def test_strangers_who_ask_for_what_is_not_there_push_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_events, "MOST_KEPT", 10)
    monkeypatch.setattr(known_events, "FRESH_SECONDS", 60)

    async def story(books: Books, events: Events) -> None:
        await events.get("night")
        for number in range(100):
            with pytest.raises(UnknownEvent):
                await events.get(f"nothing-{number}")
        books.asked.clear()
        assert await events.get("night") == CONCERT
        assert books.asked == []
        assert len(events._unknown) <= 10

    run(story)


def test_look_ups_that_hang_do_not_take_every_connection() -> None:
    async def story(books: Books, events: Events) -> None:
        books.answers.clear()
        asking = [asyncio.create_task(events.get(f"slug-{number}")) for number in range(30)]
        await asyncio.sleep(0.05)
        assert len(books.asked) == known_events.MOST_LOOKUPS
        answers = await asyncio.gather(*asking, return_exceptions=True)
        assert all(isinstance(answer, DatabaseUnavailable) for answer in answers)

    run(story)


def test_what_was_changed_here_is_read_again_now() -> None:
    async def story(books: Books, events: Events) -> None:
        await events.get("night")
        books.has["night"] = replace(CONCERT, state="closed")
        await events.refresh("night")
        assert (await events.get("night")).state == "closed"

    run(story)
