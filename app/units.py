"""Money and time, converted in this one place.

Money is `DECIMAL(12,2)` in MySQL, integer minor units in Redis, Kafka and JSON, and `Decimal` in between.
Times are UTC: milliseconds since 1970 in Redis and Kafka, `DATETIME(3)` in MySQL, ISO 8601 text in JSON.
"""

import time
from datetime import datetime, timedelta
from decimal import Decimal

CENT = Decimal("0.01")
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
EPOCH = datetime(1970, 1, 1)
# All of them have two decimals, as DECIMAL(12,2) and "minor units / 100" take for granted.
CURRENCIES = frozenset({"AUD", "CAD", "CHF", "DKK", "EUR", "GBP", "NOK", "NZD", "PLN", "SEK", "USD"})
MAX_MINOR = 999_999_999_999  # what DECIMAL(12,2) holds


def to_decimal(amount_minor: int) -> Decimal:
    """Minor units (cents) to the exact `Decimal` that MySQL stores."""
    return Decimal(amount_minor) * CENT


def to_minor(amount: Decimal) -> int:
    """An exact `Decimal` amount to minor units. Raises ValueError on a fraction of a minor unit."""
    minor = amount / CENT
    if minor != minor.to_integral_value():
        raise ValueError(f"{amount} has a fraction of a minor unit")
    return int(minor)


def money_text(amount_minor: int, currency: str) -> str:
    """Minor units as people read them: 450000, "USD" -> "$4,500.00"."""
    symbol = {"USD": "$", "EUR": "€", "GBP": "£"}.get(currency, f"{currency} ")
    sign = "-" if amount_minor < 0 else ""
    return f"{sign}{symbol}{to_decimal(abs(amount_minor)):,.2f}"


def now_ms() -> int:
    """This machine's clock, UTC milliseconds. Decisions about stock and passes use Redis's clock instead."""
    return time.time_ns() // 1_000_000


def to_datetime(at_ms: int) -> datetime:
    """UTC milliseconds to the naive UTC datetime that MySQL's DATETIME(3) stores."""
    return EPOCH + timedelta(milliseconds=at_ms)


def optional_datetime(at_ms: int | None) -> datetime | None:
    """The same of a time that may not be set."""
    return None if at_ms is None else to_datetime(at_ms)


def to_ms(at: datetime) -> int:
    """A naive UTC datetime from MySQL to milliseconds."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def optional_ms(at: datetime | None) -> int | None:
    """The same of a time that may not be set."""
    return None if at is None else to_ms(at)


def iso(at_ms: int) -> str:
    """UTC milliseconds as ISO 8601 text: "2026-11-23T19:30:00.000Z"."""
    return to_datetime(at_ms).isoformat(timespec="milliseconds") + "Z"


def optional_iso(at_ms: int | None) -> str | None:
    """The same of a time that may not be set."""
    return None if at_ms is None else iso(at_ms)
