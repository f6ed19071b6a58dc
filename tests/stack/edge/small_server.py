"""A web server of the application's kind with a tiny application, for tests that need narrow limits.

python -m tests.stack.edge.small_server PORT LIMITS, where LIMITS is JSON for `Limits`; "uvicorn" in place of them
serves the same without our door.
"""

import json
import resource
import sys
import time

import uvicorn
from starlette.types import Receive, Scope, Send

from app.live.frames import FrameProtocol
from app.web.connections import Door, Limits
from app.web.server import Server, listen


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers how much body came.

    /busy holds the loop, /deaf reads no body and accepts no websocket, /large is more than buffers hold.
    """
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["type"] == "websocket":
        await receive()
        if scope["path"] != "/deaf":
            await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        return
    size = 0
    if scope["path"] == "/busy":
        time.sleep(0.002)  # noqa: ASYNC251 - the loop has other work to do
    elif scope["path"] != "/deaf":
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            size += len(message.get("body", b""))
            if not message.get("more_body"):
                break
    body = b"x" * 16_000_000 if scope["path"] == "/large" else str(size).encode()
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Serves until SIGTERM."""
    port, limits = int(sys.argv[1]), sys.argv[2]
    if limits == "uvicorn":
        uvicorn.run(
            application,
            port=port,
            loop="uvloop",
            http="httptools",
            ws=FrameProtocol,
            log_level="error",
            backlog=4096,
        )
        return
    options = json.loads(limits)
    if files := options.pop("files", 0):
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    Server(application, listen("127.0.0.1", port), Door(Limits(**options))).run()


if __name__ == "__main__":
    main()
