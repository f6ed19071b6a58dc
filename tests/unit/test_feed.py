"""What the feed tells though nobody did it: the rules, without a server."""

import msgspec
import pytest
from msgspec.structs import replace

from app.organisers.feed import is_slow, milestones, restarted
from app.organisers.snapshot import Snapshot, SnapshotSku
from app.units import now_ms
from app.watch.processes import STALE_MS, Report
from tests.unit.test_documents import SNAPSHOT


def selling(*skus: tuple[str, int, int]) -> Snapshot:
    """A snapshot in which so many of so many tickets of each kind are sold."""
    like = SNAPSHOT.skus[0]
    made: list[SnapshotSku] = [
        replace(like, id=number, name=name, sold=sold, capacity=capacity)
        for number, (name, sold, capacity) in enumerate(skus)
    ]
    return msgspec.structs.replace(SNAPSHOT, skus=made)


def told(before: Snapshot | None, now: Snapshot) -> list[str]:
    return [*milestones(before, now).values()]


def test_half_is_told_when_it_is_reached_and_not_before_nor_again() -> None:
    less, half, more = (selling(("Floor", sold, 100)) for sold in (49, 50, 51))
    assert told(None, less) == []
    assert told(less, half) == ["Half of all tickets are sold: 50 of 100"]
    assert told(half, more) == []
    assert told(less, more) == ["Half of all tickets are sold: 51 of 100"], "it was passed between two looks"


def test_the_first_kind_that_is_gone_is_named_and_only_where_there_are_others() -> None:
    before, gone = selling(("Floor", 9, 10), ("Balcony", 0, 90)), selling(("Floor", 10, 10), ("Balcony", 0, 90))
    assert told(before, gone) == ["The first kind of ticket is sold out: Floor"]
    both = selling(("Floor", 10, 10), ("Balcony", 90, 90))
    assert told(gone, both) == ["Half of all tickets are sold: 100 of 100", "All 100 tickets are sold"]
    assert told(selling(("Floor", 9, 10)), selling(("Floor", 10, 10))) == ["All 10 tickets are sold"]


def test_whoever_begins_to_look_is_told_all_that_was_reached_under_the_same_names() -> None:
    all_sold = selling(("Floor", 10, 10), ("Balcony", 90, 90))
    assert list(milestones(None, all_sold)) == ["half sold", "first gone", "sold out"]
    assert milestones(None, selling()) == {}, "a sale of nothing comes to nothing"
    assert milestones(None, selling(("Floor", 0, 0))) == {}


def process(name: str, instance: str, since_ms: int, age_ms: int = 0) -> Report:
    return Report(name, 1, now_ms() - age_ms, 0, 0, 0, instance, since_ms)


def test_a_process_was_started_again_once_the_one_before_is_silent() -> None:
    died = process("relay", "here-1", 0, STALE_MS + 5_000)
    again = process("relay", "here-2", now_ms() - STALE_MS)
    assert restarted([died, again]) == [again]
    busy = process("relay", "here-1", 0, 1_500)
    beside = process("relay", "here-2", now_ms() - 1_000)
    assert restarted([busy, beside]) == [], "it only was not heard of since the other one began"
    assert restarted([died]) == []
    assert restarted([died, process("relay", "elsewhere-2", now_ms() - STALE_MS)]) == []


@pytest.mark.parametrize(
    ("begun", "waiting", "was_slow", "slow"),
    [
        (19, 19, False, False),  # too few to say
        (20, 10, False, False),
        (20, 11, False, True),
        (20, 6, True, True),  # not well yet
        (20, 5, True, False),
        (0, 0, True, False),  # nobody pays any more
    ],
)
def test_a_provider_is_slow_above_a_share_and_well_again_far_below_it(
    begun: int, waiting: int, was_slow: bool, slow: bool
) -> None:
    assert is_slow(begun, waiting, was_slow=was_slow) == slow
