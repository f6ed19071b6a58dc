"""A process that may open no more files goes on telling how it is."""

import asyncio
import resource
from collections.abc import Iterator
from contextlib import contextmanager

from app.infra.redis import open_redis
from app.settings import Settings
from app.watch.processes import reporting, reports


@contextmanager
def no_more_files() -> Iterator[None]:
    """As long as the block lasts, nothing can be opened."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_process_without_a_file_left_still_reports(env: dict[str, str]) -> None:
    async def story() -> list[int]:
        settings = Settings.from_environment(env)
        async with open_redis(settings) as redis, open_redis(settings) as looking:
            await asyncio.gather(redis.ping(), looking.ping())  # both are connected
            with no_more_files():
                async with reporting(redis, "out-of-files"):
                    for _ in range(100):
                        await asyncio.sleep(0.05)
                        if found := [r.open_files for r in await reports(looking) if r.name == "out-of-files"]:
                            return found
        return []

    assert asyncio.run(story()) == [3]
