"""The pass for other shops: handed out to whoever is in, checked for proxies, and the keys to check it with."""

from starlette.requests import Request
from starlette.responses import Response

from app.live.shapes import Jwks, JwksKey, PassForShops
from app.sale.draw import public_buyer_id
from app.sale.events import check_not_over
from app.sale.passes import BadPass
from app.sale.returning import look_again
from app.tokens import Buyer
from app.units import iso, now_ms
from app.web.callers import bearer_token, for_buyer
from app.web.http import Json
from app.web.problems import Problem
from app.web.promises import Parameter, promise
from app.web.services import services_of

HEADER = "X-Ticketcraze-Pass"
CACHEABLE = "public, max-age=300"
PASS = Parameter(
    HEADER,
    "header",
    "The pass; or `Authorization: Bearer`.",
    {"type": "string", "pattern": "^[A-Za-z0-9_.-]+$", "maxLength": 2_048},
)


@promise(
    "The pass as a signed JWT, for a shop that is guarded by this waiting room. Only while one is admitted.",
    {200: PassForShops},
    "no_pass",
    "not_joined",
    "closed",
)
@for_buyer
async def create_pass(request: Request, buyer: Buyer) -> Response:
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    check_not_over(event)
    place = await look_again(services.redis, event.id, buyer.id, buyer.numbers.get(event.id))
    if place.status != "admitted":
        raise Problem("no_pass")
    signed = services.pass_keys.sign(event.slug, public_buyer_id(buyer.id), place.expires_at_ms, now_ms())
    return Json(PassForShops(signed.token, iso(signed.expires_at_ms)))


@promise(
    "Whether a pass is good for this sale, for proxies that ask before they let somebody through.",
    {204: None},
    "unauthorized",
    parameters=(PASS,),
)
async def check_pass(request: Request) -> Response:
    token = request.headers.get(HEADER) or bearer_token(request) or ""
    try:
        claims = services_of(request).pass_keys.read(token, request.path_params["slug"])
    except BadPass:
        raise Problem("unauthorized") from None
    return Response(status_code=204, headers={"X-Ticketcraze-Buyer": claims["sub"]})


@promise("The keys that passes are signed with (RFC 7517).", {200: Jwks})
async def get_jwks(request: Request) -> Response:
    keys = [JwksKey(**key) for key in services_of(request).pass_keys.jwks()]
    return Json(Jwks(keys), headers={"Cache-Control": CACHEABLE, "Access-Control-Allow-Origin": "*"})
