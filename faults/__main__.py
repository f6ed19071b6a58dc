"""Plays rows and says how they went; exit code 1 when something was lost, doubled, oversold or unfair."""

import argparse
import asyncio
import secrets
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

from crowd.limits import allow_open_files
from faults.night import ROOT, Night, NightFailed, a_night
from faults.play import Played, play
from faults.rows import ROWS, Row


def main() -> int:
    """Plays what the command line says; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m faults", description="Sales in which something goes wrong.")
    parser.add_argument("--list", action="store_true", help="name the rows, and play none")
    parser.add_argument("--row", action="append", metavar="NAME", help="only this row; may be repeated")
    parser.add_argument("--times", type=int, default=1, help="how often each row is played (1)")
    parser.add_argument("--minutes", type=float, help="play rows by chance for this long instead")
    parser.add_argument("--seed", default="", help="plays the same again; by chance without one")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write a table of how it went")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(f"{row.name:26} {row.what}" for row in ROWS))
        return 0
    unknown = set(arguments.row or ()) - {row.name for row in ROWS}
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}; --list names them")
    rows = [row for row in ROWS if not arguments.row or row.name in arguments.row]
    seed = arguments.seed or secrets.token_hex(4)
    allow_open_files()
    chosen = _by_chance(rows, seed, arguments.minutes) if arguments.minutes else _in_turns(rows, arguments.times)
    try:
        played = asyncio.run(play_all(chosen, seed))
    except NightFailed as error:
        print(error, file=sys.stderr)
        return 1
    if arguments.report:
        arguments.report.write_text(report(played))
    failed = sorted({one.row for one in played if one.problems})
    print(
        f"{len(played)} played, {len(failed)} rows failed{': ' + ', '.join(failed) if failed else ''}; seed {seed}"
    )
    return 1 if failed else 0


async def play_all(rows: Iterator[Row], seed: str) -> list[Played]:
    """Plays rows one after the other on one running system. Raises NightFailed when that cannot be started."""
    played = []
    async with _own_night() as night:
        for number, row in enumerate(rows):
            one = await play(night, row, f"{seed}-{number}")
            played.append(one)
            print(_line(one), flush=True)
    return played


@asynccontextmanager
async def _own_night() -> AsyncIterator[Night]:
    (ROOT / ".stack").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="faults-", dir=ROOT / ".stack") as folder:
        async with a_night(Path(folder) / "night") as night:
            yield night


def _in_turns(rows: Sequence[Row], times: int) -> Iterator[Row]:
    for _ in range(times):
        yield from rows


def _by_chance(rows: Sequence[Row], seed: str, minutes: float) -> Iterator[Row]:
    chance = Random(seed)  # noqa: S311  # a play, no secrets
    ends_at = time.monotonic() + minutes * 60
    while time.monotonic() < ends_at:
        yield chance.choice(rows)


def _line(one: Played) -> str:
    ends = ", ".join(f"{count} {how}" for how, count in sorted(one.ends.items(), key=lambda end: -end[1]))
    verdict = "FAILED" if one.problems else "ok"
    lines = [f"{verdict:6} {one.row:26} seed {one.seed}  back in {one.back_seconds:.1f} s; {ends}"]
    return "\n".join([*lines, *(f"       {problem[:400]}" for problem in one.problems)])


def report(played: Sequence[Played]) -> str:
    """The table of docs/reliability.md, from how the rows went."""
    by_row: dict[str, list[Played]] = defaultdict(list)
    for one in played:
        by_row[one.row].append(one)
    lines = [
        "| what goes wrong | survived | answered orders | lost | doubled | oversold | back, s (median, longest) |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in ROWS:
        if times := by_row.get(row.name):
            back = sorted(one.back_seconds for one in times)
            median, longest = f"{back[len(back) // 2]:.1f}", f"{back[-1]:.1f}"
            survived = sum(not one.problems for one in times)
            sums = [
                sum(getattr(one, name) for one in times) for name in ("answered", "lost", "doubled", "oversold")
            ]
            figures = " | ".join(f"{figure:,}" for figure in sums)
            lines.append(f"| {row.what} | {survived} of {len(times)} | {figures} | {median}, {longest} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
