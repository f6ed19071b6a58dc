"""The stack's folder: what a stop and a start must remember, and what others may read.

lock            held while a stack runs on the folder
ports.json      the ports chosen at the first start
secrets.json    generated once, readable by its owner only
run.json        what runs now (the contract other programs read); gone after a clean stop
log/            one file a process, and one of the run before
redis/ mysql/ kafka/ sandbox.sqlite    the data
"""

import base64
import contextlib
import fcntl
import json
import os
import random
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from app.settings import DEVELOPMENT_MARK
from stack.errors import StackError

HOST = "127.0.0.1"
# Below the range the kernel takes outgoing ports from, so that a server that is down for a moment
# finds its port free when it comes back.
PORT_RANGE = range(20_000, 32_000)
BUSY_PORT_PATIENCE_SECONDS = 3.0

# Each begins with a mark by which production knows and refuses it.
SECRETS: dict[str, Callable[[], str]] = {
    "SECRET_KEY": lambda: f"{DEVELOPMENT_MARK}-{secrets.token_hex(32)}",
    "TICKET_KEYS": lambda: "DEV:" + base64.b64encode(DEVELOPMENT_MARK.encode() + secrets.token_bytes(21)).decode(),
    "SANDBOX_API_KEY": lambda: f"{DEVELOPMENT_MARK}-{secrets.token_hex(24)}",
    "SANDBOX_WEBHOOK_SECRET": lambda: (
        "whsec_" + base64.b64encode(DEVELOPMENT_MARK.encode() + secrets.token_bytes(32)).decode()
    ),
    "ADMIN_PASSWORD": lambda: secrets.token_urlsafe(12),
    "OWNER_DATABASE_PASSWORD": lambda: secrets.token_hex(16),
    "APP_DATABASE_PASSWORD": lambda: secrets.token_hex(16),
}


class StackFolder:
    """One stack's folder; `path` is absolute. Only its lock's holder writes to it."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.log = self.path / "log"
        self.prepare_log = self.log / "prepare.log"  # of the commands that run once at a start
        self._run_file = self.path / "run.json"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder; raise StackError when another stack runs on it or it can't be written."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.log.mkdir(exist_ok=True)
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StackError(f"STACK_DIR {self.path} can't be used: {error.strerror}") from error
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                holder = os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
                raise StackError(
                    f"A stack is already running on {self.path} (process {holder}).\n"
                    "Stop it first, or choose another folder: STACK_DIR=.stack-2 PORT=8001 make run"
                ) from error
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
            yield
        finally:
            os.close(lock)

    def port(self, name: str) -> int:
        """The port remembered under `name` if it is still free, else a new one, remembered."""
        ports: dict[str, int] = self._read("ports.json")
        remembered = ports.get(name)
        if remembered and becomes_free(remembered):
            return remembered
        taken = set(ports.values())
        candidates = (port for port in random.sample(PORT_RANGE, 500) if port not in taken)
        port = next((port for port in candidates if is_free(port)), None)
        if port is None:
            raise StackError(f"No free port between {PORT_RANGE.start} and {PORT_RANGE.stop} on {HOST}.")
        ports[name] = port
        self._write("ports.json", ports)
        return port

    def secret(self, name: str) -> str:
        """A secret of SECRETS, made at the first call and the same ever after."""
        known: dict[str, str] = self._read("secrets.json")
        if name not in known:
            known[name] = SECRETS[name]()
            self._write("secrets.json", known)
        return known[name]

    def write_run(self, content: dict[str, Any]) -> None:
        """Replace run.json in one step, so that a reader sees the old one or the new one."""
        self._write("run.json", content)

    def remove_run(self) -> None:
        """Take run.json away: nothing runs here."""
        self._run_file.unlink(missing_ok=True)

    def _read(self, name: str) -> dict[str, Any]:
        try:
            content = json.loads((self.path / name).read_text())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise StackError(f"{self.path / name} is damaged ({error}); repair or remove it.") from error
        if not isinstance(content, dict):
            raise StackError(f"{self.path / name} is damaged (not an object); repair or remove it.")
        return content

    def _write(self, name: str, content: dict[str, Any]) -> None:
        write_private(self.path / name, json.dumps(content, indent=2) + "\n")


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step; only its owner may read it."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)


def becomes_free(port: int) -> bool:
    """Whether the port is free now or soon: a run that was killed needs a moment to let go of it."""
    deadline = time.monotonic() + BUSY_PORT_PATIENCE_SECONDS
    while not is_free(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
