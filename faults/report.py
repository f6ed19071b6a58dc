"""How rows went, kept in a file and summed up in a table."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from faults.play import Played
from faults.rows import BY_NAME


def read(file: Path) -> list[Played]:
    """What was played before, oldest first."""
    if not file.exists():
        return []
    return [msgspec.json.decode(line, type=Played) for line in file.read_bytes().splitlines()]


def add(file: Path, played: Played) -> None:
    """Keeps one more."""
    with file.open("ab") as kept:
        kept.write(msgspec.json.encode(played) + b"\n")


def line(played: Played) -> str:
    """One play, for the terminal."""
    ends = ", ".join(f"{count} {how}" for how, count in played.ends.items())
    verdict = "FAILED" if played.problems else "ok"
    first = (
        f"{verdict:6} {played.row:26} seed {played.seed}  {played.seconds:.0f} s,"
        f" back in {played.back_seconds:.1f} s; {ends}"
    )
    return "\n".join([first, *(f"       {problem[:400]}" for problem in played.problems)])


def table(played: Iterable[Played]) -> str:
    """The table of docs/reliability.md."""
    by_row: dict[str, list[Played]] = defaultdict(list)
    for one in played:
        by_row[one.row].append(one)
    lines = [
        "| what goes wrong | survived | answered orders | gone, and told | lost | doubled | oversold"
        " | back, s (median, longest) |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in BY_NAME.values():
        if plays := by_row.get(row.name):
            survived = sum(not one.problems for one in plays)
            lines.append(f"| {row.what} | {survived} of {len(plays)} | {_figures(plays)} |")
    plays = [one for row in BY_NAME.values() for one in by_row.get(row.name, ())]
    if plays:
        lines.append(f"| **all** | {sum(not one.problems for one in plays)} of {len(plays)} | {_figures(plays)} |")
    return "\n".join(lines) + "\n"


def _figures(plays: Sequence[Played]) -> str:
    sums = [
        sum(getattr(one, name) for one in plays) for name in ("answered", "gone", "lost", "doubled", "oversold")
    ]
    back = sorted(one.back_seconds for one in plays)
    figures = " | ".join(f"{figure:,}" for figure in sums)
    return f"{figures} | {back[len(back) // 2]:.1f}, {back[-1]:.1f}"
