"""A Redis of these tests' own, without workers: what happens in it is what a test does."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.stack.room.world import World
from tests.world.machine import free_port

START_SECONDS = 20


@pytest.fixture(scope="package")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Redis that is configured like the stack's, and gone afterwards."""
    folder: Path = tmp_path_factory.mktemp("redis")
    port = free_port()
    options = ["--port", str(port), "--dir", str(folder), "--save", "", "--appendonly", "yes"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            ["redis-server", "--bind", "127.0.0.1", *options], stdout=log, stderr=subprocess.STDOUT
        )
    url = f"redis://127.0.0.1:{port}/0"
    try:
        deadline = time.monotonic() + START_SECONDS
        with redis.Redis.from_url(url) as client:
            while True:
                try:
                    client.ping()
                    break
                except redis.ConnectionError:
                    assert time.monotonic() < deadline, (folder / "log").read_text()
                    time.sleep(0.05)
        yield url
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture
def world(redis_url: str) -> Iterator[World]:
    """A sale that belongs to one test."""
    with World(redis_url) as world:
        yield world
