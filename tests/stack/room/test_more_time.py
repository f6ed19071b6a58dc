"""More time by the sale's clock: what a pause adds and what was asked for add up."""

from app.orders import more_time
from tests.stack.room.world import World


def test_more_time_that_is_asked_for_during_a_pause_begins_to_count_after_it(world: World) -> None:
    world.open()
    world.join("b")
    world.see(1)
    world.admit()
    hold = world.reserve("b")
    pass_end = world.look("b")
    assert pass_end
    world.set_state("paused")
    ends = [
        world.run(more_time.extend_pass(world.redis, world.event_id, "b", "")) - pass_end.expires_at_ms,
        world.run(more_time.extend_hold(world.redis, hold.order_id, "b", "")) - hold.expires_at_ms,
    ]
    assert [round(end / 1000) for end in ends] == [300, 300]
    world.set_state("open")
    place = world.look("b")
    assert place
    assert round((place.expires_at_ms - pass_end.expires_at_ms) / 1000) == 300
    assert world.due() == []


def test_a_second_pass_may_get_more_time_too(world: World) -> None:
    world.open(pass_ttl_seconds=1)
    for number in (1, 2):
        world.join("b")
        world.see(number)
        world.admit()
        first = world.run(more_time.extend_pass(world.redis, world.event_id, "b", ""))
        assert first > world.now_ms() + 1_000
        world.leave("b")
