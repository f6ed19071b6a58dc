"""Going away politely: for a moment all web processes of a host say that they are about to stop, and still serve.

A proxy that asks `/readyz` moves on without an error; closing the listening socket at once would refuse requests
that are already on their way here.
"""

import time

from app.infra.board import Board


class Draining:
    """Whether the host's web processes are about to stop, and for how many seconds they say so before they do."""

    def __init__(self, board: Board, seconds: float) -> None:
        self._board = board
        self.seconds = seconds

    def begin(self) -> None:
        """From now on they are about to stop."""
        self._board.ending_since_ms = int(time.monotonic() * 1000)

    @property
    def has_begun(self) -> bool:
        """Whether they are about to stop."""
        return self._board.ending_since_ms > 0
