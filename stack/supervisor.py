"""Keeps programs running: what dies is started again, what must stop leaves nothing behind."""

import asyncio
import contextlib
import os
import re
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.console import Console
from stack.errors import StackError
from stack.logs import SERVER_TROUBLE, ProcessLog
from stack.warden import Warden

LOOK_EVERY_SECONDS = 0.3
FORKING = "web"  # the one program whose own processes are told of
OUTPUT_LINES_SHOWN = 12


@dataclass(frozen=True)
class Program:
    """How to start one process, and how long it may take to stop."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] | None = None  # None: the supervisor's own
    folder: Path | None = None
    stop_limit_seconds: float = 10
    ends_by_itself: bool = False  # then it isn't started again after it ended well
    trouble: re.Pattern[str] = SERVER_TROUBLE


@dataclass(frozen=True)
class Patience:
    """The pause before a dead process is started again, doubled from death to death."""

    first_pause_seconds: float = 0.2
    longest_pause_seconds: float = 30
    forgiven_after_seconds: float = 30  # having lived this long, the pause is the first one again


class Child:
    """One program that is kept running."""

    def __init__(
        self,
        program: Program,
        log: ProcessLog,
        patience: Patience,
        warden: Warden,
        changed: Callable[[], None],
    ) -> None:
        self.program = program
        self.log = log
        self.deaths = 0
        self._patience = patience
        self._warden = warden
        self._changed = changed
        self._process: asyncio.subprocess.Process | None = None
        self._started_at = 0.0
        self._stopping = asyncio.Event()
        self._keeping = asyncio.create_task(self._keep())

    @property
    def pid(self) -> int | None:
        """Its process id, None while it is dead."""
        return self._process.pid if self._process else None

    @property
    def alive_seconds(self) -> float:
        """For how long the present process has been alive; 0 while it is dead."""
        return time.monotonic() - self._started_at if self._process else 0.0

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL after the program's limit; returns when nothing of it is left."""
        self._stopping.set()
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
        limit_seconds = self.program.stop_limit_seconds
        done, _ = await asyncio.wait([self._keeping], timeout=limit_seconds)
        if not done:
            self.log.note(f"did not stop within {limit_seconds:g} s: killed")
            self.kill()
        await self._keeping

    def kill(self) -> None:
        """SIGKILL to the process and all it started, for good."""
        self._stopping.set()
        if self._process:
            kill_group(self._process.pid)

    async def _keep(self) -> None:
        pause_seconds = self._patience.first_pause_seconds
        while not self._stopping.is_set():
            ending = await self._live_once()
            if self._stopping.is_set():
                return
            if ending.lived_well and self.program.ends_by_itself:
                self.log.note("has done its work")
                return
            self.deaths += 1
            if ending.lived_seconds >= self._patience.forgiven_after_seconds:
                pause_seconds = self._patience.first_pause_seconds
            self.log.note(f"{ending.reason}; starting it again in {pause_seconds:g} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_seconds)
            pause_seconds = min(pause_seconds * 2, self._patience.longest_pause_seconds)

    async def _live_once(self) -> "Ending":
        try:
            with self.log.opened() as output:
                process = await spawn(self.program, output, output)
        except OSError as error:
            return Ending(f"can't be started ({error})", 0.0, False)
        self._warden.add(process.pid)
        self._process = process
        self._started_at = time.monotonic()
        self._changed()
        code = await process.wait()
        kill_group(process.pid)  # whatever it started and left
        self._warden.remove(process.pid)
        lived_seconds = time.monotonic() - self._started_at
        self._process = None
        self._changed()
        reason = f"{describe(code)} after {lived_seconds:.1f} s"
        if code > 0:
            reason += self.log.last_words()
        return Ending(reason, lived_seconds, code == 0)


@dataclass(frozen=True)
class Ending:
    """How a process ended."""

    reason: str
    lived_seconds: float
    lived_well: bool


class Supervisor:
    """The children of one stack. `changed` is called whenever one starts or dies."""

    def __init__(
        self,
        log_folder: Path,
        console: Console,
        changed: Callable[[], None],
        patience: Patience | None = None,
    ) -> None:
        self._log_folder = log_folder
        self._console = console
        self._changed = changed
        self._patience = patience or Patience()
        self._warden = Warden()
        self.children: dict[str, Child] = {}
        self._looking = asyncio.create_task(self._look())

    def start(self, program: Program) -> Child:
        """Start a program and keep it running."""
        log = ProcessLog(self._log_folder, program.name, self._console, program.trouble)
        child = Child(program, log, self._patience, self._warden, self._changed)
        self.children[program.name] = child
        return child

    def pids(self) -> dict[str, int]:
        """The process id of each child that is alive."""
        return {name: child.pid for name, child in self.children.items() if child.pid is not None}

    def forked(self, name: str) -> list[int]:
        """The process ids that a child has made itself."""
        pid = self.children[name].pid if name in self.children else None
        try:
            return sorted(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
        except OSError:  # it ended just now, or never began
            return []

    async def stop(self, last: Sequence[str]) -> None:
        """Stop all children together, except those named in `last`: these one after the other, in order."""
        first = [child for name, child in self.children.items() if name not in last]
        await asyncio.gather(*(child.stop() for child in first))
        for name in last:
            if name in self.children:
                await self.children[name].stop()
        self._warden.dismiss()
        self._looking.cancel()
        for child in self.children.values():
            child.log.look()

    def kill(self) -> None:
        """SIGKILL to everything; `stop` then has little to wait for."""
        for child in self.children.values():
            child.kill()

    async def _look(self) -> None:
        forked: list[int] = []
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            for child in self.children.values():
                child.log.look()
            if (now := self.forked(FORKING)) != forked:
                forked = now
                self._changed()


async def spawn(program: Program, stdout: int, stderr: int) -> asyncio.subprocess.Process:
    """Start a process that is killed by the kernel when this process dies, in its own process group.

    Call it from the main thread only: the kernel watches the thread that started the process.
    """
    return await asyncio.create_subprocess_exec(
        "setpriv",
        "--pdeathsig=KILL",
        "--",
        *program.command,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        env=program.environment,
        cwd=program.folder,
        process_group=0,
    )


async def run_once(program: Program, log: Path, limit_seconds: float) -> str:
    """Run a program to its end and return its standard output; both outputs are added to the log file.

    Raises StackError with its last lines when it fails or takes longer than the limit.
    """
    process = await spawn(program, subprocess.PIPE, subprocess.PIPE)
    try:
        output, errors = await asyncio.wait_for(process.communicate(), limit_seconds)
        ending = describe(await process.wait())
    except TimeoutError:
        output, errors, ending = b"", b"", f"took longer than {limit_seconds:g} s"
    finally:
        kill_group(process.pid)
        await process.wait()
    text = (output + errors).decode(errors="replace")
    with log.open("a") as file:
        file.write(text)
    if process.returncode == 0:
        return output.decode(errors="replace")
    tail = "\n".join(f"    {line}" for line in text.splitlines()[-OUTPUT_LINES_SHOWN:])
    raise StackError(f"{' '.join(program.command)}\n  {ending}:\n{tail}")


def kill_group(group: int) -> None:
    """SIGKILL to every process of the group; fine if there is none."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def describe(code: int) -> str:
    """An exit code in words; negative ones are signals."""
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was ended by {signal.Signals(-code).name}"


def check_platform() -> None:
    """Raise StackError where children can't be supervised; let them open as many files as allowed."""
    if shutil.which("setpriv") is None:
        raise StackError("`setpriv` is missing (Debian package util-linux, Linux only).")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
