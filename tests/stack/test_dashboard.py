"""The dashboard's snapshots: made once a second for everybody, also while MySQL does not answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.infra.mysql import Connection, Database, DatabaseUnavailable
from app.infra.redis import open_redis
from app.organisers.dashboard import Dashboard
from app.sale.events import find_event
from app.settings import Settings
from tests.world.buyers import make_event


class CountedDatabase(Database):
    """Counts how often a connection is borrowed; out of order when told so."""

    borrowings = 0
    is_out = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        if self.is_out:
            raise DatabaseUnavailable("out of order")
        self.borrowings += 1
        async with super().connection() as connection:
            yield connection


def test_however_many_look_the_books_are_read_once_and_while_they_are_out_the_rest_goes_on(
    env: dict[str, str],
) -> None:
    sale = make_event(env)
    settings = Settings.from_environment(env)

    async def look() -> None:
        database = CountedDatabase(settings.database_url, 4)
        await database.open()
        try:
            async with open_redis(settings) as redis:
                event = await find_event(database, sale.slug)
                await Dashboard(redis, database).snapshot(event)  # of a new event the figures are counted once
                dashboard = Dashboard(redis, database)
                before = database.borrowings
                first, *others = await asyncio.gather(*(dashboard.snapshot(event) for _ in range(20)))
                assert database.borrowings == before + 1
                assert all(other is first for other in others)
                assert first.passed.admitted == 0

                database.is_out = True
                again = await dashboard.snapshot(event, fresh=True)
                assert again.books_read_at == first.books_read_at
                assert again is not first
        finally:
            await database.close()

    asyncio.run(look())
