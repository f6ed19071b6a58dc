"""Honest times: what a page says of when a buyer is called, from how fast it went lately."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.sale.pace import Pace, chance, eta_seconds, parse_pace

MINUTE, FIVE = 60_000, 300_000
OPEN = Pace(
    "open", 600, room=200, pass_ttl_seconds=300, measured=True, minute_ms=MINUTE, five_ms=FIVE, available=999
)
FULL = replace(OPEN, free_seats=0)
positions = st.integers(0, 1_000_000)
paces = st.builds(
    Pace,
    state=st.just("open"),
    allowed_per_minute=st.integers(1, 1_000_000),
    room=st.integers(1, 10_000),
    pass_ttl_seconds=st.integers(1, 3_600),
    age_ms=st.integers(0, 9_999),
    measured=st.just(True),
    minute_admitted=st.integers(0, 10_000),
    minute_ms=st.integers(0, MINUTE),
    five_admitted=st.integers(0, 50_000),
    five_ms=st.integers(0, FIVE),
    free_seats=st.integers(0, 10_000),
    available=st.integers(1, 10_000),
    held=st.integers(0, 10_000),
)


def test_with_seats_free_the_allowed_rate_decides() -> None:
    roomy = replace(OPEN, free_seats=10_000)
    assert eta_seconds(0, roomy) == (0, 5)
    assert eta_seconds(100, roomy) == (10, 25)
    assert eta_seconds(6_000, roomy) == (600, 1_205)


def test_a_full_room_that_lets_ten_in_a_minute_is_not_told_as_under_a_minute() -> None:
    slow = replace(FULL, minute_admitted=10, five_admitted=50)
    assert eta_seconds(50, slow) == (210, 455)


def test_a_room_that_was_filled_moments_ago_empties_when_its_passes_end() -> None:
    filled = replace(FULL, minute_admitted=0, five_admitted=200, five_ms=MINUTE)
    eta = eta_seconds(50, filled)
    assert eta is not None
    assert eta[0] < 60
    assert eta[1] >= 300, "nobody has to leave before the passes end"


@pytest.mark.parametrize(
    "halted",
    [
        replace(FULL, minute_admitted=0, five_admitted=0),
        replace(OPEN, free_seats=9_999, state="paused"),
        replace(OPEN, free_seats=9_999, state="closed"),
        replace(OPEN, free_seats=9_999, state="drawing"),
        replace(OPEN, free_seats=9_999, age_ms=10_001),
        replace(OPEN, free_seats=0, available=0, held=0, minute_admitted=9, five_admitted=9),
        Pace("open", 600, 200, 300),
    ],
    ids=["five minutes of nobody", "paused", "closed", "drawing", "no admission", "sold out", "nothing measured"],
)
def test_no_time_is_told_while_nobody_is_let_in(halted: Pace) -> None:
    assert eta_seconds(50, halted) is None


@given(positions, paces)
def test_no_time_is_earlier_than_the_allowed_rate(position: int, pace: Pace) -> None:
    eta = eta_seconds(position, pace)
    assert eta is None or eta[0] >= round(position * 60 / pace.allowed_per_minute)
    assert eta is None or eta[0] < eta[1]


@given(positions, paces)
def test_nobody_behind_is_promised_to_come_in_earlier(position: int, pace: Pace) -> None:
    here, behind = eta_seconds(position, pace), eta_seconds(position + 1, pace)
    if here and behind:
        assert here[0] <= behind[0]
        assert here[1] <= behind[1]
    assert here or not behind


@given(positions, paces)
def test_a_slower_minute_never_brings_the_latest_time_forward(position: int, pace: Pace) -> None:
    slower = replace(pace, minute_admitted=pace.minute_admitted // 2)
    here, later = eta_seconds(position, pace), eta_seconds(position, slower)
    if here and later:
        assert later[0] >= here[0]


def test_who_has_more_ahead_than_there_are_tickets_is_told() -> None:
    few = replace(OPEN, available=30, held=20)
    assert [chance(position, few) for position in (0, 49, 50, 51)] == ["good", "good", "unlikely", "unlikely"]
    assert chance(0, replace(OPEN, available=0, held=0)) == "none"
    assert chance(0, Pace()) == "good"


def test_what_admission_notes_is_read() -> None:
    assert parse_pace("open", 600, 200, 300, "1 2 3 4 5 6 7", 8) == Pace(
        "open", 600, 200, 300, 8, True, 1, 2, 3, 4, 5, 6, 7
    )
    assert not parse_pace("scheduled", 600, 200, 300, "", 8).measured
