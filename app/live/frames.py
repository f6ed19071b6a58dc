"""Writing frames to sockets without a task and a queue for each.

ASGI has no broadcast: sending through it costs 12 to 17 µs a socket, a frame that is serialised once and written
to the transport 8.
"""

from functools import lru_cache
from typing import cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request

EXTENSION = "ticketcraze.frames"


@lru_cache(maxsize=64)  # what everybody is told is serialised once
def serialize(text: str) -> bytes:
    """A text frame as the bytes a server sends (RFC 6455)."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


class FrameProtocol(WebSocketsSansIOProtocol):
    """uvicorn's websocket protocol, which hands itself to the application in the scope's extensions."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):  # it is not there when the handshake was refused
            cast(dict[str, object], self.scope["extensions"])[EXTENSION] = self

    def write_frames(self, texts: list[str]) -> bool:
        """Writes text frames at once. False, and nothing written, while earlier bytes still wait to be sent."""
        if self.close_sent or self.transport.is_closing():
            return True  # nobody is there to read them
        if self.transport.get_write_buffer_size():
            return False
        self.transport.write(b"".join(map(serialize, texts)))
        return True
