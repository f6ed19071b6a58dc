"""The link to an event's wall: JSON under /api/v1/admin/events/{slug}/wall."""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from app.live.shapes import Time
from app.organisers.access import Admin
from app.organisers.walls import MOST_HOURS, Wall, end_wall, open_wall, read_wall
from app.sale.catalog import Event
from app.units import iso
from app.web.admin.access import allowed, record
from app.web.http import Json, read_json
from app.web.problems import Problem
from app.web.promises import promise
from app.web.services import Services, services_of


class OpenWall(msgspec.Struct, forbid_unknown_fields=True):
    """For how many hours the link is good, and whether it shows what was taken."""

    hours: Annotated[int, Meta(ge=1, le=MOST_HOURS)] = 24
    money: bool = False


class WallLink(msgspec.Struct, frozen=True):
    """The link to a wall: whoever has it sees the figures of this sale, and changes nothing."""

    link: str
    ends_at: Time
    money: bool


def link_to(services: Services, event: Event, wall: Wall) -> WallLink:
    """The link to an event's wall."""
    key = services.tokens.of_wall(event.id, wall.version)
    address = f"{services.settings.public_url}/wall/{event.slug}?key={key}"
    return WallLink(address, iso(wall.ends_at_ms), wall.shows_money)


@promise("The link to the wall of a sale, while there is one.", {200: WallLink})
@allowed("run")
async def get_wall_link(request: Request, admin: Admin) -> Response:
    services = services_of(request)
    event = await services.event_for_organisers(request.path_params["slug"])
    wall = await read_wall(services.database, event.id)
    if wall is None:
        raise Problem("not_found", "There is no link that is good.")
    return Json(link_to(services, event, wall))


@promise("Makes a link to the wall of a sale; the ones before are void.", {200: WallLink}, body=OpenWall)
@allowed("run")
async def put_wall_link(request: Request, admin: Admin) -> Response:
    services, wanted = services_of(request), await read_json(request, OpenWall)
    event = await services.event_for_organisers(request.path_params["slug"])
    wall = await open_wall(services.database, event.id, wanted.hours, wanted.money)
    await record(request, admin, "wall opened", event.id, became=wanted)
    return Json(link_to(services, event, wall))


@promise("Ends the link to the wall of a sale.", {204: None})
@allowed("run")
async def delete_wall_link(request: Request, admin: Admin) -> Response:
    services = services_of(request)
    event = await services.event_for_organisers(request.path_params["slug"])
    await end_wall(services.database, event.id)
    await record(request, admin, "wall ended", event.id)
    return Response(status_code=204)
