"""How buyers behave: the habits of one, and the mix that makes a crowd. The same seed gives the same crowd."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Final

EARLY_SHARE = 0.85  # arrive before the opening, when there is time until then
ARRIVING_SECONDS = 30.0  # in which the others arrive after it
MOST_EARLY_SECONDS = 55.0
PAYING_SHARE = 0.6  # of the buyers end with a ticket at least


@dataclass(frozen=True)
class Habits:
    """What one buyer does on the way. Times are in seconds."""

    arrives_after_seconds: float = 0
    reads_after_seconds: float = 0  # frames wait this long before they are read
    leaves_after_seconds: float | None = None  # in the queue, if not called before
    away_after_seconds: float | None = None  # in the queue: closes the tab, if not called before
    away_seconds: float = 0
    thinks_seconds: float = 0  # with the pass, before ordering
    only_looks: bool = False  # lets the pass end
    tickets: int = 0  # of an order; 0: as many as chance and the limit say
    wants: int = 0  # in all: goes on ordering until then, the limit or the end
    pays_after_seconds: float = 0
    places: int = 1  # a robot takes more than one, under other names
    presses: tuple[str, ...] = ("succeed",)  # on the provider's page, one attempt each; none: never pays


PROMPT: Final = Habits(tickets=1)


def _ordinary(chance: Random) -> Habits:
    return Habits(thinks_seconds=chance.uniform(2, 12), pays_after_seconds=chance.uniform(2, 10))


def _slow(chance: Random) -> Habits:
    return Habits(
        reads_after_seconds=chance.uniform(3, 10),
        thinks_seconds=chance.uniform(15, 50),
        pays_after_seconds=chance.uniform(10, 40),
    )


def _impatient(chance: Random) -> Habits:
    return replace(_ordinary(chance), leaves_after_seconds=chance.uniform(5, 60))


def _absent(chance: Random) -> Habits:
    return replace(_ordinary(chance), away_after_seconds=chance.uniform(1, 40), away_seconds=chance.uniform(5, 60))


def _pressing(*presses: str) -> Callable[[Random], Habits]:
    return lambda chance: replace(_ordinary(chance), presses=presses)


# Of a hundred buyers, so many are of each kind.
KINDS: Final[dict[str, tuple[int, Callable[[Random], Habits]]]] = {
    "ordinary": (51, _ordinary),
    "slow": (12, _slow),
    "impatient": (8, _impatient),
    "absent": (8, _absent),
    "robot": (2, lambda chance: Habits(places=5)),
    "looking": (5, lambda chance: Habits(only_looks=True)),
    "unpaid": (5, _pressing()),
    "declined": (5, _pressing("decline", "succeed")),
    "late": (1, _pressing("late")),
    "twice": (2, _pressing("twice")),
    "lost": (1, _pressing("lost")),
}


def plan(buyers: int, seed: int, opens_in_seconds: float, tickets: int = 0) -> list[tuple[str, Habits]]:
    """The kind and the habits of so many buyers, in order of arrival.

    Most arrive before the opening, if it is in the future; a minute after it everybody is there. Together they
    want more than the `tickets` that there are, however few they are.
    """
    wants = math.ceil(tickets / (buyers * PAYING_SHARE)) if buyers else 0
    chance = Random(seed)  # noqa: S311  # a play, no secrets
    kinds = _shares(buyers)
    chance.shuffle(kinds)
    early_seconds = min(max(opens_in_seconds, 0.0), MOST_EARLY_SECONDS)
    planned = []
    for kind in kinds:
        early = early_seconds > 0 and chance.random() < EARLY_SHARE
        arrives = (
            chance.uniform(0, early_seconds) if early else early_seconds + chance.uniform(0, ARRIVING_SECONDS)
        )
        habits = KINDS[kind][1](chance)
        planned.append((kind, replace(habits, arrives_after_seconds=arrives, wants=wants)))
    return sorted(planned, key=lambda one: one[1].arrives_after_seconds)


def _shares(buyers: int) -> list[str]:
    """So many names of kinds, each as often as its share says; rounding favours the largest rests."""
    exact = {kind: buyers * share / 100 for kind, (share, _) in KINDS.items()}
    counts = {kind: int(count) for kind, count in exact.items()}
    by_rest = sorted(exact, key=lambda kind: counts[kind] - exact[kind])
    for kind in by_rest[: buyers - sum(counts.values())]:
        counts[kind] += 1
    return [kind for kind, count in counts.items() for _ in range(count)]
