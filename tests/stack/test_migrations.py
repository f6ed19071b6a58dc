"""A migration that fails, or is interrupted, half-way: what is done stays done, and the next run goes on."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from app.infra.migrations import MigrationFailed, migrate
from app.infra.mysql import Database
from tests.world.apart import scratch

Story = Callable[[Database], Awaitable[None]]


def with_database(env: dict[str, str], story: Story) -> None:
    async def tell() -> None:
        async with scratch(env, "migrations") as database:
            await story(database)

    asyncio.run(tell())


async def notes(database: Database) -> list[str]:
    return [row["text"] for row in await database.fetch_all("SELECT text FROM notes ORDER BY id")]


FIRST = "CREATE TABLE notes (id INT PRIMARY KEY AUTO_INCREMENT, text VARCHAR(20));"
SECOND = "INSERT INTO notes (text) VALUES ('a; -- b');"
FAILING = "INSERT INTO nowhere VALUES (1);"


def test_a_failed_statement_is_named_and_the_next_run_goes_on_after_what_is_done(
    env: dict[str, str], tmp_path: Path
) -> None:
    async def story(database: Database) -> None:
        file = tmp_path / "0001_notes.sql"
        file.write_text(f"{FIRST} {SECOND} ALTER TABLE notes ADD KEY notes_missing (missing); {SECOND}")
        with pytest.raises(MigrationFailed, match=r"0001_notes, statement 3 of 4: .*The 2 before it are done"):
            await migrate(database, tmp_path)
        assert await notes(database) == ["a; -- b"]
        with pytest.raises(MigrationFailed, match=r"statement 3 of 4"):
            await migrate(database, tmp_path)
        assert await notes(database) == ["a; -- b"], "what was done was done again"

        await database.execute("ALTER TABLE notes ADD COLUMN missing INT")  # the cause is mended
        assert await migrate(database, tmp_path) == ["0001_notes"]
        assert await notes(database) == ["a; -- b"] * 2
        assert await migrate(database, tmp_path) == []

    with_database(env, story)


def test_a_table_that_was_made_in_the_moment_of_the_crash_is_not_made_again(
    env: dict[str, str], tmp_path: Path
) -> None:
    async def story(database: Database) -> None:
        file = tmp_path / "0001_notes.sql"
        file.write_text(FIRST + FAILING)
        with pytest.raises(MigrationFailed, match="statement 2 of 2"):
            await migrate(database, tmp_path)
        # As if the process had died between the table and the note that it is there.
        await database.execute("UPDATE schema_migration_steps SET done_at = NULL WHERE step = 1")
        file.write_text(f"{FIRST} {SECOND}")
        assert await migrate(database, tmp_path) == ["0001_notes"]
        assert await notes(database) == ["a; -- b"]

    with_database(env, story)


def test_a_table_that_somebody_else_made_is_not_taken_for_ours(env: dict[str, str], tmp_path: Path) -> None:
    async def story(database: Database) -> None:
        (tmp_path / "0001_notes.sql").write_text(FIRST)
        await database.execute("CREATE TABLE notes (another INT)")
        for _ in range(2):
            with pytest.raises(MigrationFailed, match="already exists"):
                await migrate(database, tmp_path)

    with_database(env, story)


def test_a_file_that_changed_after_half_of_it_ran_is_refused(env: dict[str, str], tmp_path: Path) -> None:
    async def story(database: Database) -> None:
        file = tmp_path / "0001_notes.sql"
        file.write_text(FIRST + FAILING)
        with pytest.raises(MigrationFailed, match="statement 2 of 2"):
            await migrate(database, tmp_path)
        file.write_text(SECOND)
        with pytest.raises(MigrationFailed, match="statement 1 of 1: the file was changed"):
            await migrate(database, tmp_path)

    with_database(env, story)
