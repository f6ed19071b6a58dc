"""What admission measures is what times are told from."""

import pytest

from app.sale.pace import chance, eta_seconds
from tests.world.room import Room, at


def test_times_come_from_what_was_measured_not_from_what_is_allowed(room: Room) -> None:
    """Once a full room was told as "under a minute" for seven minutes."""
    room.open(room=2, rate_per_minute=600)
    room.join(*(f"b{n}" for n in range(10)))
    assert room.admit().admitted == 2
    place = at(room.look("b9"))
    assert (place.pace.minute_admitted, place.pace.five_admitted, place.pace.free_seats) == (2, 2, 0)
    eta = eta_seconds(place.position, place.pace)
    assert eta is not None
    assert eta[1] > 4 * 300, "eight buyers wait for the seats of two, for 300 s each"


def test_after_minutes_without_anybody_no_time_is_told(room: Room) -> None:
    room.open(room=0, rate_per_minute=600)
    room.join("b1")
    room.amend(measured_since_ms=room.now_ms() - 400_000)
    room.admit()
    place = at(room.look("b1"))
    assert (place.pace.five_admitted, place.pace.five_ms > 290_000) == (0, True)
    assert eta_seconds(place.position, place.pace) is None


@pytest.mark.parametrize("state", ["paused", "closed"])
def test_no_time_is_told_while_the_sale_stands_still(room: Room, state: str) -> None:
    room.open(room=5)
    room.join("b1", "b2")
    room.admit(may_park=False)
    room.join("b3")
    room.admit(may_park=False)
    room.set_state(state)
    assert eta_seconds(0, at(room.look("b3")).pace) is None


def test_a_new_opening_measures_anew(room: Room) -> None:
    room.open(room=2)
    room.join("b1", "b2", "b3")
    room.admit()
    room.set_state("paused")
    room.set_state("open")
    room.admit()
    assert at(room.look("b3")).pace.five_admitted == 0


def test_who_stands_behind_more_buyers_than_there_are_tickets_is_told(room: Room) -> None:
    room.open(room=1, capacity=3)
    room.join(*(f"b{n}" for n in range(5)))
    room.admit()
    chances = [chance(place.position, place.pace) for place in (at(room.look(f"b{n}")) for n in range(1, 5))]
    assert chances == ["good", "good", "good", "unlikely"]
