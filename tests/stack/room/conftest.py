"""A Redis of these tests' own, without workers: what happens in it is what a test does."""

from collections.abc import Iterator

import pytest

from tests.stack.room.world import World
from tests.world.redis_server import OwnRedis


@pytest.fixture(scope="package")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Redis that is configured like the stack's, and gone afterwards."""
    server = OwnRedis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server.url
    server.kill()


@pytest.fixture
def world(redis_url: str) -> Iterator[World]:
    """A sale that belongs to one test."""
    with World(redis_url) as world:
        yield world
