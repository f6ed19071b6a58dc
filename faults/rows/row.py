"""What a row is: something that goes wrong in the middle of a sale."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from crowd.habits import Habits
from faults import crowd
from faults.night import Night


@dataclass(frozen=True)
class Scale:
    """How large the sale of a row is, and for how long its crowd goes on once the fault is over."""

    buyers: int = crowd.BUYERS
    skus: tuple[str, ...] = ("Floor:4500:22", "Box:9900:8")
    room: int = 25  # inside at once
    patience_seconds: float = 9.0
    is_direct: bool = False  # past the proxy, which has two files open for each connection


@dataclass(frozen=True)
class Sale:
    """The sale of one row."""

    id: int
    slug: str
    capacity: int


Act = Callable[..., Awaitable[None]]


@dataclass(frozen=True)
class Row:
    """One fault: what it is in words, and what it does. It is over when `act` returns.

    `act` is given the night, its sale and a source of chance. Raises NightFailed when the fault did not happen or
    the system did not come back.
    """

    name: str
    what: str
    act: Callable[[Night, Sale, Random], Awaitable[None]]
    is_quick: bool = False  # one of the few that run with every change
    poisons: bool = False  # dead letters are part of it
    needs_root: bool = False
    habits: Callable[[Random], Habits] = crowd.habits
    undoes_writes: bool = False  # Redis forgets what it has acknowledged
    scale: Scale = Scale()

    @property
    def hold_seconds(self) -> int:
        """How long holds last; where they must be made anew in Redis, longer than that takes."""
        return crowd.LONG_HOLD_SECONDS if self.undoes_writes else crowd.HOLD_SECONDS


def row(
    name: str,
    what: str,
    act: Act,
    *,
    quick: bool = False,
    poisons: bool = False,
    needs_root: bool = False,
    habits: Callable[[Random], Habits] = crowd.habits,
    undoes_writes: bool = False,
    scale: Scale = Scale(),
    **options: Any,
) -> Row:
    """A row whose `act` is called with `options` too."""
    return Row(name, what, partial(act, **options), quick, poisons, needs_root, habits, undoes_writes, scale)
