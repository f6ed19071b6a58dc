"""The pass for other shops, and the guard that lets through only who has one."""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

import httpx
import jwt
import pytest

from app.sale.passes import LONGEST_SECONDS, BadPass, PassKeys
from integrations.asgi import WaitingRoomGuard

ROOM = "https://tickets.example"
KEYS = PassKeys({"new": "n" * 32, "old": "o" * 32}, ROOM)
OLD = PassKeys({"old": "o" * 32}, ROOM)
FAR_MS = 10**15


def a_pass(keys: PassKeys = KEYS, slug: str = "night", ends_ms: int = FAR_MS, now: float | None = None) -> str:
    return keys.sign(slug, "p" * 32, ends_ms, int((now or time.time()) * 1000)).token


def test_a_pass_ends_with_the_buyers_and_after_a_quarter_of_an_hour_at_most() -> None:
    now_ms = int(time.time() * 1000)
    assert KEYS.sign("night", "p", now_ms + 5_000, now_ms).expires_at_ms // 1000 == (now_ms + 5_000) // 1000
    signed = KEYS.sign("night", "p", FAR_MS, now_ms)
    assert signed.expires_at_ms // 1000 == now_ms // 1000 + LONGEST_SECONDS
    assert KEYS.read(signed.token, "night")["sub"] == "p"


def test_a_pass_of_an_older_key_is_good_while_that_is_in_the_ring() -> None:
    assert KEYS.read(a_pass(OLD), "night")
    with pytest.raises(BadPass):
        OLD.read(a_pass(KEYS), "night")


def test_anything_else_is_no_pass() -> None:
    forger = PassKeys({"new": "f" * 32}, ROOM)
    elsewhere = PassKeys({"new": "n" * 32}, "https://evil.example")
    none = jwt.encode({"aud": "night", "sub": "p"}, "", "none", headers={"kid": "new"})
    bad = [a_pass(forger), a_pass(elsewhere), a_pass(slug="other"), a_pass(now=time.time() - 3_600), none]
    for token in [*bad, "", "a.b.c", "x" * 3_000, a_pass()[:-5]]:
        with pytest.raises(BadPass):
            KEYS.read(token, "night")


async def shop(scope: Any, receive: Any, send: Any) -> None:
    """Tells who it lets in."""
    if scope["type"] == "http":
        body = json.dumps(scope["ticketcraze"]["sub"]).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})


class Visit:
    """Requests to a shop that is guarded, and how often it read the keys."""

    def __init__(self, keys: PassKeys = KEYS) -> None:
        self.keys = keys
        self.fetched = 0

        async def fetch() -> Mapping[str, Any]:
            self.fetched += 1
            return {"keys": self.keys.jwks()}

        self.guard = WaitingRoomGuard(shop, ROOM, "night", fetch)

    def get(self, path: str = "/", **headers: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.guard)
            async with httpx.AsyncClient(transport=transport, base_url="https://shop.example") as client:
                return await client.get(path, headers=headers)

        return asyncio.run(ask())


def test_a_visitor_without_a_pass_is_sent_to_the_waiting_room_and_a_program_is_told() -> None:
    visit = Visit()
    page = visit.get(accept="text/html,*/*")
    assert (page.status_code, page.headers["location"]) == (303, f"{ROOM}/events/night")
    program = visit.get(accept="application/json")
    assert (program.status_code, program.json()["code"]) == (401, "no_pass")


def test_whoever_was_let_in_gets_a_cookie_and_an_address_without_the_pass() -> None:
    visit = Visit()
    token = a_pass()
    came = visit.get(f"/shelf/1?tc_pass={token}&a=1")
    assert (came.status_code, came.headers["location"]) == (303, "/shelf/1?a=1")
    cookie = came.headers["set-cookie"]
    assert cookie.startswith(f"tc_pass={token};")
    assert "HttpOnly" in cookie
    assert "Secure" in cookie
    assert visit.get(cookie=f"tc_pass={token}").json() == "p" * 32
    assert visit.get(authorization=f"Bearer {token}").json() == "p" * 32
    assert visit.fetched == 1
    assert visit.get(f"//evil.example/?tc_pass={token}").headers["location"] == "/", "it leads nowhere else"


def test_forged_ended_and_other_events_passes_lead_back_to_the_room() -> None:
    visit = Visit()
    forged = PassKeys({"new": "f" * 32}, ROOM)
    unknown = PassKeys({"unknown": "n" * 32}, ROOM)
    bad = [a_pass(forged), a_pass(unknown), a_pass(slug="other"), a_pass(now=time.time() - 3_600)]
    for token in [*bad, "a.b.c", "x" * 5_000]:
        assert visit.get(cookie=f"tc_pass={token}").status_code == 401
        assert visit.get(f"/?tc_pass={token}").status_code == 401
    assert visit.fetched == 1, "unknown keys do not make it ask again and again"


def test_the_guard_outlives_a_waiting_room_that_does_not_answer() -> None:
    visit = Visit()
    assert visit.get(cookie=f"tc_pass={a_pass()}").status_code == 200

    async def fail() -> Mapping[str, Any]:
        raise OSError("no answer")

    visit.guard._fetch = fail
    visit.guard._read_at -= 10_000
    assert visit.get(cookie=f"tc_pass={a_pass()}").status_code == 200
