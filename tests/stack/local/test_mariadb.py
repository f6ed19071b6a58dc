"""A stack's MySQL shares nothing with those of other stacks on the same machine."""

import asyncio
from pathlib import Path

from app.infra.mysql import Database
from tests.world.stack import Stack


def test_its_temporary_tables_are_where_no_other_one_cleans_up(stack: Stack) -> None:
    async def look() -> str:
        database = Database(stack.env["OWNER_DATABASE_URL"], 1)
        await database.open()
        try:
            row = await database.fetch_one("SELECT @@tmpdir AS place")
            assert row
            return str(row["place"])
        finally:
            await database.close()

    assert Path(asyncio.run(look())).is_relative_to(stack.folder.resolve())
