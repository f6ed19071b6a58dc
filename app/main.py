"""The web application: every route, what is around it, and what it has open. The table of contents."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute

from app.infra.coalescing import CoalescingRedis
from app.infra.kafka import open_producer
from app.infra.mysql import open_database
from app.infra.redis import open_redis
from app.live.frames import FrameProtocol
from app.live.hub import Hub
from app.payments.providers import open_providers
from app.settings import BadSetting, Settings
from app.tokens import Tokens
from app.watch.processes import calm_collector, reporting
from app.web import callbacks, health
from app.web.admin import api as admin_api
from app.web.admin import pages as admin_pages
from app.web.admin import session
from app.web.admin.socket import socket as admin_socket
from app.web.buyer import api, pages
from app.web.buyer.socket import buyer_socket
from app.web.guard import Guard
from app.web.problems import NOT_FOUND, PROBLEMS, Problem, answer_error
from app.web.rendering import FILES
from app.web.services import Services
from app.web.static import StaticFiles

log = logging.getLogger(__name__)

_QUEUE = "/events/{slug}/queue"
ROUTES = [
    Mount(
        "/api/v1",
        routes=[
            Route("/events", api.get_events),
            Route("/events/{slug}", api.get_event),
            Route(_QUEUE, api.join, methods=["POST"]),
            Route(_QUEUE, api.get_place),
            Route(_QUEUE, api.leave, methods=["DELETE"]),
            Route("/events/{slug}/orders", api.place_order, methods=["POST"]),
            Route("/orders/{order_id}", api.get_order),
            Route("/orders/{order_id}", api.cancel_order, methods=["DELETE"]),
            Route("/orders/{order_id}/payments", api.start_payment, methods=["POST"]),
            Route("/payments/callbacks/{provider}", callbacks.receive, methods=["POST"]),
            Route("/admin/events/{slug}", admin_api.get_snapshot),
            Route("/admin/events/{slug}/state", admin_api.post_state, methods=["POST"]),
        ],
    ),
    WebSocketRoute("/ws/events/{slug}", buyer_socket),
    WebSocketRoute("/ws/admin/events/{slug}", admin_socket),
    Route("/", pages.events_page),
    Route("/events/{slug}", pages.event_page),
    Route(_QUEUE, pages.join_form, methods=["POST"]),
    Route("/resume/{slug}/{token}", pages.resume),
    Route("/orders/{order_id}", pages.order_page),
    Route("/admin", admin_pages.events_page),
    Route("/admin/login", session.login_form),
    Route("/admin/login", session.login, methods=["POST"]),
    Route("/admin/logout", session.logout, methods=["POST"]),
    Route("/admin/events/{slug}", admin_pages.event_page),
    Route("/healthz", health.healthz),
    Route("/readyz", health.readyz),
    Route("/metrics", health.metrics),
]

GRACEFUL_SECONDS = 5
PING_SECONDS = 60  # the library's 20 costs three times the wake-ups with 10,000 sockets


def create_app(settings: Settings) -> Starlette:
    """The ASGI application."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with (
            open_redis(settings, CoalescingRedis) as redis,
            open_database(settings) as database,
            open_producer(settings, wait=False) as producer,
            open_providers(settings) as providers,
        ):
            hub = Hub(redis)
            app.state.services = Services(
                settings, redis, database, producer, providers, hub, Tokens(settings.secret_key)
            )
            calm_collector()
            async with reporting(redis, "web", database, lambda: hub.open_sockets):
                telling = asyncio.create_task(hub.run())
                telling.add_done_callback(_end_process)
                yield
                telling.cancel()
                with suppress(asyncio.CancelledError):
                    await telling

    async def no_route(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code != 404:
            response = await answer_error(
                request, Problem(error.status_code, "not_allowed", "This cannot be done here.")
            )
            response.headers.update(error.headers or {})  # what may be done instead
            return response
        return await answer_error(request, NOT_FOUND)

    async def bug(request: Request, error: Exception) -> Response:  # it is logged with its trace
        return await answer_error(request, Problem(500, "internal", "Something went wrong here."))

    return Starlette(
        routes=ROUTES,
        middleware=[
            Middleware(StaticFiles, files=FILES),  # everything under /static/
            Middleware(Guard, public_url=settings.public_url),
        ],
        exception_handlers={
            HTTPException: no_route,
            Exception: bug,
            Problem: answer_error,
            **dict.fromkeys(PROBLEMS, answer_error),
        },
        lifespan=lifespan,
    )


def _end_process(telling: asyncio.Task[None]) -> None:
    """Without the hub every page would stay silent: better to end, and be started again."""
    if not telling.cancelled():
        log.critical("the hub ended", exc_info=telling.exception())
        os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Serves until SIGTERM; exit code 2 for a bad setting."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stdout)
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        settings = Settings.from_environment()
    except BadSetting as error:
        log.error("%s", error)
        sys.exit(2)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws=FrameProtocol,
        ws_per_message_deflate=False,  # 59 -> 24 KiB a socket
        ws_ping_interval=PING_SECONDS,
        ws_max_size=4_096,  # buyers have nothing to say on it
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        backlog=4_096,
        access_log=False,
        proxy_headers=False,  # nothing depends on where a request comes from
        log_level="warning",
    )


if __name__ == "__main__":
    main()
