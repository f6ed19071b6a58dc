"""The websocket protocol of this process: frames written without a task and a queue for each, and its limits.

ASGI has no broadcast: sending through it costs 12 to 17 µs a socket, a frame that is serialised once and written
to the transport 8. And nobody may keep the process busy by talking: a reader of ours has nothing to say.
"""

import asyncio
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, cast

import msgspec
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request

from app.live.closing import TOO_MUCH_SAID, Close

EXTENSION = "ticketcraze.frames"
# What a client may send, at once and then each second. A browser sends a pong a minute and its close frame.
BURST_BYTES, BYTES_PER_SECOND = 32_768, 2_048
BURST_FRAMES, FRAMES_PER_SECOND = 100, 10
CLOSING_SECONDS = 1.0


@lru_cache(maxsize=64)  # what everybody is told is serialised once
def serialize(text: str) -> bytes:
    """A text frame as the bytes a server sends (RFC 6455)."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


def encode(frame: msgspec.Struct) -> str:
    """A frame as text: the one place where frames are encoded."""
    return msgspec.json.encode(frame).decode()


class Allowance:
    """So much at once, and so much a second: a token bucket."""

    __slots__ = ("_at", "_burst", "_left", "_per_second")

    def __init__(self, burst: int, per_second: int) -> None:
        self._burst, self._per_second = burst, per_second
        self._left: float = burst
        self._at = time.monotonic()

    def take(self, amount: int) -> bool:
        """Whether this much is still allowed; it is used up either way."""
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_second) - amount
        self._at = now
        return self._left >= 0


class FrameProtocol(WebSocketsSansIOProtocol):
    """uvicorn's websocket protocol, which hands itself to the application in the scope's extensions."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._bytes = Allowance(BURST_BYTES, BYTES_PER_SECOND)
        self._frames = Allowance(BURST_FRAMES, FRAMES_PER_SECOND)
        self._is_cut = False

    def data_received(self, data: bytes) -> None:
        """Reads what was sent, unless it is too much: then not even the frames in it are looked for."""
        if self._is_cut:
            return
        if self.handshake_initiated and not self._bytes.take(len(data)):
            self.cut(TOO_MUCH_SAID)
            return
        super().data_received(data)

    def handle_events(self) -> None:
        """Handles the frames that were read, unless they are too many."""
        if self.handshake_complete and not self._frames.take(len(self.conn.events)):
            self.conn.events_received()
            self.conn.data_to_send()  # the pongs they would have got
            self.cut(TOO_MUCH_SAID)
            return
        super().handle_events()

    def handle_connect(self, event: Request) -> None:
        """Hands the protocol to the application."""
        super().handle_connect(event)
        if hasattr(self, "scope"):  # it is not there when the handshake was refused
            cast(dict[str, object], self.scope["extensions"])[EXTENSION] = self

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """Takes itself out of what it holds, or a closed connection would stay until the collector looks."""
        super().on_task_complete(task)
        cast(dict[str, object], self.scope["extensions"]).pop(EXTENSION, None)

    def connection_lost(self, error: Exception | None) -> None:
        """Ends the parser too, which holds what holds it."""
        super().connection_lost(error)
        self.conn.parser.close()

    def handle_ping(self) -> None:
        """Answers a ping, unless earlier bytes still wait to be read: pongs for a silent reader would pile up."""
        pong = self.conn.data_to_send()
        if not self.transport.get_write_buffer_size():
            self.transport.write(b"".join(pong))

    def write_frames(self, texts: Sequence[str]) -> bool:
        """Writes text frames at once. False, and nothing written, while earlier bytes still wait to be sent."""
        if self.close_sent or self.transport.is_closing():
            return True  # nobody is there to read them
        if self.transport.get_write_buffer_size():
            return False
        self.transport.write(b"".join(map(serialize, texts)))
        return True

    def cut(self, close: Close) -> None:
        """Closes without waiting for anybody: a reader learns why, whoever does not read is gone in a second."""
        if self.close_sent or self.transport.is_closing():
            return
        self._is_cut = True
        if not self.handshake_complete:
            self.transport.abort()
            return
        self.close_sent = True
        self.stop_keepalive()
        if self.transport.is_reading():  # what else is said stays in the kernel, and its sender waits
            self.transport.pause_reading()
        self.read_paused = False  # or reading would go on once the application asks for more
        self.queue.put_nowait({"type": "websocket.disconnect", "code": close.code, "reason": close.reason})
        self.conn.send_close(close.code, close.reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_timer = self.loop.call_later(CLOSING_SECONDS, self.transport.abort)
