"""The organiser's login: who is signed in, signing in, and signing out; by form, and as JSON."""

import secrets
from typing import Annotated, Any
from urllib.parse import parse_qs, quote

import msgspec
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response

from app.live.shapes import AdminSession
from app.organisers.access import Admin
from app.organisers.accounts import MOST_PASSWORD, TooBusy, canonical_name
from app.organisers.keys import KEY_PREFIX
from app.organisers.login import FactorNeeded, SignedIn, TooManyTries, Visitor, WrongPassword
from app.organisers.sessions import ABSOLUTE_SECONDS, TooManyKeys
from app.sale.gates.addresses import address_prefix
from app.tokens import DEVICE_SECONDS, BadToken, Device
from app.web.addresses import address_of
from app.web.callers import bearer_token, only_for
from app.web.cookies import delete_cookie, read_cookie, set_cookie
from app.web.http import Json, read_body, read_json
from app.web.problems import Problem, invalid
from app.web.promises import promise
from app.web.rendering import page
from app.web.services import services_of

ADMIN_COOKIE = "tc_admin"
DEVICE_COOKIE = "tc_admin_device"  # stays when the session ends: see app/organisers/login.py
MOST_NAME = 200
MOST_CODE = 32
BUSY_SECONDS = 1


class Credentials(msgspec.Struct, forbid_unknown_fields=True):
    """What an admin signs in with. `totp` is for those with a second factor: a code of it, or a recovery code."""

    user: Annotated[str, msgspec.Meta(max_length=MOST_NAME)]
    password: Annotated[str, msgspec.Meta(max_length=MOST_PASSWORD)]
    totp: Annotated[str, msgspec.Meta(max_length=MOST_CODE)] | None = None


def _secret_of(connection: HTTPConnection) -> str | None:
    token = bearer_token(connection) or read_cookie(connection, ADMIN_COOKIE)
    try:
        return services_of(connection).tokens.session(token, ABSOLUTE_SECONDS)
    except BadToken:
        return None


async def admin_of(connection: HTTPConnection) -> Admin | None:
    """Who asks, by session (bearer token or cookie) or by API key (bearer token).

    Raises DatabaseUnavailable when nobody can say, and Problem `too_many` for one made-up key after the other.
    """
    sessions = services_of(connection).sessions
    token = bearer_token(connection)
    if token and token.startswith(KEY_PREFIX):
        try:
            return await sessions.admin_of_key(token, address_prefix(caller_address(connection)))
        except TooManyKeys:
            raise Problem("too_many", "Too many keys were tried.", retry_seconds=BUSY_SECONDS) from None
    secret = _secret_of(connection)
    return await sessions.admin_of(secret) if secret else None


def caller_address(connection: HTTPConnection) -> str:
    """Where a request comes from, behind the proxies that are trusted."""
    return address_of(connection, services_of(connection).settings.trusted_proxies)


async def to_login(request: Request) -> Response:
    """Sends somebody who is not signed in to the login, and back here afterwards."""
    return RedirectResponse(f"/admin/login?next={quote(request.url.path)}", 303)


for_anyone_signed_in = only_for(admin_of, otherwise=to_login)


async def login_form(request: Request) -> Response:
    """The page to sign in on."""
    return page("admin/login.html", error=None, next=_inside(request.query_params.get("next", "")))


def _inside(path: str) -> str:
    """Where to go after the login: only ever to the admin's own pages."""
    return path if path.startswith("/admin") and "\\" not in path else "/admin"


async def login(request: Request) -> Response:
    """Signing in by form."""
    try:
        form = parse_qs((await read_body(request)).decode(errors="replace"), max_num_fields=10)
    except ValueError:
        raise invalid("there are too many fields") from None
    name, password, code, next_ = (form.get(field, [""])[0] for field in ("user", "password", "totp", "next"))
    next_ = _inside(next_[:MOST_NAME])
    try:
        signed_in = await _sign_in(request, name, password, code[:MOST_CODE])
    except FactorNeeded:
        error = "This code is not good, or was used already." if code else None
        shown: dict[str, Any] = {"user": name[:MOST_NAME], "with_factor": True, "next": next_}
        return page("admin/login.html", 403 if code else 200, error=error, **shown)
    except WrongPassword:
        error = "This name and password do not belong together."
        return page("admin/login.html", 403, error=error, next=next_)
    except (TooManyTries, TooBusy) as refused:
        seconds = refused.seconds if isinstance(refused, TooManyTries) else BUSY_SECONDS
        answer = page("admin/login.html", 429, error=f"Too many tries. {_wait_words(seconds)}", next=next_)
        answer.headers["Retry-After"] = str(seconds)
        return answer
    response = RedirectResponse(next_, 303)
    _set_cookies(request, response, signed_in)
    return response


@promise(
    "Signs an organiser in, for programs and scripts.",
    {200: AdminSession},
    "wrong_password",
    "factor_needed",
    "too_many",
    body=Credentials,
)
async def create_session(request: Request) -> Response:
    credentials = await read_json(request, Credentials)
    try:
        signed_in = await _sign_in(request, credentials.user, credentials.password, credentials.totp or "")
    except FactorNeeded:
        raise Problem("factor_needed") from None
    except WrongPassword:
        raise Problem("wrong_password") from None
    except TooManyTries as refused:
        detail = "Too many passwords were tried."
        raise Problem("too_many", detail, retry_seconds=refused.seconds) from None
    except TooBusy:
        raise Problem("too_many", "Too many sign in at once.", retry_seconds=BUSY_SECONDS) from None
    response = Json(AdminSession(services_of(request).tokens.of_session(signed_in.secret)))
    _set_cookies(request, response, signed_in)
    return response


@promise("Ends the session that asks.", {204: None})
async def delete_session(request: Request) -> Response:
    response = Response(status_code=204)
    await _end(request, response)
    return response


async def logout(request: Request) -> Response:
    """Signs out, and leads to the page to sign in on."""
    response = RedirectResponse("/admin/login", 303)
    await _end(request, response)
    return response


@for_anyone_signed_in
async def logout_everywhere(request: Request, admin: Admin) -> Response:
    """Ends all sessions of the admin who asks."""
    await services_of(request).sessions.end_all(admin.name)
    response = RedirectResponse("/admin/login", 303)
    delete_cookie(request, response, ADMIN_COOKIE)
    return response


async def _end(request: Request, response: Response) -> None:
    if secret := _secret_of(request):
        await services_of(request).sessions.end(secret)
    delete_cookie(request, response, ADMIN_COOKIE)


async def _sign_in(request: Request, typed_name: str, password: str, code: str) -> SignedIn:
    name = canonical_name(typed_name[:MOST_NAME])
    visitor = Visitor(
        address=address_prefix(caller_address(request)),
        user_agent=request.headers.get("user-agent", ""),
        device_id=_device_id(request, name),
    )
    signed_in = await services_of(request).login.sign_in(name, password, visitor, code)
    if before := _secret_of(request):  # whoever signs in again goes on with the new session alone
        await services_of(request).sessions.end(before)
    return signed_in


def _device_id(request: Request, name: str) -> str | None:
    try:
        device = services_of(request).tokens.device(read_cookie(request, DEVICE_COOKIE))
    except BadToken:
        return None
    return device.id if device.admin == name else None


def _set_cookies(request: Request, response: Response, signed_in: SignedIn) -> None:
    tokens = services_of(request).tokens
    token = tokens.of_session(signed_in.secret)
    set_cookie(request, response, ADMIN_COOKIE, token, ABSOLUTE_SECONDS, "strict")
    device = Device(signed_in.admin, _device_id(request, signed_in.admin) or secrets.token_urlsafe(12))
    set_cookie(request, response, DEVICE_COOKIE, tokens.of_device(device), DEVICE_SECONDS, "strict")


def _wait_words(seconds: int) -> str:
    return "Wait a moment." if seconds < 60 else f"Wait {-(-seconds // 60)} min."
