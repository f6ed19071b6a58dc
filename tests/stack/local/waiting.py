"""Waiting for a condition, and looking at processes."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Found = TypeVar("Found")

LIMIT_SECONDS = 20


def wait_for(condition: Callable[[], Found | None], what: str) -> Found:
    """The condition's first true value; fails after LIMIT_SECONDS."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {LIMIT_SECONDS} s in vain: {what}")


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that only waits to be buried does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def processes_of(group: int) -> list[int]:
    """The living processes of a process group."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and is_alive(int(entry.name)):
            try:
                is_member = os.getpgid(int(entry.name)) == group
            except ProcessLookupError:
                continue
            if is_member:
                found.append(int(entry.name))
    return found
