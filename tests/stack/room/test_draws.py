"""The draw ends, whatever is asked for meanwhile, and nobody loses or gains by it."""

import asyncio
import itertools
from typing import Any

import pytest

from app.sale import draw
from app.sale.draw import draw_order, finish_draw
from tests.world.room import SECRET, Room

LOBBY = [f"b{n}" for n in range(20)]


@pytest.fixture
def drawing(room: Room) -> Room:
    """A lobby whose draw has begun."""
    room.open(state="scheduled")
    room.join(*LOBBY)
    assert room.begin_draw() == 0
    return room


def test_everybody_in_the_lobby_gets_the_number_that_was_drawn(drawing: Room) -> None:
    assert drawing.finish_draw(0) == (20, "open")
    assert drawing.queue() == draw_order(LOBBY, SECRET)
    places = [drawing.look(buyer) for buyer in draw_order(LOBBY, SECRET)]
    assert [place.number for place in places if place] == list(range(1, 21))
    assert drawing.queue("entrants") == [], "nothing is left of it"


def test_who_comes_during_the_draw_is_behind_all_of_them(drawing: Room) -> None:
    drawing.join("late")
    drawing.finish_draw(0)
    assert drawing.queue()[-1] == "late"


def test_closing_and_opening_again_during_the_draw_costs_nobody_a_place(drawing: Room) -> None:
    """Once it cost five of them their places."""
    assert drawing.set_state("closed") == "DONE"
    assert drawing.set_state("open") == "DONE"
    assert drawing.finish_draw(0) == (20, "open")
    assert drawing.queue() == draw_order(LOBBY, SECRET)


@pytest.mark.parametrize("state", ["closed", "paused"])
def test_what_is_asked_for_during_the_draw_happens_when_it_ends(drawing: Room, state: str) -> None:
    assert drawing.set_state(state, "Back soon") == "DONE"
    assert drawing.sale("state") == ["drawing"]
    assert drawing.finish_draw(0) == (20, state)
    assert drawing.sale("state", "notice", "after_draw") == [state, "Back soon", None]
    assert drawing.queue() == draw_order(LOBBY, SECRET)
    assert drawing.set_state("open") == "DONE"
    assert drawing.admit().admitted == 20


def test_who_leaves_during_the_draw_is_not_queued_again(drawing: Room) -> None:
    drawing.leave("b3")
    place = drawing.look("b3")
    assert place is None
    drawing.finish_draw(0)
    assert "b3" not in drawing.queue()
    assert [b for b in draw_order(LOBBY, SECRET) if b != "b3"] == drawing.queue(), "the others stay as drawn"


def test_who_leaves_during_the_draw_and_comes_back_has_to_stand_behind(drawing: Room) -> None:
    drawing.leave("b3")
    drawing.join("b3")
    drawing.finish_draw(0)
    assert drawing.queue()[-1] == "b3"
    assert len(drawing.queue()) == 20


def test_a_draw_that_was_interrupted_goes_on_to_the_same_end(
    drawing: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draw, "CHUNK", 3)
    place, placed = draw._place, itertools.count()

    async def place_some(*call: Any) -> str:
        if next(placed) == 3:
            raise ConnectionError("Redis went away")
        return await place(*call)

    monkeypatch.setattr(draw, "_place", place_some)
    with pytest.raises(ConnectionError):
        drawing.finish_draw(0)
    assert len(drawing.queue()) == 9
    assert drawing.sale("state") == ["drawing"]
    drawing.leave("b3")
    assert drawing.begin_draw() == 0
    assert drawing.finish_draw(0)[1] == "open"
    assert drawing.queue() == [buyer for buyer in draw_order(LOBBY, SECRET) if buyer != "b3"]


def test_two_workers_that_draw_at_once_come_to_one_end(drawing: Room) -> None:
    async def both() -> list[tuple[int, str]]:
        draws = (finish_draw(drawing.redis, drawing.event_id, SECRET, 0) for _ in range(2))
        return list(await asyncio.gather(*draws))

    assert {state for _, state in drawing.run(both())} <= {"open", "STALE"}
    assert drawing.queue() == draw_order(LOBBY, SECRET)
    assert drawing.begin_draw() is None


def test_an_empty_lobby_is_drawn_in_no_time(room: Room) -> None:
    room.open(state="scheduled")
    assert room.begin_draw() == 0
    assert room.finish_draw(0) == (0, "open")
    assert [place.number for place in room.join("first")] == [1]


def test_who_was_seen_in_the_lobby_is_not_parked_and_who_was_not_is(room: Room) -> None:
    room.open(state="scheduled")
    room.crowd(LOBBY)
    for buyer in LOBBY[:10]:
        room.look(buyer)
    drawn_after = room.begin_draw()
    assert drawn_after is not None
    room.finish_draw(drawn_after)
    result = room.admit()
    assert (result.admitted, result.parked) == (10, 10)
    assert set(room.queue("passes")) == set(LOBBY[:10])


def test_a_lobby_of_thousands_is_drawn_in_pages_as_if_in_one(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draw, "PAGE", 7)
    lobby = [f"c{n}" for n in range(3_000)]
    room.open(state="scheduled")
    room.crowd(lobby)
    assert room.begin_draw() == 0
    room.finish_draw(0)
    assert room.queue() == draw_order(lobby, SECRET)
