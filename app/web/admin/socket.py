"""The organiser's websocket: a snapshot of the sale every second, made elsewhere and passed on."""

import asyncio

from starlette.websockets import WebSocket

from app.live.frames import encode
from app.organisers.access import Admin
from app.web.admin.access import viewer_of
from app.web.problems import Problem
from app.web.services import services_of
from app.web.sockets import line_of, socket_for

LATE_SECONDS = 1.5  # no snapshot is heard of for this long: it is made here


@socket_for(viewer_of)
async def admin_socket(websocket: WebSocket, admin: Admin) -> None:
    """`WS /ws/admin/events/{slug}`: a snapshot every second, the newest one for whoever reads slowly."""
    services, line = services_of(websocket), line_of(websocket)
    listening = asyncio.create_task(_until_closed(websocket))
    text: str | None = None
    try:
        while not listening.done():
            if await viewer_of(websocket) is None:  # signed out meanwhile
                raise Problem("unauthorized")
            event = await services.event(websocket.path_params["slug"])
            line.write_frames([text or encode(await services.dashboard.snapshot(event))])
            heard = asyncio.create_task(services.watching.next(event.id, LATE_SECONDS))
            await asyncio.wait([listening, heard], return_when=asyncio.FIRST_COMPLETED)
            text = heard.result() if heard.done() else None
            heard.cancel()
    finally:
        listening.cancel()


async def _until_closed(websocket: WebSocket) -> None:
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
