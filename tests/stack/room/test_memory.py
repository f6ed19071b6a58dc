"""What Redis has to remember: little of a buyer who waits, and room is kept for what is under way."""

from typing import Any, cast

import pytest

from app.orders.reservations import Refused
from app.sale import presence
from app.sale.waiting_room import WaitingRoomFull
from app.tokens import new_buyer
from tests.world.room import Room

BUYERS = 20_000
MOST_BYTES = 250  # once it was 525


def used(room: Room) -> int:
    info = cast(dict[str, Any], room.run(cast(Any, room.redis.info("memory"))))
    return int(info["used_memory_dataset"])


@pytest.mark.slow
@pytest.mark.parametrize("state", ["open", "scheduled"])
def test_a_buyer_who_waits_costs_little(room: Room, state: str) -> None:
    room.open(state=state)
    room.join("first")
    before = used(room)
    room.crowd(new_buyer().id for _ in range(BUYERS))
    here = range(1, BUYERS + 1)
    arrivals = here if state == "scheduled" else ()
    room.run(presence.mark_seen(room.redis, room.event_id, () if arrivals else here, arrivals))
    each = (used(room) - before) / BUYERS
    print(f"{each:.0f} bytes a buyer")
    assert each < MOST_BYTES


def test_the_limit_counts_everybody_who_waits_wherever(room: Room) -> None:
    """Once those who were parked did not count."""
    room.open(room=0)
    room.crowd(["b1", "b2", "b3"])
    room.amend(room=1)
    room.see(3)
    room.admit()
    assert (room.queue("parked"), room.queue("passes")) == (["b1", "b2"], ["b3"])
    assert not is_full(room, 3)
    assert is_full(room, 3)


def is_full(room: Room, max_waiting: int) -> bool:
    try:
        room.join(new_buyer().id, max_waiting=max_waiting)
    except WaitingRoomFull:
        return True
    return False


def test_with_its_memory_full_redis_takes_nobody_in_and_brings_what_is_under_way_to_its_end(room: Room) -> None:
    """Once not even a paid order could be settled."""
    room.open()
    room.crowd(["shopper", "waiting"])
    room.amend(room=1)
    room.admit(may_park=False)
    paid, lapsed = room.reserve("shopper"), room.reserve("shopper")
    room.run(cast(Any, room.redis.config_set("maxmemory", 1)))
    try:
        with pytest.raises(WaitingRoomFull):
            room.join("newcomer")
        with pytest.raises(Refused, match="BUSY"):
            room.reserve("shopper")
        room.settle(paid, "CONFIRMED")
        room.settle(lapsed, "EXPIRED")
        assert room.admit(may_park=False).admitted == 1
        assert room.set_state("paused") == "DONE"
        room.leave("waiting")
    finally:
        room.run(cast(Any, room.redis.config_set("maxmemory", 0)))
