"""A Redis server of a test's own, to be stopped, wiped, put back to older data and promoted."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import redis

from tests.world.machine import free_port

START_SECONDS = 10


class OwnRedis:
    """redis-server with a folder of its own; every acknowledged write is on disk."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.port = free_port()
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """Its process, while it runs."""
        assert self._process
        return self._process.pid

    @property
    def client(self) -> "redis.Redis":
        """A client that does not outlive one command."""
        return redis.Redis(port=self.port, socket_timeout=5)

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        self.folder.mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            [
                "redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder),
                "--save", "", "--appendonly", "yes", "--appendfsync", "always", *self._options,
            ],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while True:
            with suppress(redis.RedisError):
                self.client.ping()
                return
            assert time.monotonic() < deadline, "redis-server does not start"
            time.sleep(0.02)

    def kill(self) -> None:
        """Ends it as a power cut does."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def copy(self) -> Path:
        """A copy of its data as it is now."""
        copied = Path(tempfile.mkdtemp(dir=self.folder.parent))
        shutil.copytree(self.folder, copied, dirs_exist_ok=True)
        return copied

    def put_back(self, copied: Path) -> None:
        """Kills it and starts it again with older data."""
        self.kill()
        shutil.rmtree(self.folder)
        shutil.copytree(copied, self.folder)
        self.start()


@contextmanager
def redis_server(*options: str) -> Iterator[OwnRedis]:
    """Such a server, for as long as the block lasts."""
    with tempfile.TemporaryDirectory() as folder:
        server = OwnRedis(Path(folder) / "data", *options)
        server.start()
        try:
            yield server
        finally:
            server.kill()
