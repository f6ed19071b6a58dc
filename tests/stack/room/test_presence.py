"""Who is away when their turn comes is parked; nobody is, while nobody can know who is here."""

import time

import pytest

from app.ids import instance
from app.infra.keys import PRESENCE
from app.sale import admission
from app.sale.presence import FORGOTTEN_MS, SILENT_MS, all_told, is_presence_known, mark_seen, report_presence
from tests.stack.room.world import World

GRACE_MS = 30_000
NOW = 1_000_000_000


def test_after_a_silence_nobody_is_parked_and_the_smallest_number_comes_in_first(world: World) -> None:
    """Once a thousand were parked in one tick after an outage, and #700 came in before #1."""
    world.open(room=1)
    world.crowd(f"b{n}" for n in range(1, 1_001))
    world.forget_seen()
    world.see(701)
    known = world.run(is_presence_known(world.redis, 30))
    assert not known, "no web process has reported"
    assert world.admit(may_park=known).parked == 0
    assert world.queue("passes") == ["b1"]
    assert world.queue("parked") == []


def test_whoever_was_not_seen_is_parked_keeps_the_number_and_comes_back_with_it(world: World) -> None:
    world.open(room=1)
    world.crowd(["gone", "here", "behind"])
    world.see(2, 3)
    result = world.admit()
    assert (result.admitted, result.parked) == (1, 1)
    assert world.queue("passes") == ["here"]
    back = world.look("gone")
    assert back
    assert (back.status, back.number, back.position) == ("waiting", 1, 0)
    world.leave("here")
    world.admit()
    assert world.queue("passes") == ["gone"], "not the one behind"


def test_a_host_whose_clock_is_behind_reports_as_well_as_any(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A web host 40 s behind had fifty buyers parked who were there."""
    world.open()
    world.crowd(f"b{n}" for n in range(1, 51))
    late = time.time_ns() - 40 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: late)
    monkeypatch.setattr(time, "time", lambda: late / 10**9)
    world.run(mark_seen(world.redis, world.event_id, range(1, 51)))
    result = world.admit()
    assert (result.admitted, result.parked) == (50, 0)


def test_who_was_seen_stays_seen_for_the_grace_period(world: World) -> None:
    world.open()
    world.crowd(["b1", "b2"])
    bucket = world.now_ms() // 10_000

    async def seen_in(number: int, bucket: int) -> None:
        await world.redis.setbit(world.key(f"seen:{bucket}"), number, 1)

    world.run(seen_in(1, bucket - 2))
    world.run(seen_in(2, bucket - 5))
    result = world.admit()
    assert (result.admitted, result.parked) == (1, 1)
    assert world.queue("passes") == ["b1"]


def test_asking_for_the_place_counts_as_being_seen(world: World) -> None:
    world.open()
    world.crowd(["b1"])
    world.look("b1")
    assert world.admit().admitted == 1


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


def test_a_gap_in_the_reports_begins_the_grace_period_anew(world: World) -> None:
    async def told(since_ms_ago: int, at_ms_ago: int) -> bool:
        now = world_now
        await world.redis.hset(PRESENCE, instance(), f"{now - since_ms_ago} {now - at_ms_ago}")
        await report_presence(world.redis, instance())
        return await is_presence_known(world.redis, 30)

    world_now = world.now_ms()
    assert world.run(told(60_000, 5_000))
    assert not world.run(told(60_000, SILENT_MS + 1_000))


def test_an_event_that_cannot_be_asked_stops_no_other(world: World) -> None:
    with World(world.url) as other:
        world.open()
        other.open()
        world.crowd(["b1"])
        other.crowd(["b2"])

        async def both() -> int:
            await world.redis.delete(world.key("stock"))
            await world.redis.set(world.key("stock"), "not a hash")
            results = await admission.admit(
                world.redis,
                [world.event_id, other.event_id],
                overbooking=1.0,
                may_park=False,
                grace_seconds=30,
            )
            assert world.event_id not in results
            return results[other.event_id].admitted

        assert world.run(both()) == 1
