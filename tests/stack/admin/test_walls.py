"""A wall: big figures for whoever has its link, which opens nothing else and ends at once."""

import json
from contextlib import ExitStack

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.stack.admin.people import browser, new_admin, sign_in, token_of
from tests.world.buyers import OpenSale, assert_sound, make_event, refused
from tests.world.stack import Stack
from tests.world.waiting import until

REFUSED = 4003


def closed_with(socket: ClientConnection) -> int:
    """The code with which a socket is closed, within a few frames."""
    try:
        for _ in range(5):
            socket.recv(timeout=5)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else -1
    return 0


def test_a_link_shows_one_sale_and_opens_nothing_else_until_it_ends(stack: Stack) -> None:
    with ExitStack() as closing:
        made, other = make_event(stack.env, "Floor:4500:10"), make_event(stack.env)
        admin = new_admin(stack.env)
        organiser = closing.enter_context(browser(stack))
        token_of(sign_in(organiser, admin.name, admin.password))
        at = f"/api/v1/admin/events/{made.slug}"
        stranger = closing.enter_context(browser(stack))

        def opened(**wanted: object) -> str:
            answer = organiser.put(f"{at}/wall", json=wanted)
            assert answer.status_code == httpx.codes.OK, answer.text
            assert organiser.get(f"{at}/wall").json() == answer.json()
            return str(answer.json()["link"]).partition("?")[2]

        def socket(path: str) -> ClientConnection:
            return closing.enter_context(connect(stack.web.replace("http", "ws") + path))

        refused(organiser.get(f"{at}/wall"), 404, "not_found")
        refused(organiser.put(f"{at}/wall", json={"hours": 337}), 422, "invalid")
        refused(stranger.put(f"{at}/wall", json={}), 401, "unauthorized")
        key = opened(hours=1)
        facts = f"/api/v1/events/{made.slug}/wall?"
        told = stranger.get(facts + key).json()
        assert (told["name"], told["capacity"], told["taken"]) == ("A test", 10, None)
        shown = stranger.get(f"/wall/{made.slug}?{key}")
        assert shown.status_code == httpx.codes.OK
        assert "$" not in shown.text

        for path in (f"/api/v1/events/{other.slug}/wall?{key}", f"{facts}{key}x", facts.rstrip("?")):
            refused(stranger.get(path), 403, "link_expired")
        assert stranger.get(f"/wall/{other.slug}?{key}").status_code == httpx.codes.FORBIDDEN
        refused(stranger.get(f"{at}?{key}"), 401, "unauthorized")
        refused(stranger.post(f"{at}/state?{key}", json={"state": "closed"}), 401, "unauthorized")
        for path in (f"/ws/admin/events/{made.slug}?{key}", f"/ws/wall/{other.slug}?{key}"):
            assert closed_with(socket(path)) == REFUSED

        screen = socket(f"/ws/wall/{made.slug}?{key}")
        OpenSale(stack, made, closing).buyer().order(3)

        def held() -> bool:
            frame = json.loads(screen.recv(timeout=5))
            assert (frame["type"], frame["taken"]) == ("wall", None)
            return bool(frame["held"] == 3 == frame["skus"][0]["held"])

        until(held, what="the held tickets on the wall")
        newer = opened(money=True)
        assert stranger.get(facts + newer).json()["taken"] == 0
        assert closed_with(screen) == REFUSED, "the link before is void"
        assert organiser.delete(f"{at}/wall").status_code == httpx.codes.NO_CONTENT
        until(lambda: stranger.get(facts + newer).status_code == httpx.codes.FORBIDDEN, 2.0, "the end of the link")
        assert_sound(stack.env, made)
