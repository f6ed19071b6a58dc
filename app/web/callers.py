"""Who is asking, and the one way a handler says whom it serves."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TypeVar

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from app.tokens import BUYER_SECONDS, BadToken, Buyer
from app.web.cookies import read_cookie, set_cookie
from app.web.problems import Problem
from app.web.services import services_of

BUYER_COOKIE = "tc_buyer"

Caller = TypeVar("Caller")
Handler = Callable[[Request], Awaitable[Response]]
Find = Callable[[HTTPConnection], Awaitable[Caller | None]]


async def _refuse(request: Request) -> Response:
    raise Problem("unauthorized")


def only_for(
    find: Find[Caller], otherwise: Handler = _refuse
) -> Callable[[Callable[[Request, Caller], Awaitable[Response]]], Handler]:
    """A decorator for handlers that need to know their caller: `handler(request, caller)`.

    `find` says who it is; where it is nobody, `otherwise` answers: a Problem `unauthorized` unless told otherwise.
    """

    def decorate(handler: Callable[[Request, Caller], Awaitable[Response]]) -> Handler:
        @wraps(handler)
        async def checked(request: Request) -> Response:
            caller = await find(request)
            return await otherwise(request) if caller is None else await handler(request, caller)

        checked.caller = find.__name__  # type: ignore[attr-defined]  # for the API's document
        return checked

    return decorate


def bearer_token(connection: HTTPConnection) -> str | None:
    """The token of `Authorization: Bearer`; None where the header says something else, or is not there."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


async def buyer_of(connection: HTTPConnection) -> Buyer | None:
    """Which buyer asks, by bearer token or cookie; None without either. Raises Problem `unauthorized`."""
    token = bearer_token(connection)
    if token is None:
        token = read_cookie(connection, BUYER_COOKIE) or connection.cookies.get(BUYER_COOKIE, "")
    if not token:
        return None
    try:
        return services_of(connection).tokens.buyer(token)
    except BadToken:
        raise Problem("unauthorized") from None


async def visitor(request: HTTPConnection) -> Buyer | None:
    """Who looks at a page; somebody new where the cookie is no good."""
    try:
        return await buyer_of(request)
    except Problem:
        return None


for_buyer = only_for(buyer_of)


def set_buyer_cookie(request: HTTPConnection, response: Response, token: str) -> None:
    """Makes the browser the holder of this token."""
    set_cookie(request, response, BUYER_COOKIE, token, BUYER_SECONDS, "lax")
