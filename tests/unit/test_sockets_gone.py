"""A websocket whose browser is gone before it is told why it ends is no error."""

import asyncio
from typing import Any

from starlette.websockets import WebSocket

from app.live.closing import RESTARTING
from app.web.sockets import _close


def test_a_browser_that_is_gone_needs_no_goodbye() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        if message["type"] == "websocket.close":
            raise OSError("the browser is gone")

    async def story() -> None:
        websocket = WebSocket({"type": "websocket", "headers": [], "path": "/"}, receive, send)
        await websocket.accept()
        await _close(websocket, RESTARTING)

    asyncio.run(story())
