"""The words of the pages and mails, in every language there is, for templates and scripts alike.

templates/words has a folder for each language; this finds words and fills them in. What a script may have to say
again later has its name in `shared` or in the room of that page; what only templates say is in `pages` and `mail`.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

_FOLDER = Path(__file__).parent.parent / "templates" / "words"
_FIGURE = re.compile(r"\{(\w+)\}")

Text = str | dict[str, str]


def _plural_of_one_and_many(n: int) -> str:
    return "one" if n == 1 else "other"


def _plural_of_none(_: int) -> str:
    return "other"


def _plural_of_arabic(n: int) -> str:
    if n < 3:
        return ("zero", "one", "two")[n]
    return "few" if 3 <= n % 100 <= 10 else "many" if n % 100 >= 11 else "other"


@dataclass(frozen=True)
class Language:
    """A language that buyers may read. `plural` names the form of whole numbers, as CLDR and browsers do."""

    code: str  # BCP 47
    name: str  # what its own readers call it
    direction: Literal["ltr", "rtl"]
    plural: Callable[[int], str]


ENGLISH = Language("en", "English", "ltr", _plural_of_one_and_many)
CHINESE = Language("zh-Hans", "简体中文", "ltr", _plural_of_none)
ARABIC = Language("ar", "العربية", "rtl", _plural_of_arabic)
LANGUAGES = {language.code: language for language in (ENGLISH, CHINESE, ARABIC)}


def catalogue(language: Language, *rooms: str) -> dict[str, Text]:
    """The words of these rooms in a language: a text by its name, or its forms by CLDR's names of plurals."""
    found: dict[str, Text] = {}
    for room in rooms:
        found |= json.loads((_FOLDER / language.code / f"{room}.json").read_text())
    return found


class Words:
    """The words of some rooms in one language, with times and money in words. Times are in UTC, and say so."""

    def __init__(self, language: Language, *rooms: str) -> None:
        self.language = language
        self._catalogue = catalogue(language, *rooms)

    def __contains__(self, name: str) -> bool:
        return name in self._catalogue

    def __call__(self, name: str, /, **figures: Any) -> str:
        """The text with its figures filled in; `n` also chooses among its forms. Raises KeyError."""
        text = self._catalogue[name]
        if isinstance(text, dict):
            n = figures["n"]
            text = (text.get("zero") if n == 0 else None) or text.get(self.language.plural(n)) or text["other"]
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

    def money(self, amount_minor: int, currency: str) -> str:
        """450000, "USD" -> "$4,500.00", as browsers write it in this language."""
        name = f"money.{currency}" if f"money.{currency}" in self else "money.other"
        sign = "-" if amount_minor < 0 else ""
        amount = f"{abs(amount_minor) // 100:,}.{abs(amount_minor) % 100:02}"
        return sign + self(name, amount=amount, currency=currency)

    def hour_of(self, text: str) -> str:
        """ "2026-11-23T19:30:00.000Z" -> "19:30 UTC"."""
        return f"{_utc(text):%H:%M} UTC"

    def day_and_hour(self, text: str) -> str:
        """ "2026-11-23T19:30:00.000Z" -> "Mon 23 Nov, 19:30 UTC"."""
        return self._moment("time", text)

    def long_day_and_hour(self, text: str) -> str:
        """ "2026-11-23T19:30:00.000Z" -> "Monday 23 November 2026, 19:30 UTC"."""
        return self._moment("time.long", text)

    def _moment(self, form: str, text: str) -> str:
        day = _utc(text)
        return self(
            f"{form}.day_and_hour",
            weekday=self(f"{form}.weekdays").split()[day.weekday()],
            day=str(day.day),
            month=self(f"{form}.months").split()[day.month - 1],
            year=str(day.year),
            hour=self.hour_of(text),
        )


def _round(number: float) -> int:
    """As scripts round: halves up."""
    return int(number + 0.5)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def count(figure: Any) -> str:
    """A number with separators; any other text as it is."""
    return f"{figure:,}" if isinstance(figure, int) else str(figure)


def to_ms(text: str) -> int:
    """ISO 8601 text as `units.iso` writes it, in UTC milliseconds."""
    return int(datetime.fromisoformat(text).timestamp() * 1000)
