"""What Redis has to remember: little of a buyer who waits, and room is kept for what is under way."""

from typing import Any, cast

import pytest

from app.orders.reservations import Refused
from app.sale import presence
from app.sale.waiting_room import WaitingRoomFull
from app.tokens import new_buyer
from tests.stack.room.world import World

BUYERS = 20_000
MOST_BYTES = 250  # once it was 525


def used(world: World) -> int:
    info = cast(dict[str, Any], world.run(cast(Any, world.redis.info("memory"))))
    return int(info["used_memory_dataset"])


@pytest.mark.parametrize("state", ["open", "scheduled"])
def test_a_buyer_who_waits_costs_little(world: World, state: str) -> None:
    world.open(state=state)
    world.join("first")
    before = used(world)
    world.crowd(new_buyer().id for _ in range(BUYERS))
    here = range(1, BUYERS + 1)
    arrivals = here if state == "scheduled" else ()
    world.run(presence.mark_seen(world.redis, world.event_id, () if arrivals else here, arrivals))
    each = (used(world) - before) / BUYERS
    print(f"{each:.0f} bytes a buyer")
    assert each < MOST_BYTES


def test_the_limit_counts_everybody_who_waits_wherever(world: World) -> None:
    """Once those who were parked did not count."""
    world.open(room=0)
    world.crowd(["b1", "b2", "b3"])
    world.amend(room=1)
    world.see(3)
    world.admit()
    assert (world.queue("parked"), world.queue("passes")) == (["b1", "b2"], ["b3"])
    assert not is_full(world, 3)
    assert is_full(world, 3)


def is_full(world: World, max_waiting: int) -> bool:
    try:
        world.join(new_buyer().id, max_waiting=max_waiting)
    except WaitingRoomFull:
        return True
    return False


def test_with_its_memory_full_redis_takes_nobody_in_and_brings_what_is_under_way_to_its_end(world: World) -> None:
    """Once not even a paid order could be settled."""
    world.open()
    world.crowd(["shopper", "waiting"])
    world.amend(room=1)
    world.admit(may_park=False)
    paid, lapsed = world.reserve("shopper"), world.reserve("shopper")
    world.run(cast(Any, world.redis.config_set("maxmemory", 1)))
    try:
        with pytest.raises(WaitingRoomFull):
            world.join("newcomer")
        with pytest.raises(Refused, match="BUSY"):
            world.reserve("shopper")
        world.settle(paid, "CONFIRMED")
        world.settle(lapsed, "EXPIRED")
        assert world.admit(may_park=False).admitted == 1
        assert world.set_state("paused") == "DONE"
        world.leave("waiting")
    finally:
        world.run(cast(Any, world.redis.config_set("maxmemory", 0)))
