"""What a benchmark answers with."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class BenchmarkFailed(Exception):
    """It could not be measured; the text says why."""


@dataclass(frozen=True)
class Report:
    """`figures` for programs, `text` for people; `ok` is false when what was measured is not right."""

    ok: bool
    figures: dict[str, Any]
    text: str


def median(values: Sequence[float]) -> float:
    """The one in the middle (0 for none)."""
    return statistics.median(values) if values else 0.0


def spread(values: Sequence[float]) -> str:
    """How far the values are from their median at most: "±4%"."""
    middle = median(values)
    return f"±{max((abs(value - middle) for value in values), default=0) / middle:.0%}" if middle else "-"


def cpu_us_of(pid: int) -> float:
    """The CPU time of a process and of those it has started, µs. Raises BenchmarkFailed when it is gone."""
    try:
        family = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
        return sum(
            int(thread.read_text().split()[0]) / 1000
            for one in family
            for thread in Path(f"/proc/{one}/task").glob("*/schedstat")
        )
    except OSError as error:
        raise BenchmarkFailed(f"process {pid} is gone: {error}") from error


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many percent of the values do not exceed (0 for none)."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)] if ordered else 0.0
