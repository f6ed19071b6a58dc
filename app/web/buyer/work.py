"""The work that a sale may ask of those who join."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.live.shapes import WorkChallenge
from app.sale.events import check_not_over
from app.web.http import Json
from app.web.problems import Problem
from app.web.promises import promise
from app.web.services import services_of


@promise(
    "A challenge for joining a sale that asks for work, as ALTCHA's widget and libraries take it. Its solution"
    " goes into the join as `work`.",
    {200: WorkChallenge},
    "closed",
)
async def get_challenge(request: Request) -> Response:
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    check_not_over(event)
    if not event.gates.work:
        raise Problem("not_found")
    return Json(msgspec.convert(services.work.challenge(event.id, event.gates.work), WorkChallenge))
