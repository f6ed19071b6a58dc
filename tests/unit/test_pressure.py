"""When there is too much to do, and when it is over: the rule, without a clock or a server."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from app.watch.pressure import (
    CALM_AFTER_SECONDS,
    FEW_ORDERS,
    LEAST_PACE,
    SHUT_AFTER_SECONDS,
    Limits,
    Pressure,
    Reading,
    next_pace,
)

LIMITS = Limits(loop_lag_ms=400, outbox=10_000, books_lag_ms=10_000)
CALM, LATE, FULL = Reading(), Reading(loop_lag_ms=500), Reading(outbox=10_001)
SLOW_BOOKS = Reading(outbox=FEW_ORDERS + 1, books_lag_ms=10_001)
READINGS = st.lists(st.sampled_from([CALM, LATE, FULL, SLOW_BOOKS, Reading(loop_lag_ms=300)]), max_size=60)


def after(readings: Sequence[Reading], pressure: Pressure | None = None, start: float = 0.0) -> Pressure:
    """The pressure after one reading a second."""
    pressure = pressure or Pressure(LIMITS)
    for second, reading in enumerate(readings):
        pressure.note(reading, start + second)
    return pressure


def test_a_busy_moment_is_no_overload() -> None:
    """Ten thousand people in one second take the loop a few seconds."""
    pressure = after([LATE] * 6)
    assert not pressure.is_shut
    assert pressure.reasons == {"loop"}, "but admission slows"


def test_what_lasts_makes_arrivals_wait_until_it_is_over() -> None:
    pressure = after([LATE] * 7)
    assert pressure.is_shut
    assert after([CALM], pressure, 7).is_shut, "one good second is not the end of it"
    assert not after([CALM, CALM], pressure, 8).is_shut
    assert not pressure.reasons


def test_a_little_below_the_limit_is_not_over() -> None:
    pressure = after([LATE] * 7)
    assert after([Reading(loop_lag_ms=300)] * 100, pressure, 7).is_shut


def test_the_next_time_they_wait_sooner() -> None:
    pressure = after([LATE] * 7 + [CALM] * 3)
    assert not pressure.is_shut
    assert after([LATE] * 2, pressure, 10).is_shut


def test_slow_books_slow_admission_and_shut_nobody_out() -> None:
    pressure = after([SLOW_BOOKS] * 100)
    assert pressure.reasons == {"books"}
    assert not pressure.is_shut


def test_a_few_orders_are_no_load_however_long_the_books_are_unavailable() -> None:
    assert not after([Reading(outbox=FEW_ORDERS, books_lag_ms=10**9)] * 100).reasons


@given(READINGS)
def test_whatever_was_it_is_over_when_all_is_calm(readings: list[Reading]) -> None:
    calm = [CALM] * (int(CALM_AFTER_SECONDS) + 1)
    pressure = after([*readings, *calm])
    assert not pressure.reasons
    assert not pressure.is_shut


@given(READINGS)
def test_nobody_waits_without_a_reason_that_lasted(readings: list[Reading]) -> None:
    pressure = Pressure(LIMITS)
    was_shut = False
    for second, reading in enumerate(readings):
        pressure.note(reading, second)
        if pressure.is_shut and not was_shut:
            lasting = readings[second - int(SHUT_AFTER_SECONDS) : second + 1]
            assert lasting in ([LATE] * len(lasting), [FULL] * len(lasting))
            assert len(lasting) > SHUT_AFTER_SECONDS
        was_shut = was_shut or pressure.is_shut


@given(st.lists(st.tuples(st.booleans(), st.floats(0.1, 5)), max_size=50))
def test_admission_never_stops_and_is_never_faster_than_its_rate(looks: list[tuple[bool, float]]) -> None:
    pace = 1.0
    for pressed, seconds in looks:
        before, pace = pace, next_pace(pace, pressed, seconds)
        assert LEAST_PACE <= pace <= 1
        assert pace <= before if pressed else pace >= before
    for _ in range(10):
        pace = next_pace(pace, False, 1)
    assert pace == 1
