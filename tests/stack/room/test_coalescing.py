"""Commands that travel together: what goes wrong with one is not the others' matter, and everybody is answered."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import BlockingConnectionPool
from redis.exceptions import ConnectionError, DataError, ResponseError

from app.infra.coalescing import CoalescingRedis

SECONDS = 5


@asynccontextmanager
async def client(url: str) -> AsyncIterator[CoalescingRedis]:
    pool = BlockingConnectionPool.from_url(url, decode_responses=True)
    redis = CoalescingRedis(connection_pool=pool)
    try:
        yield redis
    finally:
        await redis.aclose()
        await pool.aclose()


async def echo(redis: CoalescingRedis, word: object) -> str:
    return str(await redis.execute_command("ECHO", word))


def test_commands_of_many_tasks_get_each_their_own_answer(redis_url: str) -> None:
    async def ask() -> list[str]:
        async with client(redis_url) as redis:
            return list(await asyncio.gather(*(echo(redis, str(n)) for n in range(1_000))))

    assert asyncio.run(ask()) == [str(n) for n in range(1_000)]


@pytest.mark.parametrize(
    ("bad", "error"), [("\ud800", UnicodeEncodeError), (object(), DataError)], ids=["no text", "no value"]
)
def test_what_cannot_be_sent_fails_alone(redis_url: str, bad: object, error: type[Exception]) -> None:
    """Once it hung up to 256 others for ever."""

    async def ask() -> list[object]:
        async with client(redis_url) as redis, asyncio.timeout(SECONDS):
            asked = (echo(redis, word) for word in ("a", bad, "b"))
            return list(await asyncio.gather(*asked, return_exceptions=True))

    first, failed, last = asyncio.run(ask())
    assert (first, last) == ("a", "b")
    assert isinstance(failed, error)


def test_what_redis_refuses_fails_alone(redis_url: str) -> None:
    async def ask() -> list[object]:
        async with client(redis_url) as redis, asyncio.timeout(SECONDS):
            asked = (echo(redis, "a"), redis.execute_command("NONSENSE"), echo(redis, "b"))
            return list(await asyncio.gather(*asked, return_exceptions=True))

    first, failed, last = asyncio.run(ask())
    assert (first, last) == ("a", "b")
    assert isinstance(failed, ResponseError)


def test_whoever_gives_up_takes_nobody_along(redis_url: str) -> None:
    async def ask() -> list[object]:
        async with client(redis_url) as redis, asyncio.timeout(SECONDS):
            tasks = [asyncio.create_task(echo(redis, str(n))) for n in range(300)]
            await asyncio.sleep(0)
            for task in tasks[::2]:
                task.cancel()
            return list(await asyncio.gather(*tasks, return_exceptions=True))

    answers = asyncio.run(ask())
    assert answers[1::2] == [str(n) for n in range(1, 300, 2)]
    assert all(isinstance(answer, asyncio.CancelledError) for answer in answers[::2])


@pytest.mark.parametrize("error", [ValueError("not of Redis"), None], ids=["an error", "cancelled"])
def test_a_trip_that_ends_in_any_way_answers_everybody(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    async def ask() -> list[object]:
        async with client(redis_url) as redis, asyncio.timeout(SECONDS):

            async def send(*_: object, **__: object) -> None:
                if error:
                    raise error
                raise asyncio.CancelledError

            with monkeypatch.context() as broken:
                broken.setattr("redis.asyncio.connection.Connection.send_packed_command", send)
                answers = await asyncio.gather(*(echo(redis, "x") for _ in range(300)), return_exceptions=True)
            assert await echo(redis, "goes on") == "goes on"
            return list(answers)

    answers = asyncio.run(ask())
    assert {type(answer) for answer in answers} == {type(error) if error else ConnectionError}
