"""Whether the process is alive, what it depends on, and its figures."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress

from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import Response

from app.live.shapes import Health, Readiness
from app.orders.rebuild import rebuilding
from app.watch.metrics import WorkerFigures, exposition, write_figures
from app.watch.processes import figures_of_workers
from app.web.http import Json
from app.web.problems import Problem
from app.web.promises import promise
from app.web.services import services_of

CHECK_SECONDS = 2.0


@promise("Whether the process is alive.", {200: Health})
async def healthz(request: Request) -> Response:
    return Json(Health())


@promise("Whether every dependency answers, each with its state.", {200: Readiness}, "draining")
async def readyz(request: Request) -> Response:
    """200 when every dependency answers, else the problem `unavailable`, each with its state; or `draining`."""
    services = services_of(request)
    if services.draining.has_begun:
        raise Problem("draining")

    async def state(check: Awaitable[object]) -> str:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await check
        except Exception as error:  # whatever it is, it is what to report
            return f"down: {type(error).__name__}"
        return "up"

    names = ("redis", "mysql", "kafka")
    states = await asyncio.gather(
        state(services.redis.ping()),
        state(services.database.fetch_one("SELECT 1")),
        state(services.producer.check()),
    )
    dependencies = dict(zip(names, states, strict=True))
    if any(value != "up" for value in states):
        raise Problem("unavailable", dependencies=dependencies)
    return Json(Readiness("ready", dependencies, await rebuilding(services.redis)))


@promise("The figures of this host's web processes, and of all workers, for Prometheus.", {200: str})
async def metrics(request: Request) -> Response:
    """The figures, where this port is for developers only: see app/web/internal.py."""
    if services_of(request).settings.environment == "production":
        raise Problem("not_found")
    return await internal_metrics(request)


async def internal_metrics(request: Request) -> Response:
    """The figures of this host's web processes and of all workers, in Prometheus's text format."""
    services = services_of(request)
    write_figures(services.board, services.look)
    workers: list[WorkerFigures] = []
    with suppress(RedisError, TimeoutError):  # then those of this host alone
        async with asyncio.timeout(CHECK_SECONDS):
            workers = await figures_of_workers(services.redis)
    return Response(exposition(services.board, workers), media_type="text/plain; version=0.0.4")
