"""Going away politely: for a moment the process says that it is about to stop, and still serves.

A proxy that asks `/readyz` moves on without an error; closing the listening socket at once would refuse requests
that are already on their way here.
"""

import time
from types import FrameType

import uvicorn


class Draining:
    """Whether the process is about to stop, and for how many seconds it says so before it does."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._began_at: float | None = None

    def begin(self) -> None:
        """From now on the process is about to stop."""
        self._began_at = time.monotonic()

    @property
    def has_begun(self) -> bool:
        """Whether the process is about to stop."""
        return self._began_at is not None

    @property
    def is_over(self) -> bool:
        """Whether it was said for long enough."""
        return self._began_at is not None and time.monotonic() - self._began_at >= self._seconds


class DrainingServer(uvicorn.Server):
    """uvicorn's server, which goes on for a moment when it is told to stop; told twice, it stops at once."""

    def __init__(self, config: uvicorn.Config, draining: Draining) -> None:
        super().__init__(config)
        self._draining = draining
        self._told: tuple[int, FrameType | None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Told to stop by a signal."""
        if self._draining.has_begun:
            super().handle_exit(sig, frame)
            return
        self._told = sig, frame
        self._draining.begin()

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to stop now."""
        if self._told and not self.should_exit and self._draining.is_over:
            super().handle_exit(*self._told)
        return await super().on_tick(counter)
