"""An organiser's search reads what it shows, and not what was sold: whatever MySQL would choose on its own."""

import asyncio

from app.infra.mysql import open_database
from app.infra.redis import open_redis
from app.organisers.orders import search_orders
from app.settings import Settings
from bench.orders import SEARCHES
from bench.seed import sold
from tests.world.books import World, forget

ORDERS = 2_000
ROWS = 20
MOST_READ = 15 * ROWS  # an order and its two items, with what stands on the way to them


def test_a_search_reads_what_it_shows_and_not_what_was_sold(own_env: dict[str, str]) -> None:
    settings = Settings.from_environment({**own_env, "DATABASE_POOL_SIZE": "1"})

    async def story() -> dict[str, int]:
        async with open_redis(settings) as redis, open_database(settings) as database:
            world = World(settings, redis, database, await sold(database, redis, ORDERS))

            async def read_so_far() -> int:
                rows = await database.fetch_all("SHOW SESSION STATUS LIKE 'Handler_read%'")
                return sum(int(row["Value"]) for row in rows)

            try:
                (order,) = await database.fetch_all(
                    "SELECT id, buyer_id, placed_at FROM orders WHERE event_id = %s ORDER BY id LIMIT 1 OFFSET %s",
                    (world.event.id, ORDERS // 2),
                )
                read = {}
                for kind, search in SEARCHES.items():
                    before = await read_so_far()
                    await search_orders(database, world.event.id, search(order), ROWS)
                    read[kind] = await read_so_far() - before
            finally:
                await forget(world)
        return read

    read = asyncio.run(story())
    assert max(read.values()) <= MOST_READ, read
