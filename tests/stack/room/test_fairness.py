"""Whatever buyers do and in whatever order: nobody who is here is overtaken by a larger number.

A model of a few lines says who must come in, who is parked and who waits; the scripts must agree after every step.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.orders.reservations import Hold
from app.sale.draw import draw_order
from tests.world.room import SECRET, Room

BUYERS = [f"buyer{n}" for n in range(8)]
buyers = st.sampled_from(BUYERS)


class RoomAndModel(RuleBasedStateMachine):
    """The scripts beside their model."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.real = Room(url)
        self.number = 0
        self.lobby: set[str] = set()
        self.queue: dict[str, int] = {}
        self.parked: dict[str, int] = {}
        self.passes: set[str] = set()
        self.ending: set[str] = set()  # passes whose end has come and was not noticed yet
        self.served: set[str] = set()
        self.came_in: dict[str, int] = {}
        self.here: set[str] = set()
        self.holds: dict[str, list[Hold]] = {}
        self.bought: dict[str, int] = {}

    def teardown(self) -> None:
        with self.real:
            pass

    @initialize(scheduled=st.booleans())
    def create(self, scheduled: bool) -> None:
        self.scheduled = scheduled
        self.real.open(state="scheduled" if scheduled else "open", max_per_buyer=1_000)

    def is_known(self, buyer: str) -> bool:
        rooms = (self.lobby, self.queue, self.parked, self.passes - self.ending, self.served)
        return any(buyer in room for room in rooms)

    @rule(buyer=buyers)
    def join(self, buyer: str) -> None:
        if not self.is_known(buyer):
            self.passes.discard(buyer)
            self.ending.discard(buyer)
            if self.scheduled:
                self.lobby.add(buyer)
            else:
                self.number += 1
                self.queue[buyer] = self.number
        place = self.real.join(buyer)[0]
        self.return_of(buyer)
        assert place.status in ("lobby", "waiting", "admitted")

    def return_of(self, buyer: str) -> None:
        self.here.add(buyer)
        if buyer in self.parked:
            self.queue[buyer] = self.parked.pop(buyer)

    @rule(buyer=buyers)
    def look(self, buyer: str) -> None:
        place = self.real.look(buyer)
        if place is None:
            assert not self.is_known(buyer)
            assert buyer not in self.came_in
            return
        self.return_of(buyer)
        if place.status == "waiting":
            assert place.number == self.queue[buyer]
            assert place.position == sum(number < place.number for number in self.queue.values())
        elif place.status == "admitted":
            assert buyer in (self.passes - self.ending) | self.served
            assert place.number == self.came_in[buyer]
        elif place.status == "lapsed":
            assert not self.is_known(buyer)
            assert place.number == self.came_in[buyer]

    @rule(buyer=buyers)
    def go_away(self, buyer: str) -> None:
        """So long that nobody has seen them for the grace period."""
        self.here.discard(buyer)
        self.real.forget_seen()
        for other in self.here:
            if number := self.queue.get(other):
                self.real.see(number)
            elif other in self.lobby:
                self.real.look(other)

    @rule(buyer=buyers)
    def leave(self, buyer: str) -> None:
        self.real.leave(buyer)
        for room in (self.lobby, self.passes, self.ending, self.served, self.here):
            room.discard(buyer)
        for numbers in (self.queue, self.parked, self.came_in):
            numbers.pop(buyer, None)

    @precondition(lambda self: self.scheduled)
    @rule(leaver=buyers, late=buyers)
    def draw(self, leaver: str, late: str) -> None:
        self.real.amend(opens_at_ms=1)
        drawn_after = self.real.begin_draw()
        assert drawn_after == 0
        order = draw_order(sorted(self.lobby), SECRET)
        self.number = len(order)
        self.scheduled = False
        self.queue = {buyer: number for number, buyer in enumerate(order, 1)}
        self.lobby = set()
        was_in_it = leaver in self.queue
        self.leave(leaver)
        if was_in_it and leaver == late:
            assert not self.is_known(leaver)
        if not self.is_known(late):
            self.number += 1
            self.queue[late] = self.number
        self.real.join(late)
        self.here.add(late)
        assert self.real.finish_draw(0)[1] == "open"

    @rule(seats=st.integers(0, 3), may_park=st.booleans())
    def admit(self, seats: int, may_park: bool) -> None:
        self.came_to_end()
        self.real.amend(room=len(self.passes) + seats)
        self.real.admit(may_park=may_park)
        if self.scheduled:
            return
        overtaken_at = []
        for buyer, number in sorted(self.queue.items(), key=lambda item: item[1]):
            if not seats:
                break
            del self.queue[buyer]
            if may_park and buyer not in self.here:
                self.parked[buyer] = number
            else:
                seats -= 1
                self.passes.add(buyer)
                self.came_in[buyer] = number
                overtaken_at.append(number)
        waiting_here = [number for buyer, number in self.queue.items() if buyer in self.here]
        assert not waiting_here or not overtaken_at or max(overtaken_at) < min(waiting_here)

    def came_to_end(self) -> None:
        self.passes -= self.ending
        self.ending = set()

    @rule(buyer=buyers)
    def pass_ends(self, buyer: str) -> None:
        if buyer in self.passes:
            self.ending.add(buyer)
            self.real.run(_set_end(self.real, buyer))

    @rule(buyer=buyers)
    def reserve(self, buyer: str) -> None:
        if buyer in (self.passes - self.ending) | self.served and not self.scheduled:
            self.holds.setdefault(buyer, []).append(self.real.reserve(buyer))
            self.bought[buyer] = self.bought.get(buyer, 0) + 1

    @rule(buyer=buyers, pays=st.booleans())
    def settle(self, buyer: str, pays: bool) -> None:
        if self.holds.get(buyer):
            self.real.settle(self.holds[buyer].pop(), "CONFIRMED" if pays else "EXPIRED")
            if not pays:
                self.bought[buyer] -= 1
            elif buyer in self.passes:
                self.passes.discard(buyer)
                if buyer in self.ending:
                    self.ending.discard(buyer)
                else:
                    self.served.add(buyer)

    @precondition(lambda self: not self.scheduled)
    @rule()
    def pause(self) -> None:
        """Nothing moves meanwhile."""
        assert self.real.set_state("paused") == "DONE"
        result = self.real.admit()
        assert (result.admitted, result.lapsed, result.parked) == (0, 0, 0)
        assert self.real.set_state("open") == "DONE"

    @invariant()
    def the_scripts_agree(self) -> None:
        assert self.real.queue() == sorted(self.queue, key=self.queue.__getitem__)
        assert self.real.queue("parked") == sorted(self.parked, key=self.parked.__getitem__)
        assert set(self.real.queue("lobby")) == self.lobby
        assert set(self.real.queue("passes")) == self.passes
        idle = {buyer for buyer in self.passes if not self.bought.get(buyer)}
        assert self.real.idle() == idle, "who has a pass and holds nothing"


async def _set_end(room: Room, buyer: str) -> Any:
    return await room.redis.zadd(room.key("passes"), {buyer: 1})


def machine(url: str) -> Callable[[], RoomAndModel]:
    return lambda: RoomAndModel(url)


@pytest.mark.slow
def test_nobody_who_is_here_is_overtaken_by_a_larger_number(redis_url: str) -> None:
    run_state_machine_as_test(
        machine(redis_url),  # type: ignore[arg-type]  # anything that makes one
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
