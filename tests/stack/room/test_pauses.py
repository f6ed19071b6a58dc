"""A pause takes nobody's time: what was left of a pass or a hold is left when it ends."""

import pytest

from app.orders.reservations import Refused
from app.sale.catalog import end_after_pauses
from tests.world.room import Room, at

AWHILE = 600  # seconds, longer than any pass or hold here
MS = 1_000


@pytest.fixture
def shopping(room: Room) -> Room:
    """A buyer with a pass and another one with a hold."""
    room.open()
    room.crowd(["shopper", "holder"])
    assert room.admit(may_park=False).admitted == 2
    return room


def test_a_pass_has_as_much_time_left_as_before(shopping: Room) -> None:
    before = at(shopping.look("shopper"))
    shopping.set_state("paused")
    shopping.paused_for(AWHILE)
    shopping.admit()
    during = at(shopping.look("shopper"))
    assert during.status == "admitted"
    assert during.expires_at_ms - shopping.now_ms() == pytest.approx(300 * MS, abs=5_000)
    shopping.set_state("open")
    assert shopping.admit().lapsed == 0
    after = at(shopping.look("shopper"))
    assert after.status == "admitted"
    assert after.expires_at_ms == pytest.approx(before.expires_at_ms, abs=5_000)
    shopping.reserve("shopper")


def test_a_hold_does_not_lapse_during_a_pause_and_ends_later_by_it(shopping: Room) -> None:
    shopping.reserve("holder")
    shopping.set_state("paused")
    shopping.paused_for(AWHILE)
    assert shopping.due() == []
    shopping.set_state("open")
    assert shopping.due() == [], "as much is left as before"


def test_a_hold_that_ended_before_the_pause_lapses_after_it_and_says_an_end_no_earlier(room: Room) -> None:
    room.open(hold_ttl_seconds=0)
    room.crowd(["holder"])
    room.admit(may_park=False)
    hold = room.reserve("holder")
    room.set_state("paused")
    room.set_state("open")
    ((order_id, end_ms),) = room.due()
    assert order_id == hold.order_id
    assert end_ms >= hold.expires_at_ms, "the books compare it with the end they know"


def test_a_hold_that_was_made_after_a_pause_ends_in_time(shopping: Room) -> None:
    shopping.set_state("paused")
    shopping.paused_for(AWHILE)
    shopping.set_state("open")
    shopping.amend(hold_ttl_seconds=0)
    hold = shopping.reserve("holder")
    assert [order_id for order_id, _ in shopping.due()] == [hold.order_id]


def test_nothing_is_reserved_during_a_pause_and_what_is_held_can_be_paid(shopping: Room) -> None:
    hold = shopping.reserve("holder")
    shopping.set_state("paused", "A moment, please")
    with pytest.raises(Refused, match="PAUSED"):
        shopping.reserve("shopper")
    shopping.settle(hold, "CONFIRMED")
    assert shopping.counts()["CONFIRMED"] == 1


def test_a_stock_that_is_claimed_again_after_a_pause_has_an_end_by_the_same_clock(shopping: Room) -> None:
    shopping.set_state("paused")
    shopping.paused_for(AWHILE)
    shopping.set_state("open")
    hold = shopping.reserve("holder")
    score = shopping.run(_score(shopping, hold.order_id))
    shopping.settle(hold, "EXPIRED", 1)
    shopping.settle(hold, "PENDING", 2)
    assert shopping.run(_score(shopping, hold.order_id)) == score


async def _score(room: Room, order_id: str) -> float | None:
    score: float | None = await room.redis.zscore(room.key("holds"), order_id)
    return score


def test_closing_a_paused_sale_lets_its_clock_go_on(shopping: Room) -> None:
    shopping.set_state("paused")
    shopping.paused_for(AWHILE)
    shopping.set_state("closed")
    stopped_ms, paused_at_ms = shopping.sale("stopped_ms", "paused_at_ms")
    assert int(stopped_ms or 0) >= AWHILE * MS
    assert paused_at_ms is None


def test_pausing_twice_is_one_pause_with_new_words(shopping: Room) -> None:
    shopping.set_state("paused", "first")
    before = shopping.sale("paused_at_ms")
    shopping.set_state("paused", "second")
    assert shopping.sale("paused_at_ms", "notice") == [*before, "second"]


@pytest.mark.parametrize(
    ("pauses", "end"),
    [
        ([], 1_000),
        ([(100, 300)], 1_200),
        ([(100, 300), (1_100, 1_500)], 1_600),
        ([(2_000, 3_000)], 1_000),
        ([(100, 300), (1_200, 1_500)], 1_200),
        ([(900, 0)], 5_100),
        ([(-50, -10)], 1_000),
    ],
    ids=[
        "none",
        "one",
        "a second one in what was added",
        "after the end",
        "after what was added",
        "now",
        "before",
    ],
)
def test_the_books_know_the_same_end(pauses: list[tuple[int, int]], end: int) -> None:
    assert end_after_pauses(0, 1_000, pauses, now_ms=5_000) == end
