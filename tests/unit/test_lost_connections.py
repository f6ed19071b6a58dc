"""A MySQL whose connections are lost as soon as they are there is unavailable, and no bug."""

import asyncio
from typing import Any

import pytest
import uvloop

from app.infra.mysql import Database, DatabaseUnavailable
from tests.world.machine import HOST


class LosesConnections(uvloop.Loop):
    """Each connection is gone by the time whoever asked for it looks at it."""

    async def create_connection(self, *args: Any, **options: Any) -> Any:
        transport: Any
        transport, protocol = await super().create_connection(*args, **options)
        transport.abort()
        await asyncio.sleep(0.01)
        return transport, protocol


def test_a_connection_lost_at_once_means_that_mysql_is_unavailable() -> None:
    async def ask() -> None:
        listening = await asyncio.start_server(lambda reader, writer: None, HOST)
        port = listening.sockets[0].getsockname()[1]
        database = Database(f"mysql+asyncmy://app:word@{HOST}:{port}/books", 1)
        await database.open()
        with pytest.raises(DatabaseUnavailable):
            await database.fetch_one("SELECT 1")
        assert database.borrowed == 0
        await database.close()
        listening.close()

    with asyncio.Runner(loop_factory=LosesConnections) as runner:
        runner.run(ask())
