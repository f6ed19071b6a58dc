"""What a page of another site asks for with an organiser's cookie is refused, whatever it is."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from app.main import API, ROUTES
from app.web.problems import SAFE_METHODS
from app.web.routing import Resource
from tests.stack.admin.people import browser, new_admin, sign_in, token_of
from tests.world.buyers import Sale, assert_sound, make_event, refused
from tests.world.stack import Stack

REFUSED = 4003
ELSEWHERE = "https://elsewhere.example"


def changes() -> list[tuple[str, str]]:
    """The method and address of each call of organisers that changes something."""
    routes: list[tuple[str, Any]] = [("/api/v1", route) for route in API.routes] + [
        ("", route) for route in ROUTES
    ]
    return sorted(
        (method, prefix + route.path)
        for prefix, route in routes
        if isinstance(getattr(route, "endpoint", None), Resource) and route.path.startswith("/admin")
        for method in route.endpoint.handlers
        if method not in SAFE_METHODS
    )


@pytest.fixture(scope="module")
def sale(stack: Stack) -> Sale:
    return make_event(stack.env)


@pytest.fixture(scope="module")
def organiser(stack: Stack) -> Iterator[httpx.Client]:
    admin = new_admin(stack.env)
    with browser(stack) as client:
        token_of(sign_in(client, admin.name, admin.password))
        yield client


def test_every_change_is_refused_and_nothing_is_changed(stack: Stack, sale: Sale, organiser: httpx.Client) -> None:
    before = organiser.get(f"/api/v1/admin/events/{sale.slug}/settings").json()
    assert len(changes()) > 40
    for method, path in changes():
        address = path.replace("{slug}", sale.slug)
        for headers in ({"Origin": ELSEWHERE}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
            answer = organiser.request(method, address, headers=headers, json={"state": "closed"})
            assert answer.status_code == httpx.codes.FORBIDDEN, (method, path, headers)
            if path.startswith("/api/"):
                refused(answer, 403, "origin")
    assert organiser.get(f"/api/v1/admin/events/{sale.slug}/settings").json() == before
    assert organiser.get("/admin").status_code == httpx.codes.OK, "still signed in"
    assert_sound(stack.env, sale)


@pytest.mark.parametrize(("origin", "is_ours"), [(ELSEWHERE, False), ("null", False), ("", True)])
def test_a_socket_of_another_site_is_refused(
    stack: Stack, sale: Sale, organiser: httpx.Client, origin: str, *, is_ours: bool
) -> None:
    cookie = "; ".join(f"{name}={value}" for name, value in organiser.cookies.items())
    headers = {"Cookie": cookie, "Origin": origin or stack.web}
    address = stack.web.replace("http", "ws") + f"/ws/admin/events/{sale.slug}"
    with connect(address, additional_headers=headers, max_size=None) as socket:
        if is_ours:
            assert "snapshot" in str(socket.recv(timeout=5))
            return
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=5)
    assert closed.value.rcvd
    assert closed.value.rcvd.code == REFUSED
