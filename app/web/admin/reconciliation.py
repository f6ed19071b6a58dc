"""The organiser's API: what does not agree about the money and the stock of a sale, and mending it."""

from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.ids import ID
from app.organisers.access import Admin
from app.payments.findings import MOST_SHOWN, Finding, close, compared_until, mend, open_findings
from app.sale.catalog import Event
from app.units import iso
from app.web.admin.access import allowed, record
from app.web.http import Json, read_cursor, read_json
from app.web.problems import invalid
from app.web.promises import CURSOR, promise
from app.web.services import services_of

MOST_MENDED = 1_000  # at once


class FoundFacts(msgspec.Struct, frozen=True):
    """Something that does not agree. `action` is what mends it: `people` have to see to what no program may."""

    id: str
    kind: str
    action: str
    order_id: str
    provider: str
    reference: str
    detail: str
    found_at: str


class Reconciliation(msgspec.Struct, frozen=True):
    """What does not agree in a sale, and up to when each list was compared. `ok`: nothing is known to be wrong."""

    ok: bool
    compared_until: dict[str, str]
    findings: list[FoundFacts]
    next: str | None


class Chosen(msgspec.Struct, forbid_unknown_fields=True):
    """Findings to mend, by id; all of them without."""

    ids: list[str] | None = None


class SeenTo(msgspec.Struct, forbid_unknown_fields=True):
    """Findings that people saw to, by id."""

    ids: Annotated[list[Annotated[str, msgspec.Meta(max_length=36)]], msgspec.Meta(min_length=1, max_length=100)]


class Closed(msgspec.Struct, frozen=True):
    """Which were closed. One that is found again opens again."""

    closed: list[str]


class Mending(msgspec.Struct, frozen=True):
    """What is being mended, and what people have to see to."""

    mended: list[str]
    people: list[str]


@promise(
    "What does not agree between the books, the providers and Redis, in a sale.",
    {200: Reconciliation},
    "invalid",
    parameters=(CURSOR,),
)
@allowed("orders_view")
async def get_reconciliation(request: Request, admin: Admin) -> Response:
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    after = read_cursor(request, ID)
    found = await open_findings(services.database, event.id, after)
    more = len(found) == MOST_SHOWN
    until = await compared_until(services.database)
    return Json(
        Reconciliation(
            not found and not after,
            {name: iso(at_ms) for name, at_ms in until.items()},
            [_facts(finding) for finding in found],
            found[-1].id if more else None,
        )
    )


@promise("Does what mends these findings; the next look closes what is mended.", {202: Mending}, body=Chosen)
@allowed("run")
async def post_mend(request: Request, admin: Admin) -> Response:
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    chosen = await read_json(request, Chosen, may_be_empty=True)
    found = await _open(request, event, chosen.ids)
    ids = list(found) if chosen.ids is None else chosen.ids
    done = [id_ for id_ in ids if await mend(services.database, services.redis, services.producer, found[id_])]
    await record(request, admin, "mend", event.id, became={"mended": len(done)})
    return Json(Mending(done, [id_ for id_ in ids if id_ not in done]), 202)


@promise("Closes findings that people saw to; one that is found again opens again.", {200: Closed}, body=SeenTo)
@allowed("run")
async def post_close(request: Request, admin: Admin) -> Response:
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    seen_to = await read_json(request, SeenTo)
    await _open(request, event, seen_to.ids)
    for id_ in seen_to.ids:
        await close(services.database, id_)
    await record(request, admin, "seen to", event.id, became={"findings": seen_to.ids})
    return Json(Closed(seen_to.ids))


async def _open(request: Request, event: Event, ids: list[str] | None) -> dict[str, Finding]:
    """The open findings of an event, by id. Raises Problem `invalid` where one of `ids` is none of them."""
    found = {one.id: one for one in await open_findings(services_of(request).database, event.id, most=MOST_MENDED)}
    if missing := [id_ for id_ in ids or () if id_ not in found]:
        raise invalid(f"ids: {missing[0][:36]} is no open finding of this sale")
    return found


def _facts(finding: Finding) -> FoundFacts:
    return FoundFacts(
        finding.id,
        finding.kind,
        finding.action,
        finding.order_id,
        finding.provider,
        finding.reference,
        finding.detail,
        iso(finding.found_at_ms),
    )
