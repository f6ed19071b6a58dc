"""Brings MySQL to the schema of sql/schema.sql: forward only, one file of sql/migrations after the other."""

import re
from pathlib import Path

from app.infra.mysql import Connection, Database
from app.units import now_ms, to_datetime

FOLDER = Path(__file__).parents[2] / "sql" / "migrations"
APPEND_ONLY = ("inventory_audit",)


def statements(text: str) -> list[str]:
    """The statements of an SQL file, without comments."""
    bare = re.sub(r"--[^\n]*", "", text)
    return [statement.strip() for statement in bare.split(";") if statement.strip()]


async def migrate(database: Database) -> list[str]:
    """Runs the migrations that have not run yet, one process at a time; returns their names."""
    done: list[str] = []
    async with database.connection() as connection:
        lock = await connection.fetch_one("SELECT GET_LOCK('ticketcraze.migrate', 60) AS got")
        if lock is None or lock["got"] != 1:
            raise TimeoutError("another process is migrating")
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations ("
            " name VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,"
            " applied_at DATETIME(3) NOT NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
        )
        applied = {row["name"] for row in await connection.fetch_all("SELECT name FROM schema_migrations")}
        for file in sorted(FOLDER.glob("*.sql")):
            if file.stem not in applied:
                for statement in statements(file.read_text()):
                    await connection.execute(statement)
                await connection.execute(
                    "INSERT INTO schema_migrations (name, applied_at) VALUES (%s, %s)",
                    (file.stem, to_datetime(now_ms())),
                )
                done.append(file.stem)
        await connection.execute("DO RELEASE_LOCK('ticketcraze.migrate')")
    return done


async def grant(database: Database, user: str) -> None:
    """Gives the application's database user what it needs, and no more."""
    async with database.connection() as connection:
        for table in await _tables(connection):
            if table == "schema_migrations":
                rights = "SELECT"
            elif table in APPEND_ONLY:
                rights = "SELECT, INSERT"
            else:
                rights = "SELECT, INSERT, UPDATE, DELETE"
            await connection.execute(f"GRANT {rights} ON `{table}` TO %s@'%%'", (user,))


async def _tables(connection: Connection) -> list[str]:
    return [next(iter(row.values())) for row in await connection.fetch_all("SHOW TABLES")]
