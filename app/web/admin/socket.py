"""The organiser's websocket: a snapshot of the sale every second, made elsewhere and passed on."""

from contextlib import aclosing

from starlette.websockets import WebSocket

from app.organisers.access import Admin
from app.web.admin.access import viewer_of
from app.web.problems import Problem
from app.web.snapshots import each_snapshot
from app.web.sockets import line_of, socket_for


@socket_for(viewer_of)
async def admin_socket(websocket: WebSocket, admin: Admin) -> None:
    """`WS /ws/admin/events/{slug}`: a snapshot every second, the newest one for whoever reads slowly."""
    line = line_of(websocket)
    async with aclosing(each_snapshot(websocket)) as snapshots:
        async for snapshot in snapshots:
            if await viewer_of(websocket) is None:  # signed out meanwhile
                raise Problem("unauthorized")
            line.write_frames([snapshot])
