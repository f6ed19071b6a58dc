"""The organiser's API: JSON under /api/v1/admin."""

from typing import Annotated, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.organisers.access import Admin
from app.organisers.history import STEPS, History, first_ms, history_of, read_history, step_for
from app.organisers.snapshot import Snapshot
from app.sale.changing import NotADraft, publish_event
from app.sale.events import NotOpen, note, read_sale, set_state
from app.units import now_ms
from app.web.admin.access import allowed, record
from app.web.admin.events import etag_of
from app.web.http import Json, read_json, read_time
from app.web.problems import Problem, invalid
from app.web.promises import TIME, Parameter, promise
from app.web.services import services_of


@promise("Everything that matters of a sale now.", {200: Snapshot})
@allowed("view")
async def get_snapshot(request: Request, admin: Admin) -> Response:
    services = services_of(request)
    event = await services.event_for_organisers(request.path_params["slug"])  # for the ETag, as it is now
    answer = Json(await services.dashboard.snapshot(event))
    answer.headers["ETag"] = etag_of(event)
    return answer


FROM = Parameter("from", "query", "Since when; from the beginning without it.", TIME)
STEP = Parameter("step", "query", "Seconds between points; as many as fit without it.", {"enum": list(STEPS)})


@promise("How the sale stood over time.", {200: History}, "invalid", parameters=(FROM, STEP))
@allowed("view")
async def get_history(request: Request, admin: Admin) -> Response:
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    from_ms = read_time(request, "from")
    if from_ms is None:
        from_ms = await first_ms(services.database, event.id) or now_ms()
    step = _read_step(request) or step_for(from_ms)
    points = await read_history(services.database, event.id, from_ms, step)
    return Json(history_of(event.slug, from_ms, step, points))


def _read_step(request: Request) -> int | None:
    text = request.query_params.get("step")
    if text is None:
        return None
    if text not in map(str, STEPS):
        raise invalid(f"step: one of {', '.join(map(str, STEPS))} seconds")
    return int(text)


class SetState(msgspec.Struct, forbid_unknown_fields=True):
    """The body that opens, pauses or closes a sale; `scheduled` puts a draft on sale."""

    state: Literal["scheduled", "open", "paused", "closed"]
    notice: Annotated[str, msgspec.Meta(max_length=200)] | None = None


@promise(
    "Opens, pauses or closes a sale, at once; or puts a draft on sale.",
    {200: Snapshot},
    "not_open",
    "not_a_draft",
    "closed",
    body=SetState,
)
@allowed("run")
async def post_state(request: Request, admin: Admin) -> Response:
    services = services_of(request)
    event = await services.event_for_organisers(request.path_params["slug"])
    wanted = await read_json(request, SetState)
    if event.state == "draft" or wanted.state == "scheduled":
        try:
            event = await publish_event(services.database, services.redis, event)
        except NotADraft:
            raise Problem("not_a_draft") from None
        await note(services.database, event.id, f"{admin} put the event on sale")
    was, _, before, _ = await read_sale(services.redis, event)
    if wanted.state != "scheduled":
        try:
            await set_state(
                services.database, services.redis, event, wanted.state, wanted.notice or "", str(admin)
            )
        except NotOpen:
            raise Problem("not_open") from None
    became = {"state": wanted.state, "notice": wanted.notice or ""}
    await record(request, admin, "state", event.id, was={"state": was, "notice": before}, became=became)
    await services.events.refresh(event.slug)
    return Json(await services.dashboard.snapshot(event, fresh=True))
