"""The stack that is measured: one of the benchmark's own, or one that runs already."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.report import BenchmarkFailed, cpu_us_of

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 300  # the first start on a machine installs the servers
STOP_SECONDS = 60
COMMAND_SECONDS = 120
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
MACHINE = "machine"
FROM_OUTSIDE = ("REDIS_URL", "DATABASE_URL", "OWNER_DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "ORDERS_TOPIC")


@dataclass(frozen=True)
class Stack:
    """A running stack."""

    folder: Path

    @property
    def run(self) -> dict[str, Any]:
        """run.json as it is now. Raises BenchmarkFailed when nothing runs there."""
        try:
            read: dict[str, Any] = json.loads((self.folder / "run.json").read_text())
        except (OSError, ValueError) as error:
            raise BenchmarkFailed(f"no stack runs on {self.folder}: {error}") from error
        return read

    @property
    def environment(self) -> dict[str, str]:
        """What its processes run with, on top of this one's environment."""
        return {**os.environ, **self.run["env"], "STACK_DIR": str(self.folder.resolve())}

    @property
    def versions(self) -> str:
        """The servers' versions, in one line."""
        return ", ".join(service["version"] for service in self.run["services"].values())

    def command(self, *arguments: str) -> dict[str, Any]:
        """Runs `ticketcraze ... --json`; its answer. Raises BenchmarkFailed when there is none."""
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", *arguments, "--json"],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        try:
            answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        except (IndexError, ValueError) as error:
            raise BenchmarkFailed(f"ticketcraze {' '.join(arguments)}: {done.stdout}{done.stderr}") from error
        return answer

    def cpu_seconds(self) -> dict[str, float]:
        """The CPU time used by each process, by this one as `load`, and by all there are as `machine`.

        Raises BenchmarkFailed when a process is gone.
        """
        busy = [int(ticks) for ticks in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        idle, waits = busy[3], busy[4]
        used = {"load": time.process_time(), MACHINE: (sum(busy) - idle - waits) / TICKS_PER_SECOND}
        for name in self.run["processes"]:
            used[name] = self.cpu_us(name) / 1e6
        return used

    def cpu_us(self, name: str) -> float:
        """The CPU time used by one process and those that it made, µs. Raises BenchmarkFailed when it is gone."""
        return cpu_us_of(self.run["processes"][name])


@contextmanager
def own_stack(needs: str) -> Iterator[Stack]:
    """Runs `python -m stack <needs>` in a folder that is removed afterwards. Raises BenchmarkFailed."""
    (ROOT / ".stack").mkdir(exist_ok=True)  # not in /tmp, where a disk may be no disk
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / ".stack"))
    environment = {name: value for name, value in os.environ.items() if name not in FROM_OUTSIDE}
    environment |= {
        "STACK_DIR": str(folder),
        "PORT": str(_free_port()),
        "CROWD": "0",
        "OPENS_IN": "86400",
        "JOIN_LIMIT": "0",
    }
    output = folder / "output.log"
    with output.open("w") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", "stack", needs], cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (folder / "run.json").exists():
            if running.poll() is not None or time.monotonic() > deadline:
                raise BenchmarkFailed(f"the stack did not start:\n{output.read_text()[-3000:]}")
            time.sleep(0.2)
        yield Stack(folder)
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            running.kill()  # its children end with it
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
