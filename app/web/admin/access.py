"""The one place where it is checked who may do what: for pages, the API and the sockets of organisers."""

import logging
import time
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from app.ids import event_of
from app.organisers.access import EVERY_EVENT, Admin, Permission
from app.organisers.log import Deed
from app.sale.events import UnknownEvent
from app.web.admin.session import admin_of, caller_address, to_login
from app.web.callers import Handler, only_for
from app.web.problems import Problem
from app.web.services import services_of

log = logging.getLogger(__name__)

Serve = Callable[[Request, Admin], Awaitable[Response]]

REFUSALS_APART_SECONDS = 60.0  # the same refusal again within this time is not written down again
MOST_REFUSALS = 1_000

_refused_at: dict[tuple[str, str], float] = {}


def allowed(permission: Permission, *, page: bool = False, somewhere: bool = False) -> Callable[[Serve], Handler]:
    """A decorator for handlers `handler(request, admin)`: only for admins who may do this.

    The event is the one that the address names, by slug or by an order's id; without one it takes the right in
    every event, or with `somewhere` in any. Whoever is not signed in gets a Problem `unauthorized`, or on a `page`
    is led to the login; whoever may not gets `forbidden`.
    """

    def decorate(serve: Serve) -> Handler:
        async def checked(request: Request, admin: Admin) -> Response:
            await check(request, admin, permission, somewhere=somewhere)
            return await serve(request, admin)

        handler = only_for(admin_of, to_login)(checked) if page else only_for(admin_of)(checked)
        handler = wraps(serve)(handler)
        handler.caller, handler.permission = "admin_of", permission  # type: ignore[attr-defined]  # for the document
        return handler

    return decorate


async def check(
    connection: HTTPConnection, admin: Admin, permission: Permission, *, somewhere: bool = False
) -> None:
    """Raises Problem `forbidden` for whoever may not do this here; what was attempted is in the admin log."""
    event_id = await _event_of(connection)
    if admin.may(permission, event_id) or (somewhere and admin.may_somewhere(permission)):
        return
    method = connection.scope.get("method", "WS")
    await _note_refusal(connection, admin, event_id, f"{method} {connection.url.path}")
    raise Problem("forbidden", f"This takes the right `{permission}` here.")


async def viewer_of(connection: HTTPConnection) -> Admin | None:
    """Who opens a socket to watch a sale. Raises Problem `forbidden`."""
    admin = await admin_of(connection)
    if admin:
        await check(connection, admin, "view")
    return admin


async def record(
    connection: HTTPConnection,
    admin: Admin,
    action: str,
    event_id: int = EVERY_EVENT,
    *,
    subject: str = "",
    was: Any = None,
    became: Any = None,
) -> None:
    """Writes down in the admin log what was done: see app/organisers/log.py."""
    await services_of(connection).admin_log.write(
        Deed(str(admin), action, event_id, subject, was, became, caller_address(connection))
    )


async def _event_of(connection: HTTPConnection) -> int:
    """The event that the address names; 0 for none. Raises UnknownEvent, Problem `not_found`."""
    named = connection.path_params
    if "slug" in named:
        services, slug = services_of(connection), named["slug"]
        try:
            return (await services.events.get(slug)).id
        except UnknownEvent:  # it may have been created in another process a moment ago
            return (await services.event_for_organisers(slug)).id
    if "order_id" in named:
        try:
            return event_of(named["order_id"])
        except ValueError:
            raise Problem("not_found") from None
    return EVERY_EVENT


async def _note_refusal(connection: HTTPConnection, admin: Admin, event_id: int, what: str) -> None:
    now = time.monotonic()
    if now - _refused_at.get((str(admin), what), -REFUSALS_APART_SECONDS) < REFUSALS_APART_SECONDS:
        return
    if len(_refused_at) >= MOST_REFUSALS:
        _refused_at.clear()
    _refused_at[str(admin), what] = now
    log.warning("%s may not: %s", admin, what)
    await record(connection, admin, "refused", event_id, subject=what)
