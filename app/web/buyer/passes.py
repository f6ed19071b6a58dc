"""The pass for other shops: handed out to whoever is in, checked for proxies, and the keys to check it with."""

from typing import Annotated
from urllib.parse import urlencode, urlsplit, urlunsplit

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from app.live.shapes import Jwks, JwksKey, PassForShops
from app.sale.draw import public_buyer_id
from app.sale.events import check_not_over
from app.sale.gates.known_user import known_user_token
from app.sale.gates.rules import Gates, origin_of
from app.sale.passes import BadPass
from app.sale.returning import look_again
from app.tokens import Buyer
from app.units import iso, now_ms
from app.web.callers import bearer_token, for_buyer
from app.web.http import Json, read_json
from app.web.problems import Problem, invalid
from app.web.promises import Parameter, promise
from app.web.services import services_of


class PassRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Where one wants to go with the pass, if not to the shop that the organiser named."""

    target: Annotated[str, Meta(min_length=1, max_length=2_048)] | msgspec.UnsetType = msgspec.UNSET


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
    body=PassRequest,
    body_is_optional=True,
)
@for_buyer
async def create_pass(request: Request, buyer: Buyer) -> Response:
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    check_not_over(event)
    target = (await read_json(request, PassRequest, may_be_empty=True)).target or event.gates.shop_url
    if target and not _is_shop(target, event.gates):
        raise invalid("target: an address of the shop, or of a site that the organiser named")
    place = await look_again(services.redis, event.id, buyer.id, buyer.numbers.get(event.id))
    if place.status != "admitted":
        raise Problem("no_pass")
    signed = services.pass_keys.sign(event.slug, public_buyer_id(buyer.id), place.expires_at_ms, now_ms())
    brought = {"tc_pass": signed.token}
    if event.gates.queueit_secret:
        minutes = max((place.expires_at_ms - now_ms()) // 60_000, 1)
        ends_at, buyer_id = signed.expires_at_ms // 1000, public_buyer_id(buyer.id)
        token = known_user_token(event.gates.queueit_secret, event.slug, buyer_id, ends_at, minutes)
        brought = {"queueittoken": token}
    location = target and _with_query(target, brought)
    return Json(PassForShops(signed.token, iso(signed.expires_at_ms), location or None))


def _is_shop(address: str, gates: Gates) -> bool:
    """Whether whoever is let in may be sent there: nobody can have them sent anywhere else."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    known = {*gates.origins, origin_of(gates.shop_url)}
    return address.isascii() and address.isprintable() and f"{parts.scheme}://{parts.netloc}" in known


def _with_query(address: str, more: dict[str, str]) -> str:
    parts = urlsplit(address)
    query = "&".join([*filter(None, [parts.query]), urlencode(more, safe="~")])
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


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
