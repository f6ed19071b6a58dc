"""One process's log file, and what of it a person should see at once."""

import contextlib
import os
import re
import shutil
import time
from pathlib import Path

from stack.console import Console

TROUBLE = re.compile(r"\b(warning|error|critical|exception)\b|^\w+(Error|Exception):", re.IGNORECASE)
SERVER_TROUBLE = re.compile(r"\b(ERROR|FATAL)\b")

MAX_LOG_BYTES = 64 * 2**20
MAX_LOOK_BYTES = 64 * 2**10
MAX_LINES_A_LOOK = 12


class ProcessLog:
    """The file a process writes to by itself; its important lines are repeated on the console.

    The file of the run before is kept as `<name>.log.1`.
    """

    def __init__(self, folder: Path, name: str, console: Console, trouble: re.Pattern[str]) -> None:
        self.path = folder / f"{name}.log"
        self._name = name
        self._console = console
        self._trouble = trouble
        self._seen_bytes = 0
        with contextlib.suppress(FileNotFoundError):
            self.path.rename(self._previous)
        self.path.touch(mode=0o600)

    @property
    def _previous(self) -> Path:
        return self.path.with_name(self.path.name + ".1")

    def open_for_process(self) -> int:
        """A file descriptor for the process's output; every write goes to the end."""
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def note(self, text: str) -> None:
        """Say something about the process, on the console and in its log."""
        self.look()
        with self.path.open("a") as file:
            file.write(f"--- {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}\n")
        self._seen_bytes = self.path.stat().st_size
        self._console.prefixed(self._name, text)

    def tail(self, lines: int = 12) -> str:
        """The last lines of the log, indented."""
        size = self.path.stat().st_size
        text = self._read(max(0, size - MAX_LOOK_BYTES), size)
        return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])

    def look(self) -> None:
        """Repeat on the console what matters of the lines that came since the last look."""
        size = self.path.stat().st_size
        start = max(self._seen_bytes, size - MAX_LOOK_BYTES)  # a flood is read at its end only
        text = self._read(start, size)
        whole = text.rfind("\n") + 1
        self._seen_bytes = start + len(text[:whole].encode())
        if whole == 0 and len(text) == MAX_LOOK_BYTES:
            self._seen_bytes = size  # no line at all
        lines = [line for line in text[:whole].splitlines() if self._trouble.search(line)]
        for line in lines[:MAX_LINES_A_LOOK]:
            self._console.prefixed(self._name, line[:400])
        if len(lines) > MAX_LINES_A_LOOK:
            self._console.prefixed(self._name, f"… {len(lines) - MAX_LINES_A_LOOK} more in {self.path}")
        if size > MAX_LOG_BYTES:
            self._start_over()

    def _read(self, start: int, end: int) -> str:
        with self.path.open("rb") as file:
            file.seek(start)
            # surrogateescape keeps the length in bytes, whatever was written.
            return file.read(end - start).decode(errors="surrogateescape")

    def _start_over(self) -> None:
        # The process keeps its descriptor, so the file itself must stay; a few lines may be lost.
        shutil.copyfile(self.path, self._previous)
        os.truncate(self.path, 0)
        self._seen_bytes = 0
