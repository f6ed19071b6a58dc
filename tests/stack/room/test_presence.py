"""Who is away when their turn comes is parked; nobody is, while nobody can know who is here."""

import time

import pytest

from app.ids import instance
from app.infra.keys import PRESENCE
from app.sale import admission
from app.sale.presence import FORGOTTEN_MS, SILENT_MS, all_told, is_presence_known, mark_seen, report_presence
from tests.world.room import Room

GRACE_MS = 30_000
NOW = 1_000_000_000


def test_after_a_silence_nobody_is_parked_and_the_smallest_number_comes_in_first(room: Room) -> None:
    """Once a thousand were parked in one tick after an outage, and #700 came in before #1."""
    room.open(room=1)
    room.crowd(f"b{n}" for n in range(1, 1_001))
    room.forget_seen()
    room.see(701)
    known = room.run(is_presence_known(room.redis, 30))
    assert not known, "no web process has reported"
    assert room.admit(may_park=known).parked == 0
    assert room.queue("passes") == ["b1"]
    assert room.queue("parked") == []


def test_whoever_was_not_seen_is_parked_keeps_the_number_and_comes_back_with_it(room: Room) -> None:
    room.open(room=1)
    room.crowd(["gone", "here", "behind"])
    room.see(2, 3)
    result = room.admit()
    assert (result.admitted, result.parked) == (1, 1)
    assert room.queue("passes") == ["here"]
    back = room.look("gone")
    assert back
    assert (back.status, back.number, back.position) == ("waiting", 1, 0)
    room.leave("here")
    room.admit()
    assert room.queue("passes") == ["gone"], "not the one behind"


def test_a_host_whose_clock_is_behind_reports_as_well_as_any(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """A web host 40 s behind had fifty buyers parked who were there."""
    room.open()
    room.crowd(f"b{n}" for n in range(1, 51))
    late = time.time_ns() - 40 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: late)
    monkeypatch.setattr(time, "time", lambda: late / 10**9)
    room.run(mark_seen(room.redis, room.event_id, range(1, 51)))
    result = room.admit()
    assert (result.admitted, result.parked) == (50, 0)


def test_who_was_seen_stays_seen_for_the_grace_period(room: Room) -> None:
    room.open()
    room.crowd(["b1", "b2"])
    bucket = room.now_ms() // 10_000

    async def seen_in(number: int, bucket: int) -> None:
        await room.redis.setbit(room.key(f"seen:{bucket}"), number, 1)

    room.run(seen_in(1, bucket - 2))
    room.run(seen_in(2, bucket - 5))
    result = room.admit()
    assert (result.admitted, result.parked) == (1, 1)
    assert room.queue("passes") == ["b1"]


def test_asking_for_the_place_counts_as_being_seen(room: Room) -> None:
    room.open()
    room.crowd(["b1"])
    room.look("b1")
    assert room.admit().admitted == 1


@pytest.mark.parametrize(
    ("spans", "known"),
    [
        ([], False),
        ([(NOW - GRACE_MS, NOW)], True),
        ([(NOW - GRACE_MS + 1, NOW)], False),
        ([(NOW - 90_000, NOW - SILENT_MS - 1)], False),
        ([(NOW - 90_000, NOW), (NOW - 90_000, NOW - 5_000)], True),
        ([(NOW - 90_000, NOW), (NOW - 10_000, NOW)], False),
        ([(NOW - 90_000, NOW), (NOW - 90_000, NOW - SILENT_MS - 1)], False),
        ([(NOW - 90_000, NOW), (NOW - 190_000, NOW - FORGOTTEN_MS - 1)], True),
        ([(NOW - 190_000, NOW - FORGOTTEN_MS - 1)], False),
    ],
    ids=[
        "nobody reports", "one for long enough", "one a moment too short", "one has gone silent", "two",
        "one of two has just begun", "one of two has gone silent", "one of two ended long ago",
        "all ended long ago",
    ],
)  # fmt: skip
def test_presence_is_known_once_every_process_has_told_for_a_grace_period(
    spans: list[tuple[int, int]], known: bool
) -> None:
    assert all_told(spans, NOW, GRACE_MS) is known


def test_a_gap_in_the_reports_begins_the_grace_period_anew(room: Room) -> None:
    async def told(since_ms_ago: int, at_ms_ago: int) -> bool:
        now = world_now
        await room.redis.hset(PRESENCE, instance(), f"{now - since_ms_ago} {now - at_ms_ago}")
        await report_presence(room.redis, instance())
        return await is_presence_known(room.redis, 30)

    world_now = room.now_ms()
    assert room.run(told(60_000, 5_000))
    assert not room.run(told(60_000, SILENT_MS + 1_000))


def test_an_event_that_cannot_be_asked_stops_no_other(room: Room) -> None:
    with Room(room.url) as other:
        room.open()
        other.open()
        room.crowd(["b1"])
        other.crowd(["b2"])

        async def both() -> int:
            await room.redis.delete(room.key("stock"))
            await room.redis.set(room.key("stock"), "not a hash")
            results = await admission.admit(
                room.redis,
                [room.event_id, other.event_id],
                overbooking=1.0,
                may_park=False,
                grace_seconds=30,
            )
            assert room.event_id not in results
            return results[other.event_id].admitted

        assert room.run(both()) == 1
