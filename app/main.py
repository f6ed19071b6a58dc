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
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from app.infra.clients import open_database, open_facts, open_redis
from app.infra.coalescing import CoalescingRedis
from app.live.frames import FrameProtocol
from app.live.hub import Hub
from app.payments.sandbox import SandboxProvider
from app.settings import BadSetting, Settings
from app.tokens import Tokens
from app.watch.processes import calm_collector, reporting
from app.web import callbacks, health
from app.web.admin import pages as admin
from app.web.buyer import api, pages
from app.web.buyer import socket as sockets
from app.web.guard import PROBLEMS, Guard, answer_error
from app.web.http import NOT_FOUND, Problem
from app.web.rendering import STATIC
from app.web.services import Services

log = logging.getLogger(__name__)

GRACEFUL_SECONDS = 5
PING_SECONDS = 60  # the library's 20 costs three times the wake-ups with 10,000 sockets


def create_app(settings: Settings) -> Starlette:
    """The ASGI application."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with (
            open_redis(settings, CoalescingRedis) as redis,
            open_database(settings) as database,
            open_facts(settings, wait=False) as facts,
            SandboxProvider(settings) as provider,
        ):
            hub = Hub(redis)
            app.state.services = Services(
                settings, redis, database, facts, provider, hub, Tokens(settings.secret_key)
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
        routes=[
            Mount("/api/v1", routes=[*api.routes, *callbacks.routes, *admin.api]),
            *sockets.routes,
            *pages.routes,
            *admin.pages,
            *health.routes,
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Guard, public_url=settings.public_url)],
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
