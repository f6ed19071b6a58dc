"""The organiser's pages, API and socket, behind a login."""

import asyncio
from contextlib import suppress
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs

import msgspec
from redis.exceptions import RedisError
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from app.infra.mysql import DatabaseUnavailable
from app.live.hub import RESTARTING, dump
from app.organisers.accounts import check_password
from app.organisers.dashboard import snapshot
from app.sale.events import NotOpen, UnknownEvent, list_events, set_state
from app.sale.waiting_room import NotReady, read_sale
from app.tokens import ADMIN_SECONDS, BadToken
from app.units import iso
from app.web.buyer.pages import page
from app.web.buyer.socket import NOT_JOINED, REFUSED
from app.web.guard import same_origin
from app.web.http import Json, Problem, invalid, read_body, read_json
from app.web.services import services_of

ADMIN_COOKIE = "tc_admin"
FRAME_SECONDS = 1.0
MAX_TRIES = 10  # wrong passwords a minute for one name
SIGN_IN = Problem(401, "unauthorized", "Please sign in at /admin.")


def admin_of(connection: HTTPConnection) -> str | None:
    """The signed-in admin's name."""
    try:
        return services_of(connection).tokens.admin(connection.cookies.get(ADMIN_COOKIE, ""))
    except BadToken:
        return None


async def login_form(request: Request) -> Response:
    return page("admin/login.html", error=None, next=_inside(request.query_params.get("next", "")))


def _inside(path: str) -> str:
    """Where to go after the login: only ever to the admin's own pages."""
    return path if path.startswith("/admin") and "\\" not in path else "/admin"


async def login(request: Request) -> Response:
    services = services_of(request)
    try:
        form = parse_qs((await read_body(request)).decode(errors="replace"), max_num_fields=10)
    except ValueError:
        raise invalid("there are too many fields") from None
    name, password, next_ = (form.get(field, [""])[0][:200] for field in ("user", "password", "next"))
    tries_key = f"tc:login:{name[:64]}"
    if int(await services.redis.get(tries_key) or 0) >= MAX_TRIES:
        return page("admin/login.html", 429, error="Too many tries. Wait a minute.", next=_inside(next_))
    row = await services.database.fetch_one("SELECT password_hash FROM admins WHERE name = %s", (name,))
    # scrypt takes its time on purpose: not in the event loop
    if row is None or not await run_in_threadpool(check_password, password, row["password_hash"]):
        async with services.redis.pipeline(transaction=True) as pipeline:
            pipeline.incr(tries_key)
            pipeline.expire(tries_key, 60)
            await pipeline.execute()
        return page(
            "admin/login.html", 403, error="This name and password do not belong together.", next=_inside(next_)
        )
    response = RedirectResponse(_inside(next_), 303)
    response.set_cookie(
        ADMIN_COOKIE,
        services.tokens.of_admin(name),
        max_age=ADMIN_SECONDS,
        httponly=True,
        samesite="strict",
        secure=services.settings.secure,
    )
    return response


async def logout(request: Request) -> Response:
    response = RedirectResponse("/admin/login", 303)
    response.delete_cookie(ADMIN_COOKIE)
    return response


def _to_login(request: Request) -> Response:
    return RedirectResponse(f"/admin/login?next={request.url.path}", 303)


async def events_page(request: Request) -> Response:
    if not admin_of(request):
        return _to_login(request)
    services = services_of(request)
    rows = []
    for event in await list_events(services.database):
        try:
            state, stock, _ = await read_sale(services.redis, event.id)
        except NotReady:
            state, stock = "not_ready", {}
        rows.append(
            {
                "slug": event.slug,
                "name": event.name,
                "sale": state,
                "opens_at": iso(event.opens_at_ms),
                "capacity": sum(sku.capacity for sku in event.skus),
                "sold": sum(s.sold for s in stock.values()),
                "held": sum(s.held for s in stock.values()),
            }
        )
    return page("admin/events.html", events=rows)


async def event_page(request: Request) -> Response:
    if not admin_of(request):
        return _to_login(request)
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    now = await snapshot(services.redis, services.database, event)
    return page("admin/event.html", event=now["event"], snapshot=now)


async def get_snapshot(request: Request) -> Response:
    if not admin_of(request):
        raise SIGN_IN
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    return Json(await snapshot(services.redis, services.database, event))


class SetState(msgspec.Struct, forbid_unknown_fields=True):
    """The body that opens, pauses or closes a sale."""

    state: Literal["open", "paused", "closed"]
    notice: Annotated[str, msgspec.Meta(max_length=200)] | None = None


async def post_state(request: Request) -> Response:
    admin = admin_of(request)
    if not admin:
        raise SIGN_IN
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    wanted = await read_json(request, SetState)
    try:
        await set_state(services.database, services.redis, event, wanted.state, wanted.notice or "", admin)
    except NotOpen:
        raise Problem(409, "not_open", "Only an open sale can be paused.") from None
    services.forget(event.slug)
    return Json(await snapshot(services.redis, services.database, event))


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


pages = [
    Route("/admin", events_page),
    Route("/admin/login", login_form),
    Route("/admin/login", login, methods=["POST"]),
    Route("/admin/logout", logout, methods=["POST"]),
    Route("/admin/events/{slug}", event_page),
    WebSocketRoute("/ws/admin/events/{slug}", socket),
]
api = [
    Route("/admin/events/{slug}", get_snapshot),
    Route("/admin/events/{slug}/state", post_state, methods=["POST"]),
]
