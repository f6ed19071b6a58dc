"""The door's call: lets a ticket in."""

from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.live.shapes import UsedTicket
from app.organisers.access import Admin
from app.outbound.webhooks import tell_used
from app.sale.catalog import InvalidEvent, parse_time
from app.tickets.codes import BadCode
from app.tickets.door import GATE, use
from app.units import iso
from app.web.admin.access import allowed
from app.web.http import Json, optional_idempotency_key, read_json
from app.web.problems import Problem, invalid
from app.web.promises import Parameter, promise
from app.web.services import services_of
from app.web.tickets import ended_problem

SCAN = Parameter(
    "Idempotency-Key",
    "header",
    "One for each scan: sent again, the same scan gets the same answer.",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
)


class UseTicket(msgspec.Struct, forbid_unknown_fields=True):
    """Where a ticket is shown, and for which event; `at` is when, for one let in without a network before."""

    gate: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    event: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    at: Annotated[str, msgspec.Meta(max_length=40)] | None = None


@promise(
    "Lets a ticket in, once: with a key of the scope `door`. Of two doors that ask at once, one is told yes.",
    {200: UsedTicket},
    "unknown_ticket",
    "already_used",
    "void",
    "invalid",
    "unsupported_media_type",
    "too_large",
    parameters=(SCAN,),
    body=UseTicket,
)
@allowed("door", somewhere=True)
async def use_ticket(request: Request, admin: Admin) -> Response:
    services, use_key = services_of(request), optional_idempotency_key(request)
    has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    scan = await read_json(request, UseTicket) if has_body else UseTicket()
    gate = scan.gate or (admin.key.name if admin.key else admin.name)
    if not GATE.fullmatch(gate):
        raise invalid("gate: 1 to 64 characters, on one line")
    try:
        claim = services.ticket_keys.read(request.path_params["ticket_code"])
        at_ms = parse_time("at", scan.at) if scan.at else None
    except BadCode:
        raise Problem("unknown_ticket") from None
    except InvalidEvent as error:
        raise invalid(str(error)) from None
    event = await services.event_by_id(claim.event_id)
    if not admin.may("door", event.id) or (scan.event and scan.event != event.slug):
        raise Problem("unknown_ticket", "It is a ticket for another event.")
    door_key = admin.key.id if admin.key else ""
    entry = await use(services.database, claim.ticket_id, gate, door_key, use_key, at_ms, tell_used)
    if entry is None:
        raise Problem("unknown_ticket")
    if not entry.let_in:
        raise ended_problem(entry.ticket)
    ticket = entry.ticket
    names = {sku.id: sku.name for sku in event.skus}
    used_at = iso(ticket.ended_at_ms or 0)
    return Json(UsedTicket("used", used_at, gate, ticket.id, ticket.sku_id, names.get(ticket.sku_id, "")))
