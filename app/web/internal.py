"""The internal listener: figures and health for whoever watches this host's web processes, on a port of its own.

Buyers' port answers 404 for /metrics in production: figures tell a competitor or an attacker how a sale goes.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import State

from app.web import health
from app.web.problems import Problem, answer_error
from app.web.routing import resource

MOST_AT_ONCE = 32
IDLE_SECONDS = 5

ROUTES = [
    resource("/healthz", GET=health.healthz),
    resource("/readyz", GET=health.readyz),
    resource("/metrics", GET=health.internal_metrics),
]


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The process's main server has them."""
        yield


@contextlib.asynccontextmanager
async def internal_listener(listener: socket.socket | None, state: State) -> AsyncIterator[None]:
    """Serves until the block ends, with what the application has open; nothing without a listening socket."""
    if listener is None:
        yield
        return
    app = Starlette(routes=ROUTES, exception_handlers={Problem: answer_error})
    app.state = state
    server = _Server(
        uvicorn.Config(
            app,
            lifespan="off",
            http="httptools",
            ws="none",
            limit_concurrency=MOST_AT_ONCE,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=IDLE_SECONDS,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            log_level="warning",
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving
