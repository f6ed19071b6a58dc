"""MySQL, through a pool that cannot leak.

`databases` opens and closes the pool. Its own transactions lose a pool slot when COMMIT or ROLLBACK fails or the
task is cancelled, and wait for a slot without a limit; so here a connection is borrowed with a time limit, and
one that was interrupted is closed before it goes back: the pool then counts the slot as free, and no half-read
answer reaches the next borrower.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any

import databases
from asyncmy.cursors import DictCursor
from asyncmy.errors import InterfaceError, MySQLError, OperationalError

from app.settings import Settings

ACQUIRE_SECONDS = 5.0
STATEMENT_SECONDS = 30.0
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
        """All rows of a SELECT."""
        async with asyncio.timeout(STATEMENT_SECONDS), self._raw.cursor(cursor=DictCursor) as cursor:
            await cursor.execute(statement, args or None)
            return list(await cursor.fetchall())

    async def fetch_one(self, statement: str, args: Sequence[Any] = ()) -> Row | None:
        """The first row of a SELECT, or None."""
        rows = await self.fetch_all(statement, args)
        return rows[0] if rows else None

    async def execute(self, statement: str, args: Sequence[Any] = ()) -> int:
        """Runs a statement; the id of the row it inserted, or how many rows it changed."""
        async with asyncio.timeout(STATEMENT_SECONDS), self._raw.cursor() as cursor:
            changed = await cursor.execute(statement, args or None)
            return int(cursor.lastrowid or changed)

    async def insert_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """One multi-row statement from `INSERT ... VALUES (%s, ...)` for all rows; nothing for none."""
        if rows:
            async with asyncio.timeout(STATEMENT_SECONDS), self._raw.cursor() as cursor:
                await cursor.executemany(statement, rows)


class Database:
    """The pool. Raises DatabaseUnavailable where MySQL is away; other errors of a statement are its own."""

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

    async def open(self) -> None:
        """Opens the pool; connections are made when first needed, so MySQL may be away."""
        await self._databases.connect()

    async def close(self) -> None:
        """Closes the pool."""
        await self._databases.disconnect()

    @property
    def borrowed(self) -> int:
        """Connections in use now."""
        pool = self._databases._backend._pool
        return len(pool._used) if pool else 0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Borrows a connection; each statement is its own transaction."""
        link = databases.core.Connection(self._databases, self._databases._backend)
        try:
            async with asyncio.timeout(ACQUIRE_SECONDS):
                await link.__aenter__()
        except (TimeoutError, OSError, MySQLError) as error:
            task = asyncio.current_task()
            if task and task.cancelling():  # asyncmy tells a cancelled connect as a lost connection
                raise asyncio.CancelledError from error
            raise DatabaseUnavailable(str(error) or "no connection in time") from error
        raw = link.raw_connection
        try:
            yield Connection(raw)
        except BaseException as error:
            # A statement that MySQL answered with an error leaves the connection sound; anything else may not.
            if not isinstance(error, MySQLError) or isinstance(error, OperationalError):
                raw.close()
            if is_transient(error):
                raise DatabaseUnavailable(str(error) or "no answer in time") from error
            raise
        finally:
            await link.__aexit__()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Borrows a connection and holds one transaction: committed at the end, rolled back on any error."""
        async with self.connection() as connection:
            await connection.execute("START TRANSACTION")
            try:
                yield connection
            except MySQLError:
                await connection.execute("ROLLBACK")
                raise
            await connection.execute("COMMIT")

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


# Not what the statement says but how MySQL is: gone, too many connections, a deadlock, a lock held too long.
_TRANSIENT = (0, 1040, 1053, 1205, 1213, 1927, 2003, 2006, 2013, 2014, 2055)


def is_transient(error: BaseException) -> bool:
    """Whether trying again later may help: MySQL is away or busy, rather than the statement wrong."""
    if isinstance(error, OperationalError):
        return not error.args or error.args[0] in _TRANSIENT
    return isinstance(error, InterfaceError | OSError | TimeoutError)
