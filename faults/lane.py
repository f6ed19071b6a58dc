"""One lane: a system of its own in which rows are played one after the other, as they are asked for.

Reads a line `{"row": ..., "seed": ...}` for each, and writes one with how it went.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import msgspec

from crowd.limits import allow_open_files
from faults.night import ROOT, SERVERS, Night, NightFailed
from faults.play import play
from faults.rows import BY_NAME


class Wanted(msgspec.Struct, frozen=True):
    """A row to play."""

    row: str
    seed: str


class Broken(msgspec.Struct, frozen=True):
    """The system of a lane could not be started, or cannot go on."""

    why: str


def has_small_disks() -> bool:
    """Whether this user may mount small disks that nobody else sees."""
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0


def command(keep: Path) -> tuple[str, ...]:
    """How to start a lane; `keep` is where it leaves what explains a failure."""
    mounts = ("unshare", "--mount") if has_small_disks() else ()
    disks = ("--small-disks",) if mounts else ()
    return (
        *("setpriv", "--pdeathsig", "TERM"),
        *mounts,
        *(sys.executable, "-m", "faults.lane", "--keep", str(keep), *disks),
    )


async def _plays(keep: Path, mounts: tuple[str, ...]) -> None:
    (ROOT / ".stack").mkdir(exist_ok=True)
    # What is printed by mistake must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    with tempfile.TemporaryDirectory(prefix="faults-", dir=ROOT / ".stack", ignore_cleanup_errors=True) as folder:
        try:
            async with Night(Path(folder) / "night", {}, mounts).running() as night:
                while line := await asyncio.to_thread(sys.stdin.readline):
                    wanted = msgspec.json.decode(line, type=Wanted)
                    played = await play(night, BY_NAME[wanted.row], wanted.seed, keep)
                    answers.write(msgspec.json.encode(played) + b"\n")
        except NightFailed as error:
            answers.write(msgspec.json.encode(Broken(str(error))) + b"\n")


def main() -> None:
    """Plays until there is nothing more to read, or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m faults.lane")
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--small-disks", action="store_true")
    arguments = parser.parse_args()
    allow_open_files()

    async def until_told() -> None:
        task = asyncio.current_task()
        assert task
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        with suppress(asyncio.CancelledError):
            await _plays(arguments.keep, SERVERS if arguments.small_disks else ())

    asyncio.run(until_told())


if __name__ == "__main__":
    main()
