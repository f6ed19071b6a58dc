"""The words of the pages, for templates and scripts alike: templates/words has them, this finds and fills them.

What a script may have to say again later has its name there; what never changes stands in its template.
"""

import json
import re
from datetime import datetime
from typing import Any

from app.units import iso
from app.web.static import ROOT

_FOLDER = ROOT / "templates" / "words"
_FIGURE = re.compile(r"\{(\w+)\}")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Text = str | dict[str, str]


def catalogue(*rooms: str) -> dict[str, Text]:
    """The words of these rooms: a text by its name, or its forms for none, one and many."""
    found: dict[str, Text] = {}
    for room in rooms:
        found |= json.loads((_FOLDER / f"{room}.json").read_text())
    return found


class Words:
    """The words of some rooms, and times in words. Numbers are written with separators, times in UTC."""

    def __init__(self, *rooms: str) -> None:
        self._catalogue = catalogue(*rooms)

    def __contains__(self, name: str) -> bool:
        return name in self._catalogue

    def __call__(self, name: str, **figures: Any) -> str:
        """The text with its figures filled in; `n` also chooses between none, one and many. Raises KeyError."""
        text = self._catalogue[name]
        if isinstance(text, dict):
            form = {0: "zero", 1: "one"}.get(figures["n"], "other")
            text = text.get(form, text["other"])
        return _FIGURE.sub(lambda match: count(figures[match[1]]), text)

    def clock(self, ms: float) -> str:
        """272_000 -> "4:32", with hours and days when there are any."""
        seconds = max(0, -int(-ms // 1000))
        days, hours, minutes = seconds // 86_400, seconds // 3600 % 24, seconds // 60 % 60
        if days:
            return self("time.days", days=days, hours=hours)
        return f"{hours}:{minutes:02}:{seconds % 60:02}" if hours else f"{minutes}:{seconds % 60:02}"

    def span(self, ms: float) -> str:
        """150_000 -> "3 minutes"."""
        seconds = max(0, _round(ms / 1000))
        if seconds < 60:
            return self("span.seconds", n=seconds)
        minutes = _round(seconds / 60)
        if minutes < 90:
            return self("span.minutes", n=minutes)
        hours = _round(minutes / 60)
        return self("span.hours", n=hours) if hours < 48 else self("span.days", n=_round(hours / 24))

    def eta(self, seconds: tuple[int, int] | None) -> str:
        """(240, 400) -> "in 4 to 7 min"."""
        if not seconds:
            return self("eta.unknown")
        low, high = seconds
        if high < 60:
            return self("eta.soon")
        unit, name = (60, "minutes") if high < 5400 else (3600, "hours")
        first, last = max(1, low // unit), -(-high // unit)
        return self(f"eta.about_{name}", n=last) if first == last else self(f"eta.{name}", low=first, high=last)


def _round(number: float) -> int:
    """As scripts round: halves up."""
    return int(number + 0.5)


def count(figure: Any) -> str:
    """A number with separators; any other text as it is."""
    return f"{figure:,}" if isinstance(figure, int) else str(figure)


def to_ms(text: str) -> int:
    """ISO 8601 text as `units.iso` writes it, in UTC milliseconds."""
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def hour_of(text: str) -> str:
    """ "2026-11-23T19:30:00.000Z" -> "19:30 UTC"."""
    return f"{text[11:16]} UTC"


def day_and_hour(text: str) -> str:
    """ "2026-11-23T19:30:00.000Z" -> "Mon 23 Nov, 19:30 UTC"."""
    day = datetime.fromisoformat(text)
    return f"{_DAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]}, {hour_of(iso(to_ms(text)))}"
