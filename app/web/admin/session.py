"""The organiser's login: who is signed in, signing in, and signing out."""

from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response

from app.organisers.accounts import check_password
from app.tokens import BadToken
from app.web.callers import only_for
from app.web.http import read_body
from app.web.problems import invalid
from app.web.rendering import page
from app.web.services import services_of

ADMIN_COOKIE = "tc_admin"
ADMIN_SECONDS = 12 * 3_600
MAX_TRIES = 10  # wrong passwords a minute for one name


async def admin_of(connection: HTTPConnection) -> str | None:
    """The signed-in admin's name."""
    try:
        return services_of(connection).tokens.session(connection.cookies.get(ADMIN_COOKIE, ""), ADMIN_SECONDS)
    except BadToken:
        return None


async def to_login(request: Request) -> Response:
    """Sends somebody who is not signed in to the login, and back here afterwards."""
    return RedirectResponse(f"/admin/login?next={request.url.path}", 303)


for_admin = only_for(admin_of)
for_admin_page = only_for(admin_of, otherwise=to_login)


async def login_form(request: Request) -> Response:
    return page("admin/login.html", error=None, next=_inside(request.query_params.get("next", "")))


def _inside(path: str) -> str:
    """Where to go after the login: only ever to the admin's own pages."""
    return path if path.startswith("/admin") and "\\" not in path else "/admin"


async def login(request: Request) -> Response:
    services = services_of(request)
    try:
        form = parse_qs((await read_body(request)).decode(errors="replace"), max_num_fields=10)
    except ValueError:
        raise invalid("there are too many fields") from None
    name, password, next_ = (form.get(field, [""])[0][:200] for field in ("user", "password", "next"))
    tries_key = f"tc:login:{name[:64]}"
    if int(await services.redis.get(tries_key) or 0) >= MAX_TRIES:
        return page("admin/login.html", 429, error="Too many tries. Wait a minute.", next=_inside(next_))
    row = await services.database.fetch_one("SELECT password_hash FROM admins WHERE name = %s", (name,))
    # scrypt takes its time on purpose: not in the event loop
    if row is None or not await run_in_threadpool(check_password, password, row["password_hash"]):
        async with services.redis.pipeline(transaction=True) as pipeline:
            pipeline.incr(tries_key)
            pipeline.expire(tries_key, 60)
            await pipeline.execute()
        return page(
            "admin/login.html", 403, error="This name and password do not belong together.", next=_inside(next_)
        )
    response = RedirectResponse(_inside(next_), 303)
    response.set_cookie(
        ADMIN_COOKIE,
        services.tokens.of_session(name),
        max_age=ADMIN_SECONDS,
        httponly=True,
        samesite="strict",
        secure=services.settings.secure,
    )
    return response


async def logout(request: Request) -> Response:
    response = RedirectResponse("/admin/login", 303)
    response.delete_cookie(ADMIN_COOKIE)
    return response
