"""Outlives a killed supervisor just long enough to end whatever its children had started.

The kernel ends the supervisor's own children, but not theirs.
"""

import contextlib
import os
import signal
import subprocess
import sys


class Warden:
    """The supervisor's end: tells the warden which process groups to kill should the supervisor vanish."""

    def __init__(self) -> None:
        # By its path and isolated: it needs nothing of the project and starts in a few milliseconds.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__], stdin=subprocess.PIPE, start_new_session=True
        )

    def add(self, group: int) -> None:
        """Watch over a process group."""
        self._tell(f"+{group}\n")

    def remove(self, group: int) -> None:
        """The group is gone; its number may soon be somebody else's."""
        self._tell(f"-{group}\n")

    def dismiss(self) -> None:
        """End the warden; it kills what is still watched over."""
        assert self._process.stdin
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin
        # Somebody may have killed the warden: then only the kernel's help is left.
        with contextlib.suppress(OSError):
            os.write(self._process.stdin.fileno(), line.encode())


def main() -> None:
    """The warden's end: follow the lines until the supervisor's end of the pipe is closed."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
