"""The books' form: sql/schema.sql is what the migrations lead to, and the application may not rewrite history."""

import asyncio
import re

import pytest
from asyncmy.errors import MySQLError

from app.infra.migrations import APPEND_ONLY, BOOKKEEPING, FOLDER, migrate
from app.infra.mysql import Connection, Database, DatabaseUnavailable, Row, open_database
from app.infra.redis import open_redis
from app.infra.statements import statements
from app.organisers.log import AdminLog, Deed
from app.settings import Settings
from tests.world.apart import scratch

SCHEMA = FOLDER.parent / "schema.sql"
DENIED = (1142, 1143)  # this user may not do that to this table, or to this column


async def apply_schema(database: Database) -> None:
    async with database.connection() as connection:
        for statement in statements(SCHEMA.read_text()):
            await connection.execute(statement)


async def tables(connection: Connection) -> set[str]:
    return {str(next(iter(row.values()))) for row in await connection.fetch_all("SHOW TABLES")} - set(BOOKKEEPING)


async def form(database: Database) -> dict[str, str]:
    """How each table would be created: columns, keys, checks, options."""
    async with database.connection() as connection:
        found: dict[str, str] = {}
        for table in await tables(connection):
            row = await connection.fetch_one(f"SHOW CREATE TABLE `{table}`")
            assert row
            found[table] = re.sub(r" AUTO_INCREMENT=\d+", "", row["Create Table"])
        return found


def test_the_schema_is_what_the_migrations_lead_to(env: dict[str, str]) -> None:
    async def forms() -> tuple[dict[str, str], dict[str, str]]:
        async with (
            scratch(env, "schema_a") as written,
            scratch(env, "schema_b") as migrated,
        ):
            await apply_schema(written)
            await migrate(migrated)
            return await form(written), await form(migrated)

    schema, migrations = asyncio.run(forms())
    assert schema == migrations
    assert {"orders", "order_items", "payments", "skus", "inventory_audit", "events"} <= schema.keys()
    assert "skus_guard" in schema["skus"]


def test_a_second_migration_does_nothing(env: dict[str, str]) -> None:
    async def twice() -> tuple[list[str], dict[str, str], list[str], dict[str, str]]:
        async with scratch(env, "schema_a") as database:
            first = await migrate(database)
            before = await form(database)
            return first, before, await migrate(database), await form(database)

    first, before, second, after = asyncio.run(twice())
    assert first == sorted(path.stem for path in FOLDER.glob("*.sql"))
    assert second == []
    assert before == after


def test_two_that_migrate_at_once_do_it_once(env: dict[str, str]) -> None:
    async def at_once() -> list[list[str]]:
        async with scratch(env, "schema_a") as database:
            return list(await asyncio.gather(migrate(database), migrate(database)))

    assert sorted(map(len, asyncio.run(at_once()))) == [0, len(list(FOLDER.glob("*.sql")))]


def test_the_running_books_have_this_form(env: dict[str, str]) -> None:
    async def forms() -> tuple[dict[str, str], dict[str, str]]:
        async with scratch(env, "schema_a") as written:
            await apply_schema(written)
            running = Database(env["OWNER_DATABASE_URL"], 1)
            await running.open()
            try:
                return await form(written), await form(running)
            finally:
                await running.close()

    schema, running = asyncio.run(forms())
    assert schema == running


@pytest.fixture
def written_down(env: dict[str, str]) -> dict[str, Row]:
    """A line that is there of each: the capacity of some event, and what some admin did."""

    async def read() -> dict[str, Row]:
        settings = Settings.from_environment(env)
        async with open_database(settings) as database, open_redis(settings) as redis:
            await AdminLog(redis, database).write(Deed("A test", "tried"))
            rows = {
                "inventory_audit": await database.fetch_one("SELECT * FROM inventory_audit ORDER BY id LIMIT 1"),
                "admin_log": await database.fetch_one("SELECT * FROM admin_log ORDER BY seq LIMIT 1"),
            }
            return {table: row for table, row in rows.items() if row}

    rows = asyncio.run(read())
    assert rows.keys() == set(APPEND_ONLY), "every sale starts with its capacity in the audit"
    return rows


def reason_of(error: DatabaseUnavailable) -> int:
    """What MySQL refused it with: rights may be mended, so it counts as unavailable."""
    assert isinstance(error.__cause__, MySQLError)
    return int(error.__cause__.args[0])


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {table} SET id = id WHERE id = %s",
        "DELETE FROM {table} WHERE id = %s",
        "REPLACE INTO {table} (id) VALUES (%s)",
        "INSERT INTO {table} (id) VALUES (%s) ON DUPLICATE KEY UPDATE id = id",
        "TRUNCATE TABLE {table} -- %s",
        "DROP TABLE {table} -- %s",
        "ALTER TABLE {table} ADD COLUMN more INT -- %s",
    ],
    ids=lambda statement: statement.split()[0],
)
def test_the_application_cannot_rewrite_history(
    env: dict[str, str], written_down: dict[str, Row], table: str, statement: str
) -> None:
    row = written_down[table]

    async def rewrite() -> Row | None:
        async with open_database(Settings.from_environment(env)) as database:
            with pytest.raises(DatabaseUnavailable) as caught:
                await database.execute(statement.format(table=table), (row["id"],))
            assert reason_of(caught.value) in DENIED
            return await database.fetch_one(f"SELECT * FROM {table} WHERE id = %s", (row["id"],))  # noqa: S608

    assert asyncio.run(rewrite()) == row


def test_the_application_cannot_change_the_form_of_the_books(env: dict[str, str]) -> None:
    async def change() -> None:
        async with open_database(Settings.from_environment(env)) as database:
            for statement in (
                "CREATE TABLE mine (a INT)",
                "ALTER TABLE skus DROP CONSTRAINT skus_guard",
                "DROP TABLE orders",
                "DELETE FROM schema_migrations",
            ):
                with pytest.raises(DatabaseUnavailable) as caught:
                    await database.execute(statement)
                assert reason_of(caught.value) in DENIED

    asyncio.run(change())
