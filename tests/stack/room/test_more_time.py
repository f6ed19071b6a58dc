"""More time by the sale's clock: what a pause adds and what was asked for add up."""

from app.orders import more_time
from tests.world.room import Room


def test_more_time_that_is_asked_for_during_a_pause_begins_to_count_after_it(room: Room) -> None:
    room.open()
    room.join("b")
    room.see(1)
    room.admit()
    hold = room.reserve("b")
    pass_end = room.look("b")
    assert pass_end
    room.set_state("paused")
    ends = [
        room.run(more_time.extend_pass(room.redis, room.event_id, "b", "")) - pass_end.expires_at_ms,
        room.run(more_time.extend_hold(room.redis, hold.order_id, "b", "")) - hold.expires_at_ms,
    ]
    assert [round(end / 1000) for end in ends] == [300, 300]
    room.set_state("open")
    place = room.look("b")
    assert place
    assert round((place.expires_at_ms - pass_end.expires_at_ms) / 1000) == 300
    assert room.due() == []


def test_a_second_pass_may_get_more_time_too(room: Room) -> None:
    room.open(pass_ttl_seconds=1)
    for number in (1, 2):
        room.join("b")
        room.see(number)
        room.admit()
        first = room.run(more_time.extend_pass(room.redis, room.event_id, "b", ""))
        assert first > room.now_ms() + 1_000
        room.leave("b")
