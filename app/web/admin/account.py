"""An admin's own page: the second factor, the log of sign-ins, signing out everywhere."""

from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

from app.organisers.access import Admin
from app.organisers.factors import (
    address_of,
    check_factor,
    end_factor,
    has_factor,
    is_secret,
    new_secret,
    set_factor,
)
from app.organisers.log import read_log_of
from app.units import iso, to_ms
from app.web.admin.access import record
from app.web.admin.session import for_anyone_signed_in
from app.web.http import read_body
from app.web.problems import Problem, invalid
from app.web.rendering import page, qr
from app.web.services import services_of

ROWS = 30


@for_anyone_signed_in
async def account_page(request: Request, admin: Admin) -> Response:
    """Who is signed in, and with what."""
    return await _page(request, admin)


async def _page(
    request: Request, admin: Admin, *, error: str = "", codes: list[str] | None = None, secret: str = ""
) -> Response:
    database = services_of(request).database
    with_factor = await has_factor(database, admin.name)
    secret = secret or ("" if with_factor else new_secret())
    rows = await read_log_of(database, admin.name, ROWS)
    answer = page(
        "admin/account.html",
        403 if error else 200,
        admin=admin,
        with_factor=with_factor,
        secret=secret,
        image=qr(address_of(secret, admin.name)) if secret else "",
        error=error,
        codes=codes,
        rows=[{**row, "at": iso(to_ms(row["at"]))} for row in rows],
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


async def _form(request: Request) -> dict[str, str]:
    try:
        fields = parse_qs((await read_body(request)).decode(errors="replace"), max_num_fields=10)
    except ValueError:
        raise invalid("there are too many fields") from None
    return {name: values[0][:64] for name, values in fields.items()}


def _person(admin: Admin) -> None:
    """A program's key has no account. Raises Problem `forbidden`."""
    if admin.key:
        raise Problem("forbidden", "A key has no account.")


@for_anyone_signed_in
async def begin_factor(request: Request, admin: Admin) -> Response:
    """Begins a second factor, once its first code is shown."""
    _person(admin)
    form, database = await _form(request), services_of(request).database
    secret, code = form.get("secret", ""), form.get("code", "")
    if not is_secret(secret) or await has_factor(database, admin.name):
        raise invalid("secret: one that this page made, for an account without a second factor")
    codes = await set_factor(database, admin.name, secret, code)
    if codes is None:
        return await _page(request, admin, error="This code is not of this key, or not of now.", secret=secret)
    await record(request, admin, "second factor begun")
    return await _page(request, admin, codes=codes)


@for_anyone_signed_in
async def end_own_factor(request: Request, admin: Admin) -> Response:
    """Takes the second factor away, for whoever still has it."""
    _person(admin)
    form, database = await _form(request), services_of(request).database
    if not await check_factor(database, admin.name, form.get("code", "")):
        return await _page(request, admin, error="This code is not good, or was used already.")
    await end_factor(database, admin.name)
    await record(request, admin, "second factor ended")
    return await _page(request, admin)
