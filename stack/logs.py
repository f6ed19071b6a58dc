"""One process's log file, and what of it a person should see at once."""

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from stack.console import Console

TROUBLE = re.compile(r"\b(WARNING|ERROR|CRITICAL)\b|^[\w.]+(Error|Exception)\b")
SERVER_TROUBLE = re.compile(r"\b(ERROR|FATAL)\b")

MAX_LOG_BYTES = 64 * 2**20
MAX_LOOK_BYTES = 64 * 2**10
MAX_LINES_A_LOOK = 12
MAX_LINE_CHARACTERS = 400
NOTE = "---"  # begins the supervisor's own lines


class ProcessLog:
    """The file a process writes to; its important lines are repeated on the console.

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

    @contextlib.contextmanager
    def opened(self) -> Iterator[int]:
        """A file descriptor for the process's output; every write goes to the end."""
        output = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            yield output
        finally:
            os.close(output)

    def note(self, text: str) -> None:
        """Say something about the process, on the console and in its log."""
        self.look()
        with contextlib.suppress(OSError), self.path.open("a") as file:
            file.write(f"{NOTE} {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}\n")
            file.flush()
            self._seen_bytes = file.tell()
        self._console.prefixed(self._name, text)

    def tail(self, lines: int = 12) -> str:
        """The last lines of the log, indented."""
        try:
            size = self.path.stat().st_size
            text = self._read(max(0, size - MAX_LOOK_BYTES), size).decode(errors="replace")
        except OSError as error:
            text = f"(no log: {error})"
        return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])

    def last_words(self) -> str:
        """The last line in brackets, unless it is shown on the console anyway."""
        line = self.tail(1).strip()[:MAX_LINE_CHARACTERS]
        return f" ({line})" if line and not line.startswith(NOTE) and not self._trouble.search(line) else ""

    def look(self) -> None:
        """Repeat on the console what matters of the lines that came since the last look."""
        # A full disk or a removed file costs log lines, not the supervision.
        with contextlib.suppress(OSError):
            self._look()

    def _look(self) -> None:
        size = self.path.stat().st_size
        start = max(self._seen_bytes, size - MAX_LOOK_BYTES)  # a flood is read at its end only
        data = self._read(start, size)
        whole = data.rfind(b"\n") + 1
        if whole == 0 and len(data) == MAX_LOOK_BYTES:
            whole = len(data)  # a line without an end
        self._seen_bytes = start + whole
        lines = data[:whole].decode(errors="replace").splitlines()
        found = [line for line in lines if self._trouble.search(line)]
        for line in found[:MAX_LINES_A_LOOK]:
            self._console.prefixed(self._name, line[:MAX_LINE_CHARACTERS])
        if len(found) > MAX_LINES_A_LOOK:
            self._console.prefixed(self._name, f"… {len(found) - MAX_LINES_A_LOOK} more in {self.path}")
        if size > MAX_LOG_BYTES:
            self._start_over()

    def _read(self, start: int, end: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(end - start)

    def _start_over(self) -> None:
        # The process keeps its descriptor, so the file itself must stay; a few lines may be lost.
        shutil.copyfile(self.path, self._previous)
        os.truncate(self.path, 0)
        self._seen_bytes = 0
