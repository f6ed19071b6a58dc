"""The organiser's websocket: a snapshot of the sale every second."""

import asyncio
from contextlib import suppress
from typing import Any

from redis.exceptions import RedisError
from starlette.websockets import WebSocket

from app.infra.mysql import DatabaseUnavailable
from app.live.hub import RESTARTING, dump
from app.organisers.dashboard import snapshot
from app.sale.events import UnknownEvent
from app.web.admin.session import admin_of
from app.web.buyer.socket import NOT_JOINED, REFUSED
from app.web.guard import same_origin
from app.web.services import services_of

FRAME_SECONDS = 1.0


async def socket(websocket: WebSocket) -> None:
    """`WS /ws/admin/events/{slug}`: a snapshot every second."""
    services = services_of(websocket)
    await websocket.accept()
    with suppress(RuntimeError):  # the browser may be gone
        if not admin_of(websocket) or not same_origin(websocket.headers, services.settings.public_url):
            return await websocket.close(REFUSED)
        listening = asyncio.create_task(_until_closed(websocket))
        try:
            while not listening.done():
                event = await services.event(websocket.path_params["slug"])
                frame: dict[str, Any] = await snapshot(services.redis, services.database, event)
                await websocket.send_text(dump(frame))
                await asyncio.wait([listening], timeout=FRAME_SECONDS)
        except UnknownEvent:
            await websocket.close(NOT_JOINED)
        except (RedisError, DatabaseUnavailable):
            await websocket.close(RESTARTING)
        finally:
            listening.cancel()


async def _until_closed(websocket: WebSocket) -> None:
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
