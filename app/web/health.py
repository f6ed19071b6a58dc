"""Whether the process is alive, what it depends on, and its figures."""

import asyncio
from collections.abc import Awaitable

from starlette.requests import Request
from starlette.responses import Response

from app.watch.metrics import BORROWED, SOCKETS, exposition
from app.web.http import Json
from app.web.services import services_of

CHECK_SECONDS = 2.0


async def healthz(request: Request) -> Response:
    return Json({"status": "alive"})


async def readyz(request: Request) -> Response:
    """200 when every dependency answers, else 503; each with its state."""
    services = services_of(request)

    async def state(check: Awaitable[object]) -> str:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await check
        except Exception as error:  # whatever it is, it is what to report
            return f"down: {type(error).__name__}"
        return "up"

    states = {
        "redis": await state(services.redis.ping()),
        "mysql": await state(services.database.fetch_one("SELECT 1")),
        "kafka": await state(services.producer.check()),
    }
    ready = all(value == "up" for value in states.values())
    return Json({"status": "ready" if ready else "not ready", "dependencies": states}, 200 if ready else 503)


async def metrics(request: Request) -> Response:
    services = services_of(request)
    SOCKETS.set(services.hub.open_sockets)
    BORROWED.set(services.database.borrowed)
    return Response(exposition(), media_type="text/plain; version=0.0.4")
