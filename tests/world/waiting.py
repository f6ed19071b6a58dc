"""Waiting for a condition instead of sleeping."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

WAIT_SECONDS = 10.0
LOOK_EVERY_SECONDS = 0.02

Found = TypeVar("Found")


def until(look: Callable[[], Found | None], seconds: float = WAIT_SECONDS, what: str = "it") -> Found:
    """Looks again and again: the first answer that counts as true. `what` is named when it takes too long."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        time.sleep(LOOK_EVERY_SECONDS)
    return found


async def until_async(look: Callable[[], Found | None], seconds: float = WAIT_SECONDS, what: str = "it") -> Found:
    """The same in an event loop, which goes on meanwhile."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        await asyncio.sleep(LOOK_EVERY_SECONDS)
    return found
