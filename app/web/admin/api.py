"""The organiser's API: JSON under /api/v1/admin."""

from typing import Annotated, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.organisers.dashboard import snapshot
from app.sale.events import NotOpen, set_state
from app.web.admin.session import SIGN_IN, admin_of
from app.web.http import Json, read_json
from app.web.problems import Problem
from app.web.services import services_of


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
