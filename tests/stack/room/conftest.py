"""A Redis of these tests' own, without workers: what happens in it is what a test does."""

from collections.abc import Iterator

import pytest

from tests.world.redis_server import OwnRedis
from tests.world.room import Room


@pytest.fixture(scope="package")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Redis that is configured like the stack's, and gone afterwards."""
    server = OwnRedis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server.url
    server.kill()


@pytest.fixture
def room(redis_url: str) -> Iterator[Room]:
    """A sale that belongs to one test."""
    with Room(redis_url) as room:
        yield room
