"""Whom an organiser keeps out of a sale: JSON under /api/v1/admin/events/{slug}/blocks."""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from app.live.shapes import Time
from app.organisers.access import Admin
from app.sale.blocking import block, unblock
from app.sale.catalog import Event
from app.sale.events import note
from app.sale.gates.blocks import MAX_WHY_CHARACTERS, BadBlock
from app.units import iso
from app.web.admin.access import allowed, record
from app.web.http import Json, read_json
from app.web.problems import Problem, invalid
from app.web.promises import promise
from app.web.services import services_of

Who = Annotated[str, Meta(min_length=1, max_length=64)]


class BlockSomebody(msgspec.Struct, forbid_unknown_fields=True):
    """A buyer by id, or an address: IPv4, or IPv6 with its whole /64."""

    who: Who
    why: Annotated[str, Meta(max_length=MAX_WHY_CHARACTERS)] = ""


class Unblock(msgspec.Struct, forbid_unknown_fields=True):
    """Who is let in again."""

    who: Who


class BlockedSomebody(msgspec.Struct, frozen=True):
    """Somebody who is kept out."""

    who: str
    why: str
    by: str
    at: Time


class BlockedList(msgspec.Struct, frozen=True):
    """All who are kept out, the newest first."""

    blocked: list[BlockedSomebody]


def blocked_list(event: Event) -> BlockedList:
    """Who is kept out of an event."""
    newest = sorted(event.blocked.items(), key=lambda one: -one[1].at_ms)
    return BlockedList([BlockedSomebody(who, said.why, said.by, iso(said.at_ms)) for who, said in newest])


@promise("Who is kept out of a sale.", {200: BlockedList})
@allowed("run")
async def get_blocks(request: Request, admin: Admin) -> Response:
    return Json(blocked_list(await services_of(request).event_for_organisers(request.path_params["slug"])))


@promise(
    "Keeps a buyer or an address out, at once: no joining, no orders. What was ordered stays.",
    {200: BlockedList},
    body=BlockSomebody,
)
@allowed("run")
async def post_block(request: Request, admin: Admin) -> Response:
    services, wanted = services_of(request), await read_json(request, BlockSomebody)
    event = await services.event_for_organisers(request.path_params["slug"])
    try:
        after = await block(
            services.database, services.redis, event, wanted.who, " ".join(wanted.why.split()), str(admin)
        )
    except BadBlock as error:
        raise invalid(str(error)) from None
    await record(request, admin, "blocked", event.id, subject=wanted.who, became=wanted)
    await note(services.database, event.id, f"{admin} blocked {wanted.who}")
    await services.events.refresh(event.slug)
    return Json(blocked_list(after))


@promise("Lets a buyer or an address in again.", {200: BlockedList}, body=Unblock)
@allowed("run")
async def post_unblock(request: Request, admin: Admin) -> Response:
    services, wanted = services_of(request), await read_json(request, Unblock)
    event = await services.event_for_organisers(request.path_params["slug"])
    try:
        if not await unblock(services.database, services.redis, event, wanted.who):
            raise Problem("not_found", "They are not blocked.")
    except BadBlock as error:
        raise invalid(str(error)) from None
    await record(request, admin, "unblocked", event.id, subject=wanted.who)
    await note(services.database, event.id, f"{admin} lets {wanted.who} in again")
    await services.events.refresh(event.slug)
    return Json(blocked_list(await services.event_for_organisers(event.slug)))
