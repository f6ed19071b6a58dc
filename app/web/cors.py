"""Other sites' pages: those that an organiser names may use the waiting room of that sale, by token alone.

Whatever such a page asks for comes without cookies, whether its browser sent any or not: so it can do nothing in
the name of somebody who is only here.
"""

import re
from contextlib import suppress
from typing import cast

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.ids import event_of
from app.infra.mysql import DatabaseUnavailable
from app.sale.catalog import SLUG, Event
from app.sale.events import UnknownEvent

_OF_EVENT = re.compile(rf"/api/v1/events/({SLUG.pattern})(?:/.*)?")
_OF_ORDER = re.compile(r"/api/v1/orders/([0-9a-f-]{36})(?:/.*)?")
_VARY = (b"vary", b"origin")
_PREFLIGHT = [
    (b"access-control-allow-methods", b"GET, POST, DELETE"),
    (
        b"access-control-allow-headers",
        b"authorization, content-type, idempotency-key, order-receipt, if-none-match",
    ),
    (b"access-control-max-age", b"600"),
]
_EXPOSED = (b"access-control-expose-headers", b"location, retry-after, etag, link")
NOT_TOLD = (b"set-cookie", b"vary")


class Cors:
    """In front of the guard: marks what comes from a page that may, and tells its browser so."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        origin = Headers(scope=scope).get("origin") if scope["type"] == "http" else None
        if origin is None or (event := await _event_of(scope)) is None or origin not in event.gates.origins:
            await self._app(scope, receive, send)
            return
        allowed = (b"access-control-allow-origin", origin.encode("latin-1"))
        if scope["method"] == "OPTIONS":
            await send({"type": "http.response.start", "status": 204, "headers": [allowed, _VARY, *_PREFLIGHT]})
            await send({"type": "http.response.body", "body": b""})
            return
        headers = [(name, value) for name, value in scope["headers"] if name != b"cookie"]

        async def send_allowed(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = [(name, value) for name, value in message["headers"] if name not in NOT_TOLD]
                message["headers"] = [*told, allowed, _VARY, _EXPOSED]
            await send(message)

        await self._app({**scope, "headers": headers, "allowed_origin": origin}, receive, send_allowed)


async def _event_of(scope: Scope) -> Event | None:
    """The event that a call is about; None for any other address, and for an event that cannot be read now."""
    events, path = scope["app"].state.services.events, scope["path"]
    with suppress(UnknownEvent, DatabaseUnavailable, ValueError):
        if match := _OF_EVENT.fullmatch(path):
            return cast(Event, await events.get(match[1]))
        if match := _OF_ORDER.fullmatch(path):
            return cast(Event, await events.get(event_of(match[1])))
    return None
