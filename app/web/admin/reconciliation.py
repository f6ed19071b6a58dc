"""The organiser's API: what does not agree about the money and the stock of a sale, and mending it."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.organisers.access import Admin
from app.payments.findings import MOST_SHOWN, Finding, compared_until, mend, open_findings
from app.units import iso
from app.web.admin.access import allowed, record
from app.web.http import Json, read_json
from app.web.problems import invalid
from app.web.promises import CURSOR, promise
from app.web.services import services_of


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


class Mending(msgspec.Struct, frozen=True):
    """What is being mended, and what people have to see to."""

    mended: list[str]
    people: list[str]


@promise(
    "What does not agree between the books, the providers and Redis, in a sale.",
    {200: Reconciliation},
    parameters=(CURSOR,),
)
@allowed("orders_view")
async def get_reconciliation(request: Request, admin: Admin) -> Response:
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    after = request.query_params.get("cursor", "")[:36]
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
    found = {one.id: one for one in await open_findings(services.database, event.id, most=1_000)}
    ids = list(found) if chosen.ids is None else chosen.ids
    if missing := [id_ for id_ in ids if id_ not in found]:
        raise invalid(f"ids: {missing[0][:36]} is no open finding of this sale")
    done = [id_ for id_ in ids if await mend(services.database, services.redis, services.producer, found[id_])]
    await record(request, admin, "mend", event.id, became={"mended": len(done)})
    return Json(Mending(done, [id_ for id_ in ids if id_ not in done]), 202)


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
