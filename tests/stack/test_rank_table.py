"""The rank table that the script makes of a queue: true places, however long it is."""

import asyncio
import random
import secrets
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from app.infra.keys import keys
from app.infra.redis import open_redis
from app.sale.waiting_room import RankTable, rank_table
from app.settings import Settings


class Queues:
    """Queues in Redis, and the rank table that the script makes of them."""

    def __init__(self, env: dict[str, str]) -> None:
        self._runner = asyncio.Runner()
        self._opening = open_redis(Settings.from_environment(env))
        self._redis: Redis = self._runner.run(self._opening.__aenter__())

    def table(self, numbers: list[int], waiting_in_lobby: int = 0) -> RankTable:
        return self._runner.run(self._table(numbers, waiting_in_lobby))

    async def _table(self, numbers: list[int], waiting_in_lobby: int) -> RankTable:
        event_id = 2**32 - 1 - secrets.randbelow(1_000_000)  # of no event in the books
        names = keys(event_id, "sale", "stock", "lobby", "queue")
        sale, stock, lobby, queue = names
        try:
            await self._redis.hset(sale, mapping={
                "ready": "1", "state": "open", "rate_per_minute": "600", "room": "9", "pass_ttl_seconds": "60",
            })  # fmt: skip
            await self._redis.hset(
                stock, mapping={"5:capacity": 9, "5:available": 4, "5:held": 3, "5:sold": 2, "5:price": 100}
            )
            if waiting_in_lobby:
                await self._redis.zadd(lobby, {f"lobby {n}": n for n in range(waiting_in_lobby)})
            for first in range(0, len(numbers), 5_000):
                await self._redis.zadd(queue, {f"b{n}": n for n in numbers[first : first + 5_000]})
            return await rank_table(self._redis, event_id)
        finally:
            await self._redis.delete(*names)

    def close(self) -> None:
        self._runner.run(self._opening.__aexit__(None, None, None))
        self._runner.close()


@pytest.fixture(scope="module")
def queues(env: dict[str, str]) -> Iterator[Queues]:
    queues = Queues(env)
    yield queues
    queues.close()


def gappy(length: int, step: int, seed: int) -> list[int]:
    """Queue numbers in order, with gaps where buyers left or came in."""
    chance = random.Random(seed)  # noqa: S311  # a queue, not a secret
    numbers, number = [], chance.randint(1, 1_000)
    for _ in range(length):
        numbers.append(number)
        number += chance.randint(1, step)
    return numbers


def check_places(table: RankTable, numbers: list[int]) -> None:
    """Against counting by hand."""
    for ahead, number in enumerate(numbers):
        told = table.place(number)
        if ahead < 100:
            assert told == ahead
        else:
            assert ahead <= told <= ahead * 1.02, f"{told} told, {ahead} are ahead"


@pytest.mark.parametrize("step", [1, 2, 50])
@pytest.mark.parametrize("length", [0, 1, 2, 99, 100, 101, 102, 103, 104, 105, 5_000])
def test_places_are_exact_near_the_front_and_close_behind(queues: Queues, length: int, step: int) -> None:
    numbers = gappy(length, step, seed=length + step)
    table = queues.table(numbers)
    assert table.waiting == length
    check_places(table, numbers)


@settings(max_examples=40, deadline=None)
@given(length=st.integers(0, 1_500), step=st.integers(1, 100), seed=st.integers(0, 2**32))
def test_places_are_true_in_any_queue(queues: Queues, length: int, step: int, seed: int) -> None:
    numbers = gappy(length, step, seed)
    check_places(queues.table(numbers), numbers)


@settings(max_examples=20, deadline=None)
@given(length=st.integers(0, 1_500), step=st.integers(1, 100), seed=st.integers(0, 2**32))
def test_nobody_is_told_to_be_behind_somebody_who_is_behind_them(
    queues: Queues, length: int, step: int, seed: int
) -> None:
    numbers = gappy(length, step, seed)
    table = queues.table(numbers)
    places = [table.place(number) for number in numbers]
    assert places == sorted(places)


def test_the_table_hardly_grows_with_the_queue(queues: Queues) -> None:
    assert len(queues.table(list(range(1, 1_001))).ranks) < 230
    assert len(queues.table(list(range(1, 30_001))).ranks) < 420


def test_a_number_from_before_the_queue_has_nobody_ahead(queues: Queues) -> None:
    table = queues.table(list(range(500, 900)))
    assert [table.place(number) for number in (1, 499, 500)] == [0, 0, 0]


def test_a_number_after_the_queue_is_never_ahead_of_it(queues: Queues) -> None:
    assert queues.table([]).place(7) == 0
    assert queues.table([5]).place(7) in (0, 1)
    assert queues.table(list(range(1, 501))).place(10_000) in (499, 500)


def test_the_table_says_how_the_sale_stands(queues: Queues) -> None:
    table = queues.table([3, 4], waiting_in_lobby=6)
    assert (table.state, table.pace.allowed_per_minute, table.lobby, table.waiting) == ("open", 600, 6, 2)
    assert (table.stock[5].available, table.stock[5].held, table.stock[5].sold) == (4, 3, 2)
