"""What requests and answers have in common: JSON, who is asking, limits on bodies."""

from typing import Any, TypeVar

import msgspec
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from app.orders.facts import UNREADABLE
from app.tokens import BUYER_SECONDS, BadToken, Buyer
from app.web.problems import UNAUTHORIZED, Problem, invalid
from app.web.services import Services, services_of

BUYER_COOKIE = "tc_buyer"
MAX_BODY = 65_536

T = TypeVar("T")


class Json(Response):
    """A JSON answer, encoded by msgspec."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return msgspec.json.encode(content)


def buyer_of(connection: HTTPConnection) -> Buyer | None:
    """Who is asking, by bearer token or cookie; None without either. Raises Problem `unauthorized`."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        token = connection.cookies.get(BUYER_COOKIE, "")
    if not token:
        return None
    try:
        return services_of(connection).tokens.buyer(token.strip())
    except BadToken:
        raise UNAUTHORIZED from None


def known_buyer(connection: HTTPConnection) -> Buyer:
    """Who is asking. Raises Problem `unauthorized` when nobody says."""
    buyer = buyer_of(connection)
    if buyer is None:
        raise UNAUTHORIZED
    return buyer


def set_buyer_cookie(services: Services, response: Response, token: str) -> None:
    """Makes the browser the holder of this token."""
    response.set_cookie(
        BUYER_COOKIE,
        token,
        max_age=BUYER_SECONDS,
        httponly=True,
        samesite="lax",
        secure=services.settings.secure,
    )


async def read_body(request: Request) -> bytes:
    """The body, up to MAX_BODY bytes. Raises Problem `too_large`."""
    too_large = Problem(413, "too_large", f"The body may have {MAX_BODY} bytes at most.")
    if int(request.headers.get("content-length") or 0) > MAX_BODY:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise too_large
    return bytes(body)


async def read_json(request: Request, form: type[T]) -> T:
    """The body as `form`. Raises Problem `too_large` or `invalid`."""
    try:
        return msgspec.json.decode(await read_body(request), type=form)
    except UNREADABLE as error:
        raise invalid(str(error)) from None
