"""A worker ends when it is asked to, whatever it waits for."""

import asyncio
import os
import signal
from typing import cast

import pytest

from app.settings import Settings
from workers import runner
from workers.runner import Stop


def test_a_worker_that_waits_for_a_server_ends_when_it_is_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    given_up = asyncio.Event()

    async def work(settings: Settings, stop: Stop) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()

    async def story() -> None:
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(5):
            await runner._until_stopped(work, cast(Settings, None))
        assert given_up.is_set()

    monkeypatch.setattr(runner, "LAST_SECONDS", 0.01)
    asyncio.run(story())


def test_what_is_under_way_is_ended_first() -> None:
    done = []

    async def work(settings: Settings, stop: Stop) -> None:
        await stop.wait()
        await asyncio.sleep(0)
        done.append(True)

    async def story() -> None:
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)
        await runner._until_stopped(work, cast(Settings, None))

    asyncio.run(story())
    assert done == [True]
