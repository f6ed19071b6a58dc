"""The crowd's plan: the shares add up, the same seed makes the same crowd, and it arrives when it should."""

from collections import Counter

import pytest

from crowd.habits import ARRIVING_SECONDS, KINDS, MOST_EARLY_SECONDS, plan


def test_the_shares_of_all_kinds_add_up_to_a_hundred() -> None:
    assert sum(share for share, _ in KINDS.values()) == 100


@pytest.mark.parametrize("buyers", [1, 2, 7, 99, 100, 101, 300, 1_000])
def test_there_are_as_many_buyers_as_asked_for_and_of_each_kind_its_share(buyers: int) -> None:
    kinds = Counter(kind for kind, _ in plan(buyers, 1, 60))
    assert kinds.total() == buyers
    for kind, (share, _) in KINDS.items():
        assert abs(kinds[kind] - buyers * share / 100) < 1


def test_the_demo_has_somebody_of_every_kind() -> None:
    assert {kind for kind, _ in plan(300, 1, 60)} == set(KINDS)


def test_the_same_seed_makes_the_same_crowd_and_another_seed_another_one() -> None:
    assert plan(300, 7, 60) == plan(300, 7, 60)
    assert plan(300, 7, 60) != plan(300, 8, 60)


def test_most_arrive_before_the_opening_and_everybody_within_half_a_minute_after_it() -> None:
    arrivals = [habits.arrives_after_seconds for _, habits in plan(1_000, 1, 40)]
    assert arrivals == sorted(arrivals)
    assert 800 < sum(arrival <= 40 for arrival in arrivals) < 900
    assert 40 < max(arrivals) <= 40 + ARRIVING_SECONDS


def test_nobody_waits_for_an_opening_that_is_far_away() -> None:
    assert max(h.arrives_after_seconds for _, h in plan(300, 1, 86_400)) <= MOST_EARLY_SECONDS + ARRIVING_SECONDS


def test_everybody_comes_soon_when_the_sale_is_open_already() -> None:
    assert max(h.arrives_after_seconds for _, h in plan(300, 1, -5)) <= ARRIVING_SECONDS


def test_every_kind_that_means_to_buy_ends_its_attempts_with_money() -> None:
    for kind, habits in plan(300, 1, 60):
        if habits.only_looks or kind == "unpaid":
            continue
        assert habits.presses[-1] != "decline", kind
        assert "decline" not in habits.presses or kind == "declined"


@pytest.mark.parametrize("buyers", [5, 50, 100, 300, 1_000])
def test_a_crowd_of_any_size_wants_more_than_there_is(buyers: int) -> None:
    buying = [
        h for kind, h in plan(buyers, 1, 60, tickets=220) if kind in ("ordinary", "slow", "twice", "declined")
    ]
    assert sum(max(h.wants, 1) for h in buying) >= 220 or buyers < 5
    assert max(habits.wants for habits in buying) <= 2 * 220 / buyers + 1, "more than the demo's limit"
