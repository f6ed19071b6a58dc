"""A process of the application, as the harness runs it: it can be met at an exact step, or be given a wrong clock.

python -m faults.process ledger workers.ledger

Reads what is planned for it in the folder FAULTS_PLANS: `<name>.moment` says at which step of the relay or the
ledger which processes end, its own among them perhaps; `<name>.clock` by how many seconds its clock is wrong.
"""

import importlib
import json
import os
import runpy
import signal
import sys
from contextlib import suppress
from functools import partial
from glob import glob
from pathlib import Path

from workers.runner import run

WITH_STEPS = ("workers.relay", "workers.ledger")
FOLDER = "FAULTS_PLANS"
OWN = 0  # the process id that stands for the process itself


def plan_moment(folder: Path, name: str, step: str, *pids: int) -> Path:
    """Has the process kill these processes the next time it comes to the step; the file goes when it does."""
    plan = folder / f"{name}.moment"
    written = plan.with_suffix(".new")
    written.write_text(json.dumps([step, *pids]))
    return written.rename(plan)


def plan_clock(folder: Path, name: str, seconds: int) -> None:
    """Has the process, from its next start on, a clock that is wrong by this much; 0: a right one."""
    plan = folder / f"{name}.clock"
    if seconds:
        plan.write_text(str(seconds))
    else:
        plan.unlink(missing_ok=True)


def libfaketime() -> str | None:
    """Where Debian's libfaketime is, if it is installed."""
    return next(iter(glob("/usr/lib/*/faketime/libfaketime.so.1")), None)


def reach(plan: Path, step: str) -> None:
    """Ends processes the way a power cut does, if that is planned for this step."""
    with suppress(FileNotFoundError):
        planned, *pids = json.loads(plan.read_text())
        if planned == step:
            plan.unlink()
            for pid in sorted(pids, key=lambda pid: pid == OWN):  # itself last
                with suppress(ProcessLookupError):
                    os.kill(pid or os.getpid(), signal.SIGKILL)


def main() -> None:
    """Becomes the process."""
    name, module = sys.argv[1:3]
    folder = Path(os.environ[FOLDER])
    with suppress(FileNotFoundError):
        _set_clock(int((folder / f"{name}.clock").read_text()))
    if module in WITH_STEPS:
        worker = importlib.import_module(module)
        run(partial(worker.work, checkpoint=partial(reach, folder / f"{name}.moment")))
    else:
        sys.argv[1:] = []
        runpy.run_module(module, run_name="__main__")


def _set_clock(seconds: int) -> None:
    """Begins again with the clock that is wanted; time that is only measured goes on as it is."""
    library = libfaketime()
    if library and "LD_PRELOAD" not in os.environ:
        faked = {"LD_PRELOAD": library, "FAKETIME": f"{seconds:+d}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        again = [sys.executable, "-m", "faults.process", *sys.argv[1:]]
        os.execve(sys.executable, again, os.environ | faked)  # noqa: S606


if __name__ == "__main__":
    main()
