"""The table of problems: each code stands for one thing, and every refusal of the scripts has one."""

import asyncio
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.main import ROUTES
from app.orders.reservations import Refused
from app.web.problems import KINDS, MACHINE_PATHS, Problem, answer_error, refusal_of
from app.web.rendering import page
from app.web.routing import Resource, resource

LUA = Path(__file__).parent.parent.parent / "app" / "lua"


def test_every_problem_says_what_to_do() -> None:
    for code, kind in KINDS.items():
        assert re.fullmatch("[a-z_]{3,40}", code)
        assert 400 <= kind.status < 600
        assert kind.title.endswith(".")
        assert kind.advice.endswith(".")


def test_the_page_that_explains_a_problem_shows_no_marks_of_its_text() -> None:
    for kind in KINDS.values():
        html = bytes(page("problem.html", kind=kind).body).decode()
        assert "`" not in html
        assert html.count("<code>") == kind.advice.count("`") / 2


def test_every_refusal_of_reserve_has_its_problem() -> None:
    text = (LUA / "reserve.lua").read_text()
    answers = set(re.findall(r"return \{'([A-Z_]+)'", text)) - {"HELD"}
    assert {"SOLD_OUT", "NO_PASS", "LIMIT", "BUSY", "PAUSED"} <= answers
    for answer in answers:
        asked_for: dict[str, Sequence[Any]] = {"SOLD_OUT": ["7", 0], "LIMIT": [1, 4], "UNKNOWN_SKU": ["7"]}
        assert refusal_of(Refused(answer, *asked_for.get(answer, ()))).kind.code in KINDS


def test_an_answer_of_a_script_that_nobody_thought_of_is_a_bug() -> None:
    with pytest.raises(Refused):
        refusal_of(Refused("RAIN"))


def test_who_was_refused_together_does_not_come_back_together() -> None:
    random.seed(1)
    told = {Problem("busy").headers()["Retry-After"] for _ in range(100)}
    assert len(told) > 3
    assert Problem("sold_out").headers() == {}


def test_a_wait_that_is_known_is_told_and_never_shortened() -> None:
    told = {int(Problem("too_many", retry_seconds=30).headers()["Retry-After"]) for _ in range(200)}
    assert min(told) >= 30
    assert max(told) <= 36
    assert len(told) > 3


FORMS = [
    route
    for route in ROUTES
    if isinstance(route, Route)
    and isinstance(route.endpoint, Resource)
    and "POST" in route.endpoint.handlers
    and not route.path.startswith(MACHINE_PATHS)
]


@pytest.mark.parametrize("route", FORMS, ids=lambda route: route.path)
def test_the_page_of_a_refused_form_leads_nowhere_that_answers_405(route: Route) -> None:
    """Whatever it is refused for: what refreshes or links to the same address asks by GET."""
    endpoint = cast(Resource, route.endpoint)
    readable = "GET" in endpoint.handlers

    async def refuse(request: Request) -> Response:
        raise Problem(request.headers["code"])

    async def ask() -> None:
        handlers = dict.fromkeys(endpoint.handlers.keys() - {"HEAD"}, refuse)
        app = Starlette(routes=[resource("/form", **handlers)], exception_handlers={Problem: answer_error})
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
            for code in KINDS:
                text = (await client.post("/form", headers={"code": code})).text
                assert "http-equiv" not in text, code
                assert "data-again" not in text, code
                assert readable or 'href=""' not in text, code
                assert "automatically" not in text, code
            busy = (await client.post("/form", headers={"code": "busy"})).text
            assert readable or '<form method="post">' in busy
            if readable:
                assert "automatically" in (await client.get("/form", headers={"code": "busy"})).text

    asyncio.run(ask())
