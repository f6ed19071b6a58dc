"""Servers of one test, and clients that say exactly what they are told."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from tests.world.machine import ROOT, free_port
from tests.world.waiting import until

HELLO = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
WIDE = {"connections": 1_000, "per_address": 1_000}
ANSWER_SECONDS = 8.0


class Client:
    """One TCP connection."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS, (source, 0))

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def say(self, data: bytes) -> "Client":
        """Sends, as far as the server takes it."""
        with suppress(OSError):
            self._socket.sendall(data)
        return self

    def hear(self) -> bytes:
        """The next bytes of the answer; nothing once the server has closed."""
        try:
            return self._socket.recv(65_536)
        except ConnectionResetError:
            return b""

    def answer(self) -> bytes:
        """One whole answer, or what came before the server closed."""
        heard = b""
        while b"\r\n\r\n" not in heard and (data := self.hear()):
            heard += data
        head, _, body = heard.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        while length and len(body) < int(length[1]) and (data := self.hear()):
            body += data
        return head + b"\r\n\r\n" + body if head else b""

    def hear_all(self) -> bytes:
        """Everything until the server closes."""
        heard = b""
        while data := self.hear():
            heard += data
        return heard

    @property
    def is_open(self) -> bool:
        """Whether the server has not closed it; what it said is passed over."""
        self._socket.setblocking(False)
        try:
            while self._socket.recv(65_536):
                pass
            return False
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            self._socket.settimeout(ANSWER_SECONDS)


class EdgeServer:
    """A running server, and the clients that the test made of it."""

    def __init__(self, port: int, process: "subprocess.Popen[str]", closing: ExitStack) -> None:
        self.port = port
        self.process = process
        self._closing = closing

    def client(self, source: str = "127.0.0.1") -> Client:
        """A connection, closed when the test ends."""
        return self._closing.enter_context(Client(self.port, source))

    def clients(self, count: int, source: str = "127.0.0.1") -> list[Client]:
        """Many of them."""
        return [self.client(source) for _ in range(count)]

    def serves(self, source: str = "127.0.0.1") -> bool:
        """Whether somebody who comes now is answered."""
        with Client(self.port, source) as client:
            return client.say(HELLO).answer().startswith(b"HTTP/1.1 200 ")

    @property
    def memory_bytes(self) -> int:
        """Its resident memory."""
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def edge_server(limits: "dict[str, Any] | str") -> Iterator[EdgeServer]:
    """A server with these limits, while the block lasts; it must end well."""
    port = free_port()
    text = limits if isinstance(limits, str) else json.dumps({**WIDE, **limits})
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.stack.edge.small_server", str(port), text],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    with ExitStack() as closing:
        server = EdgeServer(port, process, closing)
        try:

            def answers() -> bool:
                assert process.poll() is None, process.communicate()[1]
                try:
                    return server.serves()
                except OSError:
                    return False

            until(answers)
            yield server
        finally:
            process.send_signal(signal.SIGTERM)
            errors = process.communicate(timeout=20)[1]
        assert "Traceback" not in errors, errors
