"""The verdict on a rehearsal: what would have gone wrong, and which setting to change."""

from typing import Any, cast

from redis.asyncio import Redis

from app.organisers.history import Point
from app.organisers.rehearsal import Check, Verdict, judge
from app.organisers.snapshot import Passed
from app.organisers.strain import Strain
from tests.world.events import an_event

SOUND = [Check("1. It adds up", True, "")]


def point(second: int, placed: int, sold: int) -> tuple[int, Point]:
    passed = Passed(lobby=0, waiting=0, admitted=0, holding=placed, lapsed=0, paid=0, refunded=0)
    figures = Point(0, 5 * second, 2, 1, 0, 0, passed, 0, 0, {"1": sold}, 0)
    return second * 1000, figures


def calm() -> Strain:
    return Strain(cast(Redis, None), 1)


def verdict(
    ends: dict[str, int], waited: list[float], sold: int = 20, strain: Strain | None = None, **event: Any
) -> Verdict:
    points = [point(1, 0, 0), point(2, 30, 0), point(3, 40, sold)]
    return judge(
        an_event("Floor:4500:20", **event), "A night", ends, waited, points, SOUND, 9, None, strain or calm()
    )


def test_the_figures_are_those_that_were_seen() -> None:
    told = verdict({"confirmed": 10, "sold_out": 90}, [float(n) for n in range(100)])
    assert (told.ok, told.buyers, told.sold, told.tickets) == (True, 100, 20, 20)
    assert told.waited_seconds == {"p50": 50.0, "p95": 95.0, "max": 99.0}
    assert (told.orders_a_second, told.most["waiting"]) == (30.0, 15)


def test_a_night_in_which_something_is_wrong_fails() -> None:
    broken = [*SOUND, Check("2. It does not", False, "one ticket too many")]
    assert not judge(an_event(), "A night", {}, [], [], broken, 0, "ledger", calm()).ok


def test_what_went_wrong_names_the_setting_to_change() -> None:
    said = " ".join(
        verdict(
            {"lapsed": 30, "expired": 30, "left": 30, "unreachable": 10}, [700.0] * 10, sold=5, room=7
        ).findings
    )
    for words in ("WEB_PROCESSES", "room (7)", "time to choose", "not paid in", "gave up waiting"):
        assert words in said, words


def test_waiting_for_what_is_sold_out_is_nobodys_fault() -> None:
    told = verdict({"confirmed": 10, "sold_out": 90}, [700.0] * 10)
    assert not [finding for finding in told.findings if "raise the rate" in finding]


def test_what_was_too_much_for_the_machine_is_told_and_what_to_do_about_it() -> None:
    strain = calm()
    strain.most |= {"cpu_percent": 98, "sockets": 5_000}
    strain.reasons.add("loop")
    told = verdict({"confirmed": 100}, [1.0] * 100, strain=strain)
    assert (told.most["cpu_percent"], told.most["sockets"]) == (98, 5_000)
    assert [finding for finding in told.findings if "could not keep up" in finding]
    assert not [finding for finding in told.findings if "books" in finding]
