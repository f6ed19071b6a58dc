"""The organiser's websocket: a snapshot of the sale every second."""

import asyncio

from starlette.websockets import WebSocket

from app.live.frames import encode
from app.organisers.access import Admin
from app.web.admin.access import viewer_of
from app.web.problems import Problem
from app.web.services import services_of
from app.web.sockets import line_of, socket_for

FRAME_SECONDS = 1.0


@socket_for(viewer_of)
async def admin_socket(websocket: WebSocket, admin: Admin) -> None:
    """`WS /ws/admin/events/{slug}`: a snapshot every second, the newest one for whoever reads slowly."""
    services, line = services_of(websocket), line_of(websocket)
    listening = asyncio.create_task(_until_closed(websocket))
    try:
        while not listening.done():
            if await viewer_of(websocket) is None:  # signed out meanwhile
                raise Problem("unauthorized")
            event = await services.event(websocket.path_params["slug"])
            line.write_frames([encode(await services.dashboard.snapshot(event))])
            await asyncio.wait([listening], timeout=FRAME_SECONDS)
    finally:
        listening.cancel()


async def _until_closed(websocket: WebSocket) -> None:
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
