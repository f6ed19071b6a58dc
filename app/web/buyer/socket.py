"""The buyers' websocket. What is told on it is in app/live.py."""

from contextlib import suppress

from redis.exceptions import RedisError
from starlette.websockets import WebSocket

from app.infra.mysql import DatabaseUnavailable
from app.infra.redis import NotReady
from app.live.frames import EXTENSION
from app.live.hub import RESTARTING
from app.sale.events import UnknownEvent
from app.sale.waiting_room import NotJoined, look
from app.web.guard import same_origin
from app.web.http import known_buyer
from app.web.problems import Problem
from app.web.services import services_of

NOT_JOINED = 4001
REFUSED = 4003


async def buyer_socket(websocket: WebSocket) -> None:
    """`WS /ws/events/{slug}`: place, stock and orders as they stand, then every change."""
    services = services_of(websocket)
    await websocket.accept()  # a close code reaches the browser only on an accepted socket
    with suppress(RuntimeError):  # the browser may be gone before it is told why
        if not same_origin(websocket.headers, services.settings.public_url):
            return await websocket.close(REFUSED, "origin")
        try:
            buyer = known_buyer(websocket)
        except Problem:
            return await websocket.close(REFUSED, "token")
        try:
            event = await services.event(websocket.path_params["slug"])
            place = await look(services.redis, event.id, buyer.id)
            line = websocket.scope["extensions"][EXTENSION]
            await services.hub.serve(websocket, line, event.id, buyer.id, place)
        except (UnknownEvent, NotJoined):
            await websocket.close(NOT_JOINED, "not joined")
        except (RedisError, NotReady, DatabaseUnavailable):
            await websocket.close(RESTARTING, "try again")
