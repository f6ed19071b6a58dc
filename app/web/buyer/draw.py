"""The draw as everybody may recompute it: what was promised, the secret, the list, and the page that checks it."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.live.shapes import DrawEntrant, DrawFacts
from app.sale.bands import number_of
from app.sale.catalog import Event
from app.sale.draw import public_buyer_id
from app.sale.published import read_numbers
from app.tokens import Buyer
from app.web.callers import buyer_of, visitor
from app.web.http import JSON_LINES, Json, read_limit
from app.web.problems import Problem, invalid
from app.web.promises import CURSOR, IF_NONE_MATCH, JsonLines, limit, promise
from app.web.rendering import buyers_page, compressed
from app.web.services import services_of

MAX_ENTRANTS = 100_000_000  # more than a lobby can hold
MOST_STREAMS = 100  # lists on their way at once: each holds one slice in memory
FOR_EVER = "public, max-age=31536000, immutable"


@promise(
    "The draw: what was promised before it, and once it is published all it takes to recompute it.",
    {200: DrawFacts, 304: None},
    "unauthorized",
    parameters=(IF_NONE_MATCH,),
)
async def get_draw(request: Request) -> Response:
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    buyer = await buyer_of(request)
    if buyer is None:
        return (await services.sales.draw(event)).answer(request)
    return Json(await draw_facts(request, event, buyer), headers={"Cache-Control": "private, no-store"})


@promise(
    "Everybody who was drawn, in the order of their numbers: one JSON object a line. All of them, or `limit` of"
    " them after the number `cursor`; then `Link` leads to the next ones.",
    {200: JsonLines(DrawEntrant)},
    "not_drawn",
    "invalid",
    parameters=(limit(MAX_ENTRANTS, MAX_ENTRANTS), CURSOR),
)
async def get_entrants(request: Request) -> Response:
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    draw = await services.sales.published(event)
    if draw is None:
        raise Problem("not_drawn")
    most, after = read_limit(request, MAX_ENTRANTS, MAX_ENTRANTS), draw.drawn_after
    if cursor := request.query_params.get("cursor", ""):
        if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 15):
            raise invalid("cursor: a queue number")
        after = max(after, int(cursor))
    if services.sales.streams >= MOST_STREAMS:
        raise Problem("busy")
    slices = read_numbers(services.database, event.id, after, most)
    first: list[tuple[str, int]] = await anext(
        slices, []
    )  # what is wrong with the books is told before the answer begins

    async def lines() -> AsyncIterator[bytes]:
        services.sales.streams += 1
        try:
            yield _lines(first)
            async for numbers in slices:
                yield _lines(numbers)
        finally:
            services.sales.streams -= 1

    headers = {"Cache-Control": FOR_EVER}
    if after + most < draw.drawn_after + draw.entrants:
        headers["Link"] = f'<{request.url.path}?cursor={after + most}&limit={most}>; rel="next"'
    return StreamingResponse(lines(), media_type=JSON_LINES, headers=headers)


def _lines(numbers: list[tuple[str, int]]) -> bytes:
    """As msgspec writes a DrawEntrant, in a quarter of its time."""
    return "".join(f'{{"public_id":"{id}","number":{number}}}\n' for id, number in numbers).encode()


async def draw_facts(request: Request, event: Event, buyer: Buyer | None) -> DrawFacts:
    """The draw, with what is this buyer's own in it."""
    facts = (await services_of(request).sales.draw(event)).facts
    if buyer is None:
        return facts
    own: dict[str, Any] = {"public_id": public_buyer_id(buyer.id)}
    draw, number = await services_of(request).sales.published(event), number_of(buyer.numbers.get(event.id, 0))
    if draw and draw.has(number):
        own["number"] = number
    return replace(facts, **own)


async def draw_page(request: Request) -> Response:
    """The page that recomputes the draw in the reader's browser."""
    event = await services_of(request).event(request.path_params["slug"])
    facts = await draw_facts(request, event, await visitor(request))
    state = {"slug": event.slug, "draw": msgspec.to_builtins(facts)}
    return compressed(request, buyers_page(request, "buyer/draw.html", event=event, draw=facts, state=state))
