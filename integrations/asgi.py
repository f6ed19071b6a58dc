"""Guards any ASGI application with the waiting room: only who was let in gets through.

    app = WaitingRoomGuard(app, room="https://tickets.example", event="night-of-lights")

Whoever comes without a pass is sent to the waiting room. From there they come back with `?tc_pass=...`, a JWT
that is checked with the room's JWKS and kept in a cookie until it ends. The application finds what it says in
`scope["ticketcraze"]`. Needs `PyJWT[crypto]` and nothing of the waiting room's own code: copy this file.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode
from urllib.request import urlopen

import jwt

FETCH_SECONDS = 5
FRESH_SECONDS = 3_600  # keys are read again after this long
AGAIN_SECONDS = 30  # and for a key that is not known, this often at most
SKEW_SECONDS = 30
MOST_LENGTH = 2_048
COOKIE = "tc_pass"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]
Fetch = Callable[[], Awaitable[Mapping[str, Any]]]


class WaitingRoomGuard:
    """See the module. `fetch` reads the JWKS, for tests and for those with an HTTP client of their own."""

    def __init__(self, app: App, room: str, event: str, fetch: Fetch | None = None) -> None:
        self._app = app
        self._room = room.rstrip("/")
        self._event = event
        self._fetch = fetch or self._fetch_keys
        self._keys: dict[str, Any] = {}
        self._read_at = -AGAIN_SECONDS - 1.0
        self._reading = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        query = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        brought = dict(query).get(COOKIE, "")
        if brought and scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            if claims := await self.claims(brought):
                rest = urlencode([pair for pair in query if pair[0] != COOKIE])
                await _redirect(send, _path(scope) + ("?" + rest if rest else ""), _cookie(scope, brought, claims))
                return
        elif claims := await self.claims(_token_of(scope)):
            scope["ticketcraze"] = claims
            await self._app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4003})
        elif "text/html" in _header(scope, b"accept"):
            await _redirect(send, f"{self._room}/events/{quote(self._event)}")
        else:
            await _refuse(send, f"{self._room}/events/{quote(self._event)}")

    async def claims(self, token: str) -> dict[str, Any] | None:
        """What a pass says; None for one that is not good here."""
        if not token or len(token) > MOST_LENGTH:
            return None
        try:
            key = await self._key(str(jwt.get_unverified_header(token).get("kid")))
            if key is None:
                return None
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["EdDSA"],
                audience=self._event,
                issuer=self._room,
                leeway=SKEW_SECONDS,
                options={"require": ["exp", "sub", "aud", "iss"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            return None
        return claims

    async def _key(self, key_id: str) -> Any:
        age = time.monotonic() - self._read_at
        if age > FRESH_SECONDS or (key_id not in self._keys and age > AGAIN_SECONDS):
            async with self._reading:
                if time.monotonic() - self._read_at > AGAIN_SECONDS:
                    self._read_at = time.monotonic()
                    try:
                        keys = (await self._fetch())["keys"]
                        self._keys = {str(k["kid"]): jwt.PyJWK(k).key for k in keys if k.get("kty") == "OKP"}
                    except (OSError, ValueError, KeyError, TypeError, jwt.PyJWTError):
                        pass  # what is known stays good
        return self._keys.get(key_id)

    async def _fetch_keys(self) -> Mapping[str, Any]:
        def read() -> Mapping[str, Any]:
            with urlopen(f"{self._room}/.well-known/jwks.json", timeout=FETCH_SECONDS) as answer:  # noqa: S310
                read: Mapping[str, Any] = json.loads(answer.read(65_536))
                return read

        return await asyncio.to_thread(read)


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def _token_of(scope: Scope) -> str:
    scheme, _, token = _header(scope, b"authorization").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    try:
        found = SimpleCookie(_header(scope, b"cookie")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def _path(scope: Scope) -> str:
    path = quote(scope["path"])
    return path if path.startswith("/") and not path.startswith("//") else "/"


def _cookie(scope: Scope, token: str, claims: Mapping[str, Any]) -> str:
    seconds = max(int(claims["exp"] - time.time()), 1)
    secure = "; Secure" if scope.get("scheme") == "https" else ""
    return f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}"


async def _redirect(send: Send, to: str, cookie: str = "") -> None:
    headers = [(b"location", to.encode()), (b"cache-control", b"no-store"), (b"referrer-policy", b"no-referrer")]
    if cookie:
        headers.append((b"set-cookie", cookie.encode()))
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _refuse(send: Send, room: str) -> None:
    body = json.dumps(
        {"code": "no_pass", "title": "Wait in the waiting room first.", "waiting_room": room}
    ).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": body})
