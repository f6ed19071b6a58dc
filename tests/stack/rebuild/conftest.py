"""A Redis of these tests' own, to be wiped, killed and put back to older data, and books that go with it."""

from collections.abc import Iterator

import pytest

from tests.world.apart import apart
from tests.world.redis_server import OwnRedis, redis_server
from tests.world.stack import Stack


@pytest.fixture(scope="package")
def server() -> Iterator[OwnRedis]:
    with redis_server() as server:
        yield server


@pytest.fixture(scope="package")
def env(stack: Stack, server: OwnRedis) -> Iterator[dict[str, str]]:
    with apart(stack, REDIS_URL=server.url, SANDBOX_URL=stack.env["SANDBOX_URL"]) as env:
        yield env
