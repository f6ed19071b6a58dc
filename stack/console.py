"""What a person at the terminal sees: lines, steps that take a while, and a table."""

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Protocol

COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)
PLAIN_REMINDER_SECONDS = 15


class Tick(Protocol):
    """Called now and then by whoever works on a step, so that its seconds move on."""

    def __call__(self) -> None:
        """Moves on."""


class Console:
    """Writes to standard output; a closed terminal never stops the servers."""

    def __init__(self) -> None:
        self.is_tty = sys.stdout.isatty()
        self._colour_of: dict[str, int] = {}
        self._is_moving = False  # a step's line is on the screen, without its end

    def _write(self, text: str) -> None:
        # The reader may be gone (`make run | head`, a closed window): keep working.
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.write(text)
            sys.stdout.flush()

    def say(self, text: str = "") -> None:
        """Write one line, or several."""
        self._write(("\r\x1b[K" if self._is_moving else "") + text + "\n")

    def prefixed(self, name: str, text: str) -> None:
        """Write one line of the process `name`, marked with its name."""
        prefix = f"{name:>9} |"
        if self.is_tty:
            colour = self._colour_of.setdefault(name, COLOURS[len(self._colour_of) % len(COLOURS)])
            prefix = f"\x1b[{colour}m{prefix}\x1b[0m"
        self.say(f"{prefix} {text}")

    @contextlib.contextmanager
    def step(self, text: str) -> Iterator[Tick]:
        """Show a step with the seconds it takes: one moving line on a terminal, plain lines elsewhere."""
        started = time.monotonic()
        reminded = started

        def elapsed_seconds() -> float:
            return time.monotonic() - started

        def tick() -> None:
            nonlocal reminded
            if self.is_tty:
                self._write(f"\r\x1b[K… {text} ({elapsed_seconds():.0f} s)")
            elif time.monotonic() - reminded >= PLAIN_REMINDER_SECONDS:
                reminded = time.monotonic()
                self.say(f"… {text} ({elapsed_seconds():.0f} s)")

        self._write(f"… {text}" if self.is_tty else f"… {text}\n")
        self._is_moving = self.is_tty
        outcome = "✗"
        try:
            yield tick
            outcome = "✓"
        finally:
            self.say(f"{outcome} {text} ({elapsed_seconds():.1f} s)")
            self._is_moving = False

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write rows under a head, each column as wide as its widest cell."""
        widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
        for row in [head, ["-" * width for width in widths], *rows]:
            self.say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
