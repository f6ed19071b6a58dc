"""Figures that are kept as orders change, and counted anew."""

from app.orders.figures import CHANGES, count_figures, read_figures, recount
from tests.world.books import World, in_a_world, live_a_little


def test_whatever_becomes_of_orders_the_figures_kept_are_what_the_books_add_up_to(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        await live_a_little(world)
        async with world.database.connection() as connection:
            kept = await read_figures(connection, world.event.id) or {}
            counted = (await count_figures(connection, None))[world.event.id]
        changes = kept.pop(CHANGES)
        assert {name: n for name, n in kept.items() if n} == counted
        assert counted["orders:CONFIRMED"] == 4
        await world.execute("UPDATE figures SET amount = amount + 7 WHERE event_id = %s", world.event.id)
        assert await recount(world.database, world.event.id) == counted | {CHANGES: changes + 7}

    in_a_world(own_env, story)
