"""A wall: a page in big figures, its socket and its API, for whoever has the link and for nothing else."""

from contextlib import aclosing, suppress
from dataclasses import dataclass

import msgspec
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from app.infra.mysql import DatabaseUnavailable
from app.organisers.walls import WallFacts, read_wall, wall_facts, wall_frame
from app.sale.catalog import Event
from app.tokens import BadToken
from app.web.http import Json
from app.web.problems import Problem
from app.web.promises import Parameter, promise
from app.web.rendering import page
from app.web.services import services_of
from app.web.snapshots import each_snapshot
from app.web.sockets import line_of, socket_for

KEY = Parameter("key", "query", "The key of the wall's link.", {"type": "string"}, required=True)


@dataclass(frozen=True)
class Looker:
    """Whoever has a link that is good: to which event, and whether they see its money."""

    event: Event
    shows_money: bool


async def looker_of(connection: HTTPConnection) -> Looker:
    """Who looks at a wall. Raises Problem `link_expired`, UnknownEvent, DatabaseUnavailable."""
    services = services_of(connection)
    event = await services.event(connection.path_params["slug"])
    void = Problem("link_expired", "Ask whoever gave you this link for a new one.")
    try:
        version = services.tokens.wall(connection.query_params.get("key", ""), event.id)
    except BadToken:
        raise void from None
    wall = await services.walls.get(event.id, lambda: read_wall(services.database, event.id))
    if wall is None or wall.version < version:  # the link was made within the last second
        wall = await read_wall(services.database, event.id)
    if wall is None or wall.version != version:
        raise void
    return Looker(event, wall.shows_money)


async def _facts(request: Request) -> WallFacts:
    looker = await looker_of(request)
    return wall_facts(await services_of(request).dashboard.snapshot(looker.event), looker.shows_money)


@promise("What a wall shows of a sale, for polling.", {200: WallFacts}, "link_expired", parameters=(KEY,))
async def get_wall(request: Request) -> Response:
    return Json(await _facts(request))


async def wall_page(request: Request) -> Response:
    """The page of a wall."""
    return page("wall.html", wall=msgspec.to_builtins(await _facts(request)))


@socket_for(looker_of)
async def wall_socket(websocket: WebSocket, looker: Looker) -> None:
    """`WS /ws/wall/{slug}?key=…`: what the wall shows, every second, for as long as its link is good."""
    line = line_of(websocket)
    async with aclosing(each_snapshot(websocket)) as snapshots:
        async for snapshot in snapshots:
            with suppress(DatabaseUnavailable):  # then the link is as good as it was
                looker = await looker_of(websocket)
            line.write_frames([wall_frame(snapshot, looker.shows_money)])
