"""Whoever is told to stop while it speaks with Redis does stop."""

import asyncio

from app.infra.redis import open_redis
from app.settings import Settings

STEPS = 60  # of the event loop: several commands' worth


def test_a_task_is_ended_wherever_it_is_in_a_command(env: dict[str, str]) -> None:
    """Once a cancellation that came just as a command had been written was lost, and the process did not end."""

    async def ask_for_ever() -> None:
        async with open_redis(Settings.from_environment(env)) as redis:
            while True:
                await redis.ping()

    async def all_end() -> None:
        for steps in range(STEPS):
            task = asyncio.create_task(ask_for_ever())
            await asyncio.sleep(0.05)
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            _, unended = await asyncio.wait([task], timeout=2)
            assert not unended, steps

    asyncio.run(all_end())
