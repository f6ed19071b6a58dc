"""The pool gives every slot back: connections killed, tasks canceled, commits that fail, and nothing leaks."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress

import databases
import pytest
from asyncmy.errors import IntegrityError, MySQLError

from app.infra import mysql as module
from app.infra.mysql import Connection, Database, DatabaseUnavailable
from tests.world.apart import scratch

ROUNDS = 60
Story = Callable[[Database, Database], Awaitable[None]]


def with_pool(env: dict[str, str], story: Story) -> None:
    """Runs a test with a pool, and another one to kill its connections with; in the end nothing is missing."""

    async def tell() -> None:
        async with scratch(env, "pool") as database:
            killer = Database(env["OWNER_DATABASE_URL"], 1)
            await killer.open()
            try:
                await database.execute("CREATE TABLE notes (id INT PRIMARY KEY AUTO_INCREMENT, text VARCHAR(20))")
                await story(database, killer)
                await nothing_is_missing(database, killer)
            finally:
                await killer.close()

    asyncio.run(tell())


async def nothing_is_missing(database: Database, killer: Database) -> None:
    """Every slot can be borrowed at once, each with a sound connection, and MySQL has no others."""
    assert database.borrowed == 0
    async with AsyncExitStack() as borrowing:
        async with asyncio.timeout(3):
            all_of_them = [
                await borrowing.enter_async_context(database.connection()) for _ in range(database.pool_size)
            ]
        assert len({await id_of(connection) for connection in all_of_them}) == database.pool_size
        for connection in all_of_them:
            assert await connection.fetch_one("SELECT 7 AS seven") == {"seven": 7}
        for _ in range(100):  # MySQL sees that a client is gone only when its statement ends
            if await open_connections(killer) == database.pool_size:
                break
            await asyncio.sleep(0.03)
        assert await open_connections(killer) == database.pool_size
    assert database.borrowed == 0


async def open_connections(killer: Database) -> int:
    row = await killer.fetch_one(
        "SELECT COUNT(*) AS open FROM information_schema.processlist WHERE db = 'ticketcraze_pool'"
    )
    assert row
    return int(row["open"])


async def id_of(connection: Connection) -> int:
    row = await connection.fetch_one("SELECT CONNECTION_ID() AS id")
    assert row
    return int(row["id"])


async def notes(database: Database) -> list[str]:
    return [row["text"] for row in await database.fetch_all("SELECT text FROM notes ORDER BY id")]


async def kill(killer: Database, *ids: int) -> None:
    for id in ids:
        with suppress(MySQLError):  # gone already
            await killer.execute("KILL %s", (id,))


def test_idle_connections_that_were_killed_cost_an_error_each_at_most(env: dict[str, str]) -> None:
    async def story(database: Database, killer: Database) -> None:
        async with AsyncExitStack() as borrowing:
            ids = [
                await id_of(await borrowing.enter_async_context(database.connection()))
                for _ in range(database.pool_size)
            ]
        await kill(killer, *ids)
        errors = 0
        for _ in range(2 * database.pool_size):
            try:
                await database.fetch_one("SELECT 1")
            except DatabaseUnavailable:
                errors += 1
        assert errors <= database.pool_size
        await database.fetch_one("SELECT 1")

    with_pool(env, story)


def test_connections_killed_in_mid_transaction_leave_nothing_behind(env: dict[str, str]) -> None:
    async def story(database: Database, killer: Database) -> None:
        async def write(text: str) -> None:
            async with database.transaction() as connection:
                await connection.execute("INSERT INTO notes (text) VALUES (%s)", (text,))
                await kill(killer, await id_of(connection))
                await connection.execute("INSERT INTO notes (text) VALUES (%s)", (text,))

        for round in range(ROUNDS):
            with pytest.raises(DatabaseUnavailable):
                await write(str(round))
        assert await notes(database) == []

    with_pool(env, story)


def test_a_commit_that_fails_is_told_and_gives_the_slot_back(env: dict[str, str]) -> None:
    async def story(database: Database, killer: Database) -> None:
        async def write(text: str) -> None:
            async with database.transaction() as connection:
                await connection.execute("INSERT INTO notes (text) VALUES (%s)", (text,))
                await kill(killer, await id_of(connection))

        for round in range(ROUNDS):
            with pytest.raises(DatabaseUnavailable):
                await write(str(round))
        assert await notes(database) == []

    with_pool(env, story)


def test_connections_killed_in_mid_query_are_told(env: dict[str, str]) -> None:
    async def story(database: Database, killer: Database) -> None:
        async def sleep(ids: asyncio.Queue[int]) -> None:
            async with database.connection() as connection:
                ids.put_nowait(await id_of(connection))
                await connection.fetch_all("SELECT SLEEP(20)")

        for _ in range(5):
            ids: asyncio.Queue[int] = asyncio.Queue()
            sleeping = [asyncio.create_task(sleep(ids)) for _ in range(database.pool_size)]
            await kill(killer, *[await ids.get() for _ in sleeping])
            results = await asyncio.wait_for(asyncio.gather(*sleeping, return_exceptions=True), 5)
            # MariaDB may answer the killed SLEEP itself, as one that was interrupted
            assert all(result is None or isinstance(result, DatabaseUnavailable) for result in results)

    with_pool(env, story)


def test_tasks_canceled_at_any_moment_leave_nothing_behind(env: dict[str, str]) -> None:
    async def story(database: Database, killer: Database) -> None:
        chance = random.Random(1)  # noqa: S311  # moments, not secrets

        async def write(text: str) -> None:
            async with database.transaction() as connection:
                await connection.execute("INSERT INTO notes (text) VALUES (%s)", (text,))
                await connection.fetch_all("SELECT * FROM notes")
                await connection.execute("INSERT INTO notes (text) VALUES (%s)", (text,))

        canceled = 0
        for round in range(ROUNDS):
            tasks = [asyncio.create_task(write(f"{round}/{n}")) for n in range(2 * database.pool_size)]
            await asyncio.sleep(chance.random() * 0.02)
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            canceled += sum(isinstance(result, asyncio.CancelledError) for result in results)
            assert all(result is None or isinstance(result, asyncio.CancelledError) for result in results)
        assert canceled > ROUNDS, "they were too quick to be canceled"
        texts = await notes(database)
        assert all(texts.count(text) == 2 for text in texts), "half a transaction was committed"

    with_pool(env, story)


def test_tasks_canceled_in_mid_query_hand_their_answer_to_nobody(env: dict[str, str]) -> None:
    async def story(database: Database, killer: Database) -> None:
        chance = random.Random(2)  # noqa: S311  # moments, not secrets

        async def ask(number: int) -> None:
            assert await database.fetch_one("SELECT %s AS n, SLEEP(0.002)", (number,)) == {
                "n": number,
                "SLEEP(0.002)": 0,
            }

        answered = 0
        for round in range(ROUNDS):
            tasks = [asyncio.create_task(ask(100 * round + n)) for n in range(3 * database.pool_size)]
            for task in chance.sample(tasks, len(tasks) // 2):
                await asyncio.sleep(chance.random() * 0.002)
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(result is None or isinstance(result, asyncio.CancelledError) for result in results)
            answered += results.count(None)
        assert ROUNDS < answered < ROUNDS * 3 * database.pool_size, "all were canceled, or none"

    with_pool(env, story)


def test_a_pool_with_nothing_left_says_so_in_time(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ACQUIRE_SECONDS", 0.3)

    async def story(database: Database, killer: Database) -> None:
        async with AsyncExitStack() as borrowing:
            for _ in range(database.pool_size):
                await borrowing.enter_async_context(database.connection())
            assert (database.kept(60), database.kept(0)) == (0, database.pool_size)
            started = time.monotonic()
            with pytest.raises(DatabaseUnavailable):
                await database.fetch_one("SELECT 1")
            assert 0.25 < time.monotonic() - started < 1.5
            waiting = asyncio.create_task(database.fetch_one("SELECT 1 AS one"))
            await asyncio.sleep(0.05)
            await borrowing.aclose()
            assert await waiting == {"one": 1}, "whoever waits gets a slot that comes back"

    with_pool(env, story)


def test_a_statement_that_takes_too_long_is_given_up(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STATEMENT_SECONDS", 0.2)

    async def story(database: Database, killer: Database) -> None:
        for _ in range(2 * database.pool_size):
            with pytest.raises(DatabaseUnavailable):
                await database.fetch_one("SELECT SLEEP(1)")

    with_pool(env, story)


def test_an_error_of_ones_own_rolls_back_and_is_passed_on(env: dict[str, str]) -> None:
    async def story(database: Database, killer: Database) -> None:
        async def write() -> None:
            async with database.transaction() as connection:
                await connection.execute("INSERT INTO notes (text) VALUES ('half')")
                raise ZeroDivisionError

        for _ in range(2 * database.pool_size):
            with pytest.raises(ZeroDivisionError):
                await write()
        assert await notes(database) == []

    with_pool(env, story)


def test_a_statement_that_mysql_refuses_rolls_back_and_keeps_the_connection(env: dict[str, str]) -> None:
    async def story(database: Database, killer: Database) -> None:
        ids = set()

        async def write() -> None:
            async with database.transaction() as connection:
                ids.add(await id_of(connection))
                await connection.execute("INSERT INTO notes (id, text) VALUES (1, 'one')")
                await connection.execute("INSERT INTO notes (id, text) VALUES (1, 'again')")

        for _ in range(ROUNDS):
            with pytest.raises(IntegrityError):
                await write()
        assert await notes(database) == []
        assert len(ids) <= database.pool_size, "a sound connection was thrown away"

    with_pool(env, story)


def test_what_people_may_mend_is_told_as_unavailable(env: dict[str, str]) -> None:
    async def story(database: Database, killer: Database) -> None:
        with pytest.raises(DatabaseUnavailable, match="nowhere"):
            await database.execute("SELECT nonsense FROM nowhere")
        assert database.borrowed == 0

    with_pool(env, story)


def test_mysql_away_is_told_as_such() -> None:
    async def ask() -> None:
        database = Database("mysql+asyncmy://app:none@127.0.0.1:1/ticketcraze", 2)
        await database.open()
        for _ in range(5):
            with pytest.raises(DatabaseUnavailable):
                await database.fetch_one("SELECT 1")
        assert database.borrowed == 0
        await database.close()

    asyncio.run(ask())


def test_the_control_plain_transactions_leak_under_the_same_treatment(env: dict[str, str]) -> None:
    """What the guard is for: without it, as many killed connections as there are slots empty the pool."""

    async def story(database: Database, killer: Database) -> None:
        plain = databases.Database(env["OWNER_DATABASE_URL"], min_size=0, max_size=3)
        await plain.connect()

        async def write_in_vain() -> None:
            async with plain.transaction():
                await kill(killer, int(await plain.fetch_val("SELECT CONNECTION_ID()")))

        for _ in range(3):
            with suppress(MySQLError):
                await asyncio.create_task(write_in_vain())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await asyncio.create_task(write_in_vain())

    with_pool(env, story)
