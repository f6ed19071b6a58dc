"""`GET /problems/{code}`: what a problem means and what to do, for people and for machines."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.web.http import Json
from app.web.problems import KINDS, Problem
from app.web.promises import promise
from app.web.rendering import page

CACHEABLE = "public, max-age=3600"


class Explanation(msgspec.Struct, frozen=True):
    """A kind of problem: its stable code, the status it comes with, and what to do about it."""

    type: str
    code: str
    status: int
    title: str
    advice: str


@promise("What a problem means, and what to do.", {200: Explanation})
async def explain(request: Request) -> Response:
    kind = KINDS.get(request.path_params["code"])
    for_people = "text/html" in request.headers.get("accept", "")
    if kind is None:
        unknown = Problem("not_found")
        return unknown.page() if for_people else unknown.response()
    headers = {"Cache-Control": CACHEABLE, "Vary": "Accept"}
    if not for_people:
        return Json(Explanation(kind.address, kind.code, kind.status, kind.title, kind.advice), headers=headers)
    answer = page("problem.html", kind=kind)
    answer.headers.update(headers)
    return answer
