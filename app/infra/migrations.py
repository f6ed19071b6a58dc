"""Brings MySQL to the schema of sql/schema.sql: forward only, one file of sql/migrations after the other.

A statement that changes a table commits at once, so a file may be half applied when something fails. Each
statement that is done is written down, and the next run goes on after it.
"""

import hashlib
import re
from pathlib import Path

from asyncmy.errors import MySQLError

from app.infra.mysql import Connection, Database
from app.infra.statements import statements
from app.units import now_ms, to_datetime

FOLDER = Path(__file__).parents[2] / "sql" / "migrations"
APPEND_ONLY = ("inventory_audit", "admin_log")
BOOKKEEPING = ("schema_migrations", "schema_migration_steps")
STATEMENT_SECONDS = 3_600.0  # a new index on a large table takes its time
WRITES_ROWS = re.compile(r"(?:INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)
# Table, column, key, constraint or check is there already, or gone already.
ALREADY_SO = (1050, 1051, 1060, 1061, 1091, 1826, 3822)


class MigrationFailed(Exception):
    """A statement failed: which one, why, and how to go on."""


async def migrate(database: Database, folder: Path = FOLDER) -> list[str]:
    """Runs the migrations that have not run yet, one process at a time; returns their names.

    Raises MigrationFailed, DatabaseUnavailable, TimeoutError when another process migrates for too long.
    """
    done: list[str] = []
    async with database.connection() as connection:
        lock = await connection.fetch_one("SELECT GET_LOCK('ticketcraze.migrate', 60) AS got")
        if lock is None or lock["got"] != 1:
            raise TimeoutError("another process is migrating")
        await _prepare_bookkeeping(connection)
        applied = {row["name"] for row in await connection.fetch_all("SELECT name FROM schema_migrations")}
        for file in _files(folder):
            if file.stem not in applied:
                await _Migration(connection, file).run()
                done.append(file.stem)
        await connection.execute("DO RELEASE_LOCK('ticketcraze.migrate')")
    return done


async def grant(database: Database, user: str) -> None:
    """Gives the application's database user what it needs, and no more."""
    async with database.connection() as connection:
        for table in await _tables(connection):
            if table in BOOKKEEPING:
                rights = "SELECT"
            elif table in APPEND_ONLY:
                rights = "SELECT, INSERT"
            else:
                rights = "SELECT, INSERT, UPDATE, DELETE"
            await connection.execute(f"GRANT {rights} ON `{table}` TO %s@'%%'", (user,))


class _Migration:
    """One file, statement by statement."""

    def __init__(self, connection: Connection, file: Path) -> None:
        self._connection = connection
        self._name = file.stem
        self._statements = statements(file.read_text())

    async def run(self) -> None:
        steps = {
            row["step"]: row
            for row in await self._connection.fetch_all(
                "SELECT step, hash, done_at FROM schema_migration_steps WHERE name = %s", (self._name,)
            )
        }
        for number, statement in enumerate(self._statements, 1):
            step = steps.get(number)
            if step and step["hash"] != _hash(statement):
                raise self._failed(number, "the file was changed after a part of it had run")
            if not step or not step["done_at"]:
                await self._run_one(number, statement, was_begun=step is not None)
        await self._connection.execute("START TRANSACTION")
        await self._connection.execute(
            "INSERT INTO schema_migrations (name, applied_at) VALUES (%s, %s)",
            (self._name, to_datetime(now_ms())),
        )
        await self._connection.execute("DELETE FROM schema_migration_steps WHERE name = %s", (self._name,))
        await self._connection.execute("COMMIT")

    async def _run_one(self, number: int, statement: str, *, was_begun: bool) -> None:
        """Rows are changed in one transaction with the note; a table in between two notes."""
        changes_rows = WRITES_ROWS.match(statement) is not None
        try:
            if changes_rows:
                await self._connection.execute("START TRANSACTION")
            elif not was_begun:
                await self._connection.execute(
                    "INSERT INTO schema_migration_steps (name, step, hash) VALUES (%s, %s, %s)",
                    (self._name, number, _hash(statement)),
                )
            await self._connection.execute(statement, seconds=STATEMENT_SECONDS)
        except MySQLError as error:
            # It was begun before and the run ended at that moment: MySQL had finished it, and we did not know.
            if not (was_begun and error.args[0] in ALREADY_SO):
                if changes_rows:
                    await self._connection.execute("ROLLBACK")
                await self._connection.execute(
                    "DELETE FROM schema_migration_steps WHERE name = %s AND step = %s", (self._name, number)
                )
                raise self._failed(number, str(error)) from error
        await self._connection.execute(
            "INSERT INTO schema_migration_steps (name, step, hash, done_at) VALUES (%s, %s, %s, %s)"
            " ON DUPLICATE KEY UPDATE done_at = VALUES(done_at)",
            (self._name, number, _hash(statement), to_datetime(now_ms())),
        )
        if changes_rows:
            await self._connection.execute("COMMIT")

    def _failed(self, number: int, why: str) -> MigrationFailed:
        before = f"The {number - 1} before it are done and will not run again. " if number > 1 else ""
        return MigrationFailed(
            f"{self._name}, statement {number} of {len(self._statements)}: {why}. {before}"
            "Mend the cause and run `ticketcraze migrate` again."
        )


async def _prepare_bookkeeping(connection: Connection) -> None:
    name = "name VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL"
    await connection.execute(
        f"CREATE TABLE IF NOT EXISTS schema_migrations ({name} PRIMARY KEY,"
        " applied_at DATETIME(3) NOT NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
    )
    await connection.execute(
        f"CREATE TABLE IF NOT EXISTS schema_migration_steps ({name}, step SMALLINT UNSIGNED NOT NULL,"
        " hash CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, done_at DATETIME(3) NULL,"
        " PRIMARY KEY (name, step)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
    )


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.sql"))


def _hash(statement: str) -> str:
    return hashlib.sha256(statement.encode()).hexdigest()


async def _tables(connection: Connection) -> list[str]:
    return [next(iter(row.values())) for row in await connection.fetch_all("SHOW TABLES")]
