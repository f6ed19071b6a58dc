"""MySQL, through a pool that cannot leak.

`databases` opens and closes the pool. Its own transactions lose a pool slot when COMMIT or ROLLBACK fails or the
task is cancelled, and wait for a slot without a limit; so here a connection is borrowed with a time limit, and
one that was interrupted is closed before it goes back: the pool then counts the slot as free, and no half-read
answer reaches the next borrower.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any

import databases
from asyncmy.cursors import DictCursor
from asyncmy.errors import MySQLError

from app.settings import Settings

ACQUIRE_SECONDS = 5.0
STATEMENT_SECONDS = 30.0
LOCK_SECONDS = 5
# Gap locks of REPEATABLE READ would make two ledgers that insert side by side wait for each other.
ON_CONNECT = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"

Row = dict[str, Any]


def in_list(values: Collection[Any]) -> str:
    """The placeholders of an IN for so many values: "(%s, %s, %s)"."""
    return f"({', '.join(['%s'] * len(values))})"


class DatabaseUnavailable(Exception):
    """MySQL cannot be reached, or gave no connection or no answer in time."""


class Connection:
    """One borrowed connection. Parameters are `%s` in the statement; rows come as dicts."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    async def fetch_all(self, statement: str, args: Sequence[Any] = ()) -> list[Row]:
        """All rows of a SELECT. Binary columns hold text here, and come as such."""
        async with asyncio.timeout(STATEMENT_SECONDS), self._raw.cursor(cursor=DictCursor) as cursor:
            await cursor.execute(statement, args or None)
            return [_as_text(row) for row in await cursor.fetchall()]

    async def fetch_one(self, statement: str, args: Sequence[Any] = ()) -> Row | None:
        """The first row of a SELECT, or None."""
        rows = await self.fetch_all(statement, args)
        return rows[0] if rows else None

    async def execute(self, statement: str, args: Sequence[Any] = (), seconds: float = STATEMENT_SECONDS) -> int:
        """Runs a statement; the id of the row it inserted, or how many rows it changed."""
        async with asyncio.timeout(seconds), self._raw.cursor() as cursor:
            changed = await cursor.execute(statement, args or None)
            return int(cursor.lastrowid or changed)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["Connection"]:
        """Holds one transaction: committed at the end, rolled back when the data are refused."""
        await self.execute("START TRANSACTION")
        try:
            yield self
        except MySQLError:
            await self.execute("ROLLBACK")
            raise
        await self.execute("COMMIT")

    async def insert_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """One multi-row statement from `INSERT ... VALUES (%s, ...)` for all rows; nothing for none."""
        if rows:
            async with asyncio.timeout(STATEMENT_SECONDS), self._raw.cursor() as cursor:
                await cursor.executemany(statement, rows)


class Database:
    """The pool.

    Raises DatabaseUnavailable for whatever waiting may mend; what is wrong with the data itself raises MySQLError.
    """

    def __init__(self, url: str, pool_size: int, ssl_ca: str = "") -> None:
        """`ssl_ca` is the file of the authority that MySQL's certificate must come from; without it, no TLS."""
        options: dict[str, Any] = {"ssl": ssl.create_default_context(cafile=ssl_ca)} if ssl_ca else {}
        self._databases = databases.Database(
            url,
            min_size=0,
            max_size=pool_size,
            connect_timeout=ACQUIRE_SECONDS,
            init_command=ON_CONNECT,
            **options,
        )
        self.pool_size = pool_size
        self._borrowed_at: dict[object, float] = {}  # monotonic seconds

    async def open(self) -> None:
        """Opens the pool; connections are made when first needed, so MySQL may be unavailable."""
        await self._databases.connect()

    async def close(self) -> None:
        """Closes the pool."""
        await self._databases.disconnect()

    @property
    def borrowed(self) -> int:
        """Connections in use now."""
        pool = self._databases._backend._pool
        return len(pool._used) if pool else 0

    def kept(self, seconds: float) -> int:
        """Connections in use of which nobody can say that they were borrowed within these seconds."""
        since = time.monotonic() - seconds
        return max(self.borrowed - sum(at > since for at in self._borrowed_at.values()), 0)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Borrows a connection; each statement is its own transaction."""
        link = databases.core.Connection(self._databases, self._databases._backend)
        try:
            async with asyncio.timeout(ACQUIRE_SECONDS):
                await link.__aenter__()
        except (TimeoutError, OSError, MySQLError, RuntimeError) as error:
            # A RuntimeError is what asyncmy makes of a connection that was lost as soon as it was there.
            task = asyncio.current_task()
            if task and task.cancelling():  # asyncmy tells a cancelled connect as a lost connection
                raise asyncio.CancelledError from error
            raise DatabaseUnavailable(str(error) or "no connection in time") from error
        raw = link.raw_connection
        self._borrowed_at[link] = time.monotonic()
        try:
            yield Connection(raw)
        except BaseException as error:
            # What MySQL refused for the data's sake leaves the connection sound; anything else may not.
            mendable = may_be_mended(error)
            if mendable or not isinstance(error, MySQLError):
                raw.close()
            if mendable:
                raise DatabaseUnavailable(str(error) or "no answer in time") from error
            raise
        finally:
            del self._borrowed_at[link]
            await link.__aexit__()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Borrows a connection and holds one transaction: committed at the end, rolled back on any error."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def lock(self, name: str) -> AsyncIterator[Connection]:
        """Borrows a connection that holds a lock of this name, which nobody else holds meanwhile.

        It is no lock on rows: nobody waits for it but those who ask for it. It ends with the connection.
        """
        async with self.connection() as connection:
            row = await connection.fetch_one("SELECT GET_LOCK(%s, %s) AS got", (name, LOCK_SECONDS))
            if row is None or row["got"] != 1:
                raise DatabaseUnavailable(f"{name} is locked by another process")
            try:
                yield connection
            except MySQLError:  # after anything else the connection is closed, and the lock with it
                await connection.execute("DO RELEASE_LOCK(%s)", (name,))
                raise
            await connection.execute("DO RELEASE_LOCK(%s)", (name,))

    async def fetch_all(self, statement: str, args: Sequence[Any] = ()) -> list[Row]:
        """All rows of one SELECT on a connection of its own."""
        async with self.connection() as connection:
            return await connection.fetch_all(statement, args)

    async def fetch_one(self, statement: str, args: Sequence[Any] = ()) -> Row | None:
        """The first row of one SELECT on a connection of its own, or None."""
        async with self.connection() as connection:
            return await connection.fetch_one(statement, args)

    async def execute(self, statement: str, args: Sequence[Any] = ()) -> int:
        """One statement on a connection of its own; see Connection.execute."""
        async with self.connection() as connection:
            return await connection.execute(statement, args)


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """The pool of the application's database user."""
    database = Database(settings.database_url, settings.database_pool_size, settings.mysql_ssl_ca)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def open_database_as_owner(settings: Settings) -> AsyncIterator[Database]:
    """A small pool of the user who owns the schema: for migrations only."""
    database = Database(settings.owner_database_url, 2, settings.mysql_ssl_ca)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


def _as_text(row: Row) -> Row:
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in row.items()}


# What is wrong with the data itself, and stays wrong however long one waits. Everything else may be mended, by
# time or by people: a server that is gone, read-only, full, locked, out of memory, badly granted or migrated.
_WRONG_FOR_EVER = frozenset(
    {
        1048,  # no value for a column that needs one
        1062,  # there already
        1264,  # a number out of range
        1265,  # cut off
        1292,  # no such time or number
        1366,  # text that the column's character set does not have
        1406,  # longer than the column
        1451,  # somebody refers to it
        1452,  # refers to nothing
        1586,  # there already, with the key's name
        1690,  # a sum out of range
        3819,  # a CHECK, in MySQL
        4025,  # and in MariaDB
    }
)


def may_be_mended(error: BaseException) -> bool:
    """Whether trying again later may help, or the data can never be written like this."""
    if isinstance(error, MySQLError):
        return not error.args or error.args[0] not in _WRONG_FOR_EVER
    return isinstance(error, OSError | TimeoutError)
