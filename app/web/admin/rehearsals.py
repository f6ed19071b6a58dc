"""Rehearsals that organisers ask for: JSON under /api/v1/admin, and their page. A worker plays them."""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from app.infra.mysql import Database
from app.live.shapes import Time
from app.organisers.access import Admin, rights_in
from app.organisers.asked_rehearsals import AlreadyAsked, TooManyRehearsals, ask, list_asked
from app.organisers.rehearsing import MOST_TICKETS
from app.sale.catalog import Event
from app.units import iso, to_ms
from app.watch.processes import reports
from app.web.admin.access import allowed, record
from app.web.admin.events import settings_of
from app.web.admin.repeating import repeatable
from app.web.http import Json, read_json
from app.web.problems import Problem, invalid
from app.web.promises import REPEAT_KEY, promise
from app.web.rendering import page
from app.web.services import Services, services_of

KEPT_ALIVE = "rehearsals"  # who plays cannot be the one that is killed
USUAL_BUYERS = 500


class AskRehearsal(msgspec.Struct, forbid_unknown_fields=True):
    """So many buyers at once, for so many tickets (null: as it has); `kills` is a process, in the middle."""

    buyers: Annotated[int, Meta(ge=1)]
    tickets: Annotated[int, Meta(ge=1, le=MOST_TICKETS)] | None = None
    kills: Annotated[str, Meta(max_length=32)] | None = None


class AskedRehearsal(msgspec.Struct, frozen=True):
    """One that is WAITING, PLAYED, DONE or FAILED. `played_as` is the slug of the copy."""

    id: str
    buyers: int
    tickets: int | None
    kills: str | None
    asked_by: str
    asked_at: Time
    state: str
    step: str
    played_as: str | None
    error: str | None


class AskedRehearsals(msgspec.Struct, frozen=True):
    """Those of an event, newest first. `most_buyers` is 0 where none may be asked for; `may_kill`: processes."""

    rehearsals: list[AskedRehearsal]
    most_buyers: int
    may_kill: list[str]


@promise("The rehearsals of a sale, and what may be asked for.", {200: AskedRehearsals})
@allowed("view")
async def get_rehearsals(request: Request, admin: Admin) -> Response:
    services = services_of(request)
    return Json(await _rehearsals(services, await services.event_for_organisers(request.path_params["slug"])))


async def _rehearsals(services: Services, event: Event) -> AskedRehearsals:
    return AskedRehearsals(
        await _asked(services.database, event.id), services.settings.rehearsal_buyers, await _victims(services)
    )


async def _asked(database: Database, event_id: int) -> list[AskedRehearsal]:
    return [
        AskedRehearsal(
            row["id"],
            row["buyers"],
            row["tickets"],
            row["kills"],
            row["asked_by"],
            iso(to_ms(row["asked_at"])),
            row["state"],
            row["step"],
            row["copy_slug"],
            row["error"],
        )
        for row in await list_asked(database, event_id)
    ]


async def _victims(services: Services) -> list[str]:
    return sorted({report.name for report in await reports(services.redis) if report.ok} - {KEPT_ALIVE})


@promise(
    "Asks for a rehearsal: a crowd on a copy of the event, on the real servers. It is played by a worker.",
    {202: AskedRehearsals},
    "no_rehearsals",
    "rehearsed_already",
    "too_many",
    "key_reused",
    parameters=(REPEAT_KEY,),
    body=AskRehearsal,
)
@allowed("run")
@repeatable
async def post_rehearsal(request: Request, admin: Admin) -> Response:
    services, wanted = services_of(request), await read_json(request, AskRehearsal)
    event = await services.event_for_organisers(request.path_params["slug"])
    most = services.settings.rehearsal_buyers
    if not most or not services.settings.sandbox_url:
        raise Problem("no_rehearsals")
    if wanted.buyers > most:
        raise invalid(f"buyers: from 1 to {most}")
    if wanted.kills and wanted.kills not in await _victims(services):
        raise invalid(f"kills: one of {', '.join(await _victims(services))}")
    try:
        id_ = await ask(
            services.database, event.id, wanted.buyers, wanted.tickets, wanted.kills or None, str(admin)
        )
    except AlreadyAsked:
        raise Problem("rehearsed_already") from None
    except TooManyRehearsals:
        raise Problem("too_many", "As many rehearsals wait as may.", retry_seconds=60) from None
    await record(request, admin, "rehearsal", event.id, subject=id_, became=wanted)
    return Json(await _rehearsals(services, event), 202)


@allowed("view", page=True)
async def rehearsals_page(request: Request, admin: Admin) -> Response:
    """Asking for a rehearsal, how far it is, and the verdicts."""
    services = services_of(request)
    event = await services.event_for_organisers(request.path_params["slug"])
    shown = msgspec.to_builtins(await _rehearsals(services, event))
    return page(
        "admin/rehearsals.html",
        event=msgspec.to_builtins(settings_of(event)),
        rights=rights_in(admin, event.id),
        here="Rehearsals",
        usual_buyers=min(USUAL_BUYERS, services.settings.rehearsal_buyers),
        state=" ".join(f"{one['id']}:{one['state']}:{one['step']}" for one in shown["rehearsals"]),
        **shown,
    )
