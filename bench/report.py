"""What a benchmark answers with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class BenchmarkFailed(Exception):
    """It could not be measured; the text says why."""


@dataclass(frozen=True)
class Report:
    """`figures` for programs, `text` for people; `ok` is false when what was measured is not right."""

    ok: bool
    figures: dict[str, Any]
    text: str


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many percent of the values do not exceed (0 for none)."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)] if ordered else 0.0
