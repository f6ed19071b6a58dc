"""How fast a waiting room moves, and what may honestly be said of it: pure, nothing here talks to the outside."""

from math import ceil

from msgspec import Struct

from app.units import MINUTE_MS

STALE_MS = 10_000  # an admission that is silent for longer lets nobody in


class Pace(Struct, frozen=True):
    """How a waiting room moved lately, as admission measured it `age_ms` ago.

    `minute_admitted` buyers came in during the last `minute_ms` milliseconds, `five_admitted` during the last
    `five_ms` (a minute and five minutes at most, less after an opening). `free_seats` passes could be given at
    once. Nothing was measured before admission ran first.
    """

    state: str = "scheduled"
    allowed_per_minute: int = 1
    room: int = 1
    pass_ttl_seconds: int = 1
    age_ms: int = 0
    measured: bool = False
    minute_admitted: int = 0
    minute_ms: int = 0
    five_admitted: int = 0
    five_ms: int = 0
    free_seats: int = 0
    available: int = 0
    held: int = 0

    @property
    def left(self) -> int:
        """Tickets that are not sold yet."""
        return self.available + self.held

    @property
    def moving(self) -> bool:
        """Whether anybody is let in at all."""
        return self.state == "open" and self.measured and self.age_ms <= STALE_MS and self.left > 0


NOTHING_MEASURED = Pace()


def parse_pace(
    state: str, allowed_per_minute: int, room: int, pass_ttl_seconds: int, text: str, age_ms: int
) -> Pace:
    """The pace from what admit.lua notes in the sale; `text` is empty before it ran first."""
    numbers = [int(part) for part in text.split()]
    return Pace(state, allowed_per_minute, room, pass_ttl_seconds, age_ms, bool(numbers), *numbers)


def eta_seconds(position: int, pace: Pace) -> tuple[int, int] | None:
    """From when to when a buyer with `position` buyers ahead is likely to be called, in seconds from now.

    For those who find a seat free, the allowed rate decides. For everybody else seats must come free first: the
    faster of the last minute and the last five gives the earliest time, the slower one the latest; a room that was
    filled moments ago empties when its passes end. None while nobody is let in, or nobody can tell.
    """
    if not pace.moving:
        return None
    soonest = position * 60 / pace.allowed_per_minute
    latest = soonest * 2
    if position < pace.free_seats:
        return round(soonest), round(latest) + 5
    rates = [
        min(admitted * MINUTE_MS / max(measured_ms, 1), pace.allowed_per_minute)
        for admitted, measured_ms in ((pace.minute_admitted, pace.minute_ms), (pace.five_admitted, pace.five_ms))
    ]
    if not any(rates):
        return None
    fast, slow = max(rates), min(rates)
    if slow < fast / 2 or pace.five_ms < MINUTE_MS:  # it came to a halt, or has just begun
        latest = max(latest, ceil((position + 1 - pace.free_seats) / pace.room) * pace.pass_ttl_seconds)
    latest = max(latest, position * 60 / (slow or fast) * 1.5)
    return round(max(soonest, position * 60 / fast * 0.7)), round(latest) + 5


def chance(position: int, pace: Pace) -> str:
    """Whether tickets will last until a buyer with `position` ahead: good | unlikely | none (all are sold).

    Everybody who comes in may want more than one, so it is unlikely once those ahead are as many as the tickets.
    """
    if pace.measured and pace.left == 0:
        return "none"
    return "unlikely" if pace.measured and position >= pace.left else "good"
