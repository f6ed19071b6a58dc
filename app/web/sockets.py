"""What both websockets have in common: who may open one, and how it ends."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from redis.exceptions import RedisError
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.infra.mysql import DatabaseUnavailable
from app.infra.redis import NotReady
from app.live.closing import NOT_JOINED, REFUSED, RESTARTING, Close
from app.live.frames import EXTENSION
from app.live.socket import Line
from app.sale.events import UnknownEvent
from app.sale.waiting_room import NotJoined, SaleClosed
from app.web.callers import Caller, Find
from app.web.origins import same_origin
from app.web.problems import Problem
from app.web.services import services_of

Serve = Callable[[WebSocket, Caller], Awaitable[None]]


def socket_for(find: Find[Caller]) -> Callable[[Serve[Caller]], Callable[[WebSocket], Awaitable[None]]]:
    """A decorator for handlers of websockets: of our own pages only, for callers that `find` knows."""

    def decorate(serve: Serve[Caller]) -> Callable[[WebSocket], Awaitable[None]]:
        async def serve_checked(websocket: WebSocket) -> None:
            await websocket.accept()  # a close code reaches the browser only on an accepted socket
            if not same_origin(websocket.headers, services_of(websocket).settings.public_url):
                return await _close(websocket, REFUSED)
            try:
                caller = await find(websocket)
                if caller is None:
                    return await _close(websocket, REFUSED)
                await serve(websocket, caller)
            except Problem:
                await _close(websocket, REFUSED)
            except (UnknownEvent, NotJoined, SaleClosed):
                await _close(websocket, NOT_JOINED)
            except (RedisError, NotReady, DatabaseUnavailable):
                await _close(websocket, RESTARTING)

        return serve_checked

    return decorate


def line_of(websocket: WebSocket) -> Line:
    """The connection itself, for frames that need not wait."""
    line: Line = websocket.scope["extensions"][EXTENSION]
    return line


async def _close(websocket: WebSocket, close: Close) -> None:
    with suppress(RuntimeError, WebSocketDisconnect):  # the browser may be gone before it is told why
        await websocket.close(close.code, close.reason)
