"""The organiser's API: JSON under /api/v1/admin."""

from typing import Annotated, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.organisers.access import Admin
from app.organisers.snapshot import Snapshot
from app.sale.events import NotOpen, read_sale, set_state
from app.web.admin.access import allowed, record
from app.web.http import Json, read_json
from app.web.problems import Problem
from app.web.promises import promise
from app.web.services import services_of


@promise("Everything that matters of a sale now.", {200: Snapshot})
@allowed("view")
async def get_snapshot(request: Request, admin: Admin) -> Response:
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    return Json(await services.dashboard.snapshot(event))


class SetState(msgspec.Struct, forbid_unknown_fields=True):
    """The body that opens, pauses or closes a sale."""

    state: Literal["open", "paused", "closed"]
    notice: Annotated[str, msgspec.Meta(max_length=200)] | None = None


@promise("Opens, pauses or closes a sale, at once.", {200: Snapshot}, "not_open", body=SetState)
@allowed("run")
async def post_state(request: Request, admin: Admin) -> Response:
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    wanted = await read_json(request, SetState)
    was, _, before = await read_sale(services.redis, event)
    try:
        await set_state(services.database, services.redis, event, wanted.state, wanted.notice or "", str(admin))
    except NotOpen:
        raise Problem("not_open") from None
    became = {"state": wanted.state, "notice": wanted.notice or ""}
    await record(request, admin, "state", event.id, was={"state": was, "notice": before}, became=became)
    await services.events.refresh(event.slug)
    return Json(await services.dashboard.snapshot(event, fresh=True))
