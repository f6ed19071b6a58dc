"""What is made once a second for everybody, however many ask."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

KEPT_SECONDS = 1.0
MOST_KEPT = 1_000

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Kept(Generic[Key, Value]):
    """Values by key. What fails is not kept: the next one tries again."""

    def __init__(self) -> None:
        self._made: dict[Key, tuple[Value, float]] = {}
        self._making: dict[Key, asyncio.Task[Value]] = {}

    async def get(self, key: Key, make: Callable[[], Awaitable[Value]]) -> Value:
        """The value, a second old at most; raises what `make` raises."""
        made = self._made.get(key)
        if made and time.monotonic() - made[1] < KEPT_SECONDS:
            return made[0]
        making = self._making.get(key)
        if making is None:
            making = self._making[key] = asyncio.create_task(self._make(key, make))
            making.add_done_callback(lambda _: self._making.pop(key, None))
        return await asyncio.shield(making)

    async def _make(self, key: Key, make: Callable[[], Awaitable[Value]]) -> Value:
        began = time.monotonic()  # what is read afterwards is never older than it says
        value = await make()
        if len(self._made) >= MOST_KEPT:
            self._made.clear()
        self._made[key] = value, began
        return value
