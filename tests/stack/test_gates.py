"""Accounts of an organiser's at the door, and the pass at the door of another shop."""

import asyncio
import base64
import json
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import altcha.v2 as altcha
import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from integrations.asgi import WaitingRoomGuard
from tests.world.buyers import api, assert_sound, come_in, join, make_event
from tests.world.commands import ticketcraze
from tests.world.machine import ROOT
from tests.world.stack import Stack
from tests.world.waiting import until

PEER = ROOT / "tests" / "peers" / "known_user.mjs"
KEY = ed25519.Ed25519PrivateKey.generate()


def identity(subject: str, **changes: Any) -> str:
    claims = {"aud": "night", "sub": subject, "exp": time.time() + 300, **changes}
    return jwt.encode(claims, KEY, "EdDSA", headers={"kid": "k1"})


def test_an_account_has_one_place_on_all_its_devices_and_strangers_have_none(stack: Stack, tmp_path: Path) -> None:
    public = {**json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(KEY.public_key())), "kid": "k1"}
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps({"keys": [public]}))
    sale = make_event(stack.env, opens_in=600, account_jwks=str(jwks), account_audience="night")
    path = f"/events/{sale.slug}/queue"
    with api(stack) as phone, api(stack) as laptop, api(stack) as other:
        stranger = other.post(path)
        assert (stranger.status_code, stranger.json()["code"]) == (401, "identity_required")
        for token, reason in (
            (identity("fan-1", aud="another"), "audience"),
            (identity("fan-1", exp=time.time() - 3_600), "expired"),
            (jwt.encode({"aud": "night", "sub": "fan-1"}, "", "none", headers={"kid": "k1"}), "algorithm"),
        ):
            refused = other.post(path, json={"identity": token})
            assert (refused.status_code, refused.json()["code"]) == (401, "identity_refused")
            assert refused.json()["reason"] == reason
        tokens = [client.post(path, json={"identity": identity("fan-1")}) for client in (phone, laptop)]
        assert [answer.status_code for answer in tokens] == [200, 200]
        assert tokens[1].json()["waiting"] == 1, "one account, one place"
        assert phone.post(path).status_code == 200, "who has a place needs to prove nothing again"
        assert other.post(path, json={"identity": identity("fan-2")}).json()["waiting"] == 2
        facts = other.get(f"/events/{sale.slug}").json()
        assert facts["accounts"] is True
        assert "keys" not in json.dumps(facts)
    _, told = ticketcraze(stack.env, "event", "gates", sale.slug, "--account-audience", "none")
    assert told["gates"] == {}
    wrong = tmp_path / "wrong.json"
    wrong.write_text("{}")
    code, answer = ticketcraze(stack.env, "event", "gates", sale.slug, "--account-jwks", str(wrong))
    assert (code, answer["ok"]) == (1, False)


def test_a_shop_that_is_guarded_lets_in_whom_the_room_let_in(stack: Stack) -> None:
    sale = make_event(stack.env, room=1, shop_url="https://shop.example/night")
    path = f"/events/{sale.slug}/pass"
    with api(stack) as buyer, api(stack) as waiting:
        join(buyer, sale)
        until(lambda: buyer.get(f"/events/{sale.slug}/queue").json()["status"] == "admitted", what="a pass")
        join(waiting, sale)
        refused = waiting.post(path)
        assert (refused.status_code, refused.json()["code"]) == (403, "no_pass")
        given = buyer.post(path).json()
        token = given["token"]
    public = f"{stack.web}/api/v1{path}"
    checked = httpx.get(public, headers={"X-Ticketcraze-Pass": token}, trust_env=False)
    assert (checked.status_code, len(checked.headers["x-ticketcraze-buyer"])) == (204, 32)
    for bad in ("", token[:-4], "a.b.c"):
        assert httpx.get(public, headers={"X-Ticketcraze-Pass": bad}, trust_env=False).status_code == 401
    assert httpx.get(f"{stack.web}/events/{sale.slug}", trust_env=False).text.count('data-action="shop"') == 1

    async def visit(event: str, **headers: str) -> int:
        seen: list[str] = []

        async def shop(scope: Any, receive: Any, send: Any) -> None:
            seen.append(scope["ticketcraze"]["sub"])
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        guard = WaitingRoomGuard(shop, stack.env["PUBLIC_URL"], event)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(guard), base_url="http://shop") as client:
            status = (await client.get("/", headers=headers)).status_code
        assert seen == ([checked.headers["x-ticketcraze-buyer"]] if status == 200 else [])
        return status

    assert asyncio.run(visit(sale.slug, authorization=f"Bearer {token}")) == 200, "by the keys the room publishes"
    assert asyncio.run(visit("another", authorization=f"Bearer {token}")) == 401
    assert asyncio.run(visit(sale.slug)) == 401
    assert given["location"] == f"https://shop.example/night?tc_pass={token}"
    assert_sound(stack.env, sale)


def test_work_counts_once_for_one_join(stack: Stack) -> None:
    sale, other = (make_event(stack.env, work=20) for _ in range(2))
    path = f"/events/{sale.slug}/queue"
    with api(stack) as client, api(stack) as second:
        asked = client.post(path)
        assert (asked.status_code, asked.json()["code"]) == (403, "work_required")
        assert asked.json()["challenge"] == f"/api/v1/events/{sale.slug}/challenge"
        solved = solve(client.get(f"/events/{sale.slug}/challenge").json())
        assert client.post(f"/events/{other.slug}/queue", json={"work": solved}).json()["reason"] == "another_sale"
        assert client.post(path, json={"work": "bm90aGluZw=="}).json()["reason"] == "malformed"
        assert client.post(path, json={"work": solved}).status_code == 200
        again = second.post(path, json={"work": solved})
        assert (again.status_code, again.json()["code"], again.json()["reason"]) == (403, "work_refused", "used")
        assert client.post(path).status_code == 200, "who has a place need not work again"
        ticketcraze(stack.env, "event", "gates", sale.slug, "--work", "0")
        until(lambda: second.post(path).status_code == 200, what="the gate to open")
        assert second.get(f"/events/{sale.slug}/challenge").status_code == 404


def solve(challenge: dict[str, Any]) -> str:
    found = altcha.solve_challenge(altcha.Challenge.from_dict(challenge))
    assert found
    return base64.b64encode(json.dumps({"challenge": challenge, "solution": found.to_dict()}).encode()).decode()


@contextmanager
def captcha_company(good: str) -> Iterator[str]:
    """Somebody who knows whether a captcha was solved: the address to ask."""

    class Company(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            solved = asked == {"secret": ["s3cret"], "response": [good]}
            body = json.dumps({"success": solved}).encode()
            self.send_response(503 if asked["response"] == ["broken"] else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Company)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/siteverify"
    finally:
        server.shutdown()
        server.server_close()


def test_a_captcha_of_somebody_elses_is_asked_and_nobody_is_let_in_while_it_cannot_be(
    stack: Stack, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    with captcha_company("solved") as url, api(stack) as client:
        sale = make_event(stack.env, captcha_url=url, captcha_secret=str(secret))
        path = f"/events/{sale.slug}/queue"
        assert client.post(path).json()["code"] == "captcha_required"
        for response, code in (("guessed", "captcha_refused"), ("broken", "unavailable")):
            assert client.post(path, json={"captcha": response}).json()["code"] == code
        assert client.post(path, json={"captcha": "solved"}).status_code == 200
    with api(stack) as late:
        assert late.post(path, json={"captcha": "solved"}).json()["code"] == "unavailable"


@pytest.mark.skipif(not shutil.which("node"), reason="Queue-it's connector is JavaScript")
def test_queue_its_own_connector_takes_our_pass_and_no_other(stack: Stack, tmp_path: Path) -> None:
    key = secrets.token_hex(32)
    secret = tmp_path / "secret"
    secret.write_text(key)
    shop, away = "https://shop.example/tickets?a=1", "https://evil.example/"
    sale = make_event(stack.env, shop_url="https://shop.example/", queueit_secret=str(secret))
    path = f"/events/{sale.slug}/pass"
    sent = httpx.get(f"{stack.web}/", params={"c": "shop", "e": sale.slug, "t": shop}, trust_env=False)
    assert sent.headers["location"] == f"/events/{sale.slug}?t=https%3A%2F%2Fshop.example%2Ftickets%3Fa%3D1"
    with api(stack) as buyer:
        come_in(buyer, sale)
        for bad in (away, "javascript:alert(1)", "https://shop.example@evil.example/", "//evil.example"):
            assert buyer.post(path, json={"target": bad}).json()["code"] == "invalid", bad
        location = buyer.post(path, json={"target": shop}).json()["location"]
        assert location.startswith(f"{shop}&queueittoken=e_{sale.slug}~q_")
        token = location.partition("queueittoken=")[2]
    usual = {"url": shop, "token": token, "event": sale.slug, "secret": key}
    asked = [
        usual,
        {**usual, "token": ""},
        {**usual, "token": token[:-1] + ("0" if token[-1] != "0" else "1")},
        {**usual, "token": token.replace("~cv_", "~cv_9")},
        {**usual, "secret": "another"},
        {**usual, "event": "another"},
    ]
    ran = subprocess.run(["node", PEER, json.dumps(asked)], capture_output=True, text=True, timeout=30)
    assert ran.returncode == 0, ran.stderr
    taken, *others = json.loads(ran.stdout)
    assert (taken["waits"], len(taken["cookies"])) == (False, 1), "it goes on with a cookie of the shop's"
    assert [other["waits"] for other in others] == [True] * 5
    assert all(f"e={asked['event']}" in other["redirect"] for asked, other in zip(asked[1:], others, strict=True))
