"""The snapshots of a sale, passed on to a websocket: made elsewhere, once a second for everybody."""

import asyncio
from collections.abc import AsyncGenerator

from starlette.websockets import WebSocket

from app.live.frames import encode
from app.web.services import services_of

LATE_SECONDS = 1.5  # no snapshot is heard of for this long: it is made here


async def each_snapshot(websocket: WebSocket) -> AsyncGenerator[str]:
    """Every snapshot as text, the newest one for whoever reads slowly, until the websocket is closed."""
    services = services_of(websocket)
    listening = asyncio.create_task(_until_closed(websocket))
    text: str | None = None
    try:
        while not listening.done():
            event = await services.event(websocket.path_params["slug"])
            yield text or encode(await services.dashboard.snapshot(event))
            heard = asyncio.create_task(services.watching.next(event.id, LATE_SECONDS))
            await asyncio.wait([listening, heard], return_when=asyncio.FIRST_COMPLETED)
            text = heard.result() if heard.done() else None
            heard.cancel()
    finally:
        listening.cancel()


async def _until_closed(websocket: WebSocket) -> None:
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
