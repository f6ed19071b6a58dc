"""Plays rows and says how they went; exit code 1 when something was lost, doubled, oversold or unfair."""

import argparse
import asyncio
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import msgspec

from faults import lane, report
from faults.night import ROOT
from faults.play import Played
from faults.process import libfaketime
from faults.rows import BY_NAME, ROWS, Row
from stack.console import Console
from stack.errors import StackError
from stack.packages import install

MOST_LANES = 8
MOST_STARTS = 5  # of one lane: a system that does not come back ends it


def main() -> int:
    """Plays what the command line says; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m faults", description="Sales in which something goes wrong.")
    parser.add_argument("--list", action="store_true", help="name the rows, and play none")
    parser.add_argument("--row", action="append", metavar="NAME", help="only this row; may be repeated")
    parser.add_argument("--times", type=int, default=1, help="how often each row is played (1)")
    parser.add_argument("--minutes", type=float, help="play rows by chance for this long instead")
    parser.add_argument("--seed", default="", help="plays the same again; by chance without one")
    parser.add_argument("--lanes", type=int, default=1, help="systems that are played with side by side (1)")
    parser.add_argument(
        "--into", type=Path, metavar="FOLDER", default=ROOT / ".stack" / "faults" / time.strftime("%m-%d-%H%M%S"),
        help="keeps how each went and the logs of those that failed (a new one); what is there counts for --times",
    )  # fmt: skip
    parser.add_argument("--report", type=Path, metavar="FILE", help="write a table of all that is in FOLDER")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(f"{row.name:26} {row.what}" for row in BY_NAME.values()))
        return 0
    unknown = set(arguments.row or ()) - BY_NAME.keys()
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}; --list names them")
    if not 1 <= arguments.lanes <= MOST_LANES:
        parser.error(f"lanes: from 1 to {MOST_LANES}")
    rows = [BY_NAME[name] for name in arguments.row] if arguments.row else list(ROWS)
    if not lane.has_small_disks() and (left_out := [row.name for row in rows if row.needs_root]):
        print(f"left out, for they need root and mount namespaces: {', '.join(left_out)}")
        rows = [row for row in rows if not row.needs_root]
    if libfaketime() is None:
        try:
            install(Console(), ["libfaketime"])
        except StackError as error:
            parser.error(f"wrong clocks: {error}")
    arguments.into.mkdir(parents=True, exist_ok=True)
    results = arguments.into / "played.jsonl"
    seed = arguments.seed or secrets.token_hex(4)
    if arguments.minutes:
        chosen = _by_chance(rows, seed, arguments.minutes)
    else:
        before = Counter(one.row for one in report.read(results)) if not arguments.seed else Counter[str]()
        chosen = _in_turns(rows, arguments.times, before, seed)
    played = asyncio.run(_play_all(chosen, seed, arguments.lanes, results))
    if arguments.report:
        arguments.report.write_text(report.table(report.read(results)))
    failed = sorted({one.row for one in played if one.problems})
    print(
        f"{len(played)} played, {len(failed)} rows failed{': ' + ', '.join(failed) if failed else ''}; seed {seed}"
    )
    return 1 if failed else 0


async def _play_all(rows: Iterator[Row], seed: str, lanes: int, results: Path) -> list[Played]:
    """Plays rows in so many lanes at once; how each went is kept and printed as it ends."""
    played: list[Played] = []
    numbered = enumerate(rows)

    async def run_lanes() -> None:
        """One lane, and another one when it ends early."""
        for _ in range(MOST_STARTS):
            if await run_lane():
                return

    async def run_lane() -> bool:
        running = await asyncio.create_subprocess_exec(
            *lane.command(results.parent / "failed"),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 24,
        )
        assert running.stdin
        assert running.stdout
        try:
            for number, row in numbered:
                wanted = lane.Wanted(row.name, f"{seed}-{number}")
                running.stdin.write(msgspec.json.encode(wanted) + b"\n")
                answer = await running.stdout.readline()
                try:
                    one = msgspec.json.decode(answer, type=Played)
                except msgspec.DecodeError:
                    print(f"a lane ended with {wanted}: {answer.decode()}", file=sys.stderr)
                    one = Played(row.name, wanted.seed, {}, 0, 0, 0, 0, 0, 0.0, 0.0, ["the lane ended"])
                    played.append(one)
                    report.add(results, one)
                    return False
                played.append(one)
                report.add(results, one)
                print(report.line(one), flush=True)
        finally:
            running.stdin.close()
            await running.wait()
        return True

    await asyncio.gather(*(run_lanes() for _ in range(lanes)))
    return played


def _in_turns(rows: Sequence[Row], times: int, before: Counter[str], seed: str) -> Iterator[Row]:
    """Each row so often, what was played before included.

    In another order each time: what dies again and again is started again more and more slowly.
    """
    for number in range(times):
        for row in Random(f"{seed}:{number}").sample(rows, len(rows)):  # noqa: S311  # a play, no secrets
            if before[row.name] <= number:
                yield row


def _by_chance(rows: Sequence[Row], seed: str, minutes: float) -> Iterator[Row]:
    chance = Random(seed)  # noqa: S311  # a play, no secrets
    ends_at = time.monotonic() + minutes * 60
    while time.monotonic() < ends_at:
        yield chance.choice(rows)


if __name__ == "__main__":
    sys.exit(main())
