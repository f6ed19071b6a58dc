"""Servers to compare with, each a process of its own: python -m bench.served NAME PORT."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from app.web.connections import Door, Limits
from app.web.server import Server, listen
from bench.report import BenchmarkFailed, cpu_us_of

START_SECONDS = 30.0
NO_TOKEN = b'{"token":"t"}'  # what joining answers with


@dataclass(frozen=True)
class Served:
    """One that runs."""

    url: str
    pid: int

    @property
    def cpu_us(self) -> float:
        """The CPU time it used, µs."""
        return cpu_us_of(self.pid)


@contextmanager
def serving(*command: str) -> Iterator[Served]:
    """`python -m command... PORT`, while the block lasts. Raises BenchmarkFailed when it does not answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", *command, str(port)])
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise BenchmarkFailed(f"{' '.join(command)} does not start") from None
                time.sleep(0.1)
        yield Served(f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.terminate()
        process.wait()


@contextmanager
def noop() -> Iterator[Served]:
    """Our own server with an application that does nothing but answer."""
    with serving("bench.served", "noop") as served:
        yield served


async def no_answer(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that does nothing: the same few bytes for every request, and one frame for every socket."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "{}"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        return
    length = b"%d" % len(NO_TOKEN)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    await send({"type": "http.response.body", "body": NO_TOKEN})


def main() -> None:
    """Serves until SIGTERM."""
    name, port = sys.argv[1], int(sys.argv[2])
    assert name == "noop"
    Server(no_answer, listen("127.0.0.1", port), Door(Limits(15_000, 15_000))).run()


if __name__ == "__main__":
    main()
