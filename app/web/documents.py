"""The documents of the API, made from the routes, the promises and the shapes: OpenAPI 3.1 and AsyncAPI 3."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from app.ids import BUYER_ID, ID, ORDER_ID, SHORT_ID
from app.live import shapes
from app.live.closing import CLOSES
from app.organisers.exports import EXPORTS, FORMS
from app.organisers.snapshot import Snapshot
from app.organisers.walls import WallFacts
from app.sale.catalog import SLUG
from app.web.http import JSON_LINES, Json
from app.web.problems import KINDS, MEDIA_TYPE
from app.web.promises import ANYWHERE, PROMISES, JsonLines, Promise, Text, promise
from app.web.routing import Resource

TITLE = "Ticket Craze"
VERSION = "1.0.0"  # of the API: it only ever grows
REFERENCE = "#/components/schemas/{name}"
CACHEABLE = "public, max-age=60"

Routes = Sequence[tuple[str, Sequence[BaseRoute]]]  # what their addresses begin with, and the routes

PATH_PARAMETERS = {
    "slug": ("The name of a sale in addresses.", {"type": "string", "pattern": f"^{SLUG.pattern}$"}),
    "order_id": ("An order's id.", {"type": "string", "pattern": f"^{ORDER_ID.pattern}$"}),
    "ticket_code": ("A ticket's code, as its QR code has it.", {"type": "string"}),
    "buyer_id": ("A buyer's id.", {"type": "string", "pattern": f"^{BUYER_ID.pattern}$"}),
    "webhook_id": ("A webhook's id.", {"type": "string", "pattern": "^[0-9]{1,9}$"}),
    "message_id": ("A message's id.", {"type": "string", "pattern": f"^{ID.pattern}$"}),
    "ticket_id": ("A ticket's id.", {"type": "string", "pattern": "^[0-9a-f]{32}$"}),
    "request_id": ("A refund request's id.", {"type": "string", "pattern": f"^{ID.pattern}$"}),
    "name": ("The name somebody signs in with.", {"type": "string"}),
    "invitation_id": ("An invitation's id.", {"type": "string", "pattern": f"^{SHORT_ID.pattern}$"}),
    "key_id": ("A key's id.", {"type": "string", "pattern": f"^{SHORT_ID.pattern}$"}),
    "export": ("What is exported.", {"enum": [f"{name}.{form}" for name in EXPORTS for form in FORMS]}),
    "provider": ("A payment provider.", {"type": "string"}),
    "code": ("A problem's code.", {"enum": sorted(KINDS)}),
}
CALLERS: Mapping[str, list[dict[str, list[str]]]] = {
    "buyer_of": [{"buyerToken": []}, {"buyerCookie": []}],
    "admin_of": [{"adminToken": []}, {"adminCookie": []}],
}
SECURITY_SCHEMES = {
    "buyerToken": {"type": "http", "scheme": "bearer", "description": "The `token` of joining a queue."},
    "buyerCookie": {"type": "apiKey", "in": "cookie", "name": "tc_buyer"},
    "adminToken": {"type": "http", "scheme": "bearer", "description": "The `token` of signing in, or an API key."},
    "adminCookie": {"type": "apiKey", "in": "cookie", "name": "tc_admin"},
}


class ProblemDetails(msgspec.Struct, frozen=True):
    """Why a call was refused (RFC 9457). `code` is stable, `type` leads to its explanation.

    Some codes say more: `limit` has `has` and `limit`, `sold_out` has `sku_id` and `available`, `not_payable` has
    `order_status`, and `unavailable` of `/readyz` has `dependencies`.
    """

    type: str
    title: str
    status: int
    code: str
    detail: str | msgspec.UnsetType = msgspec.UNSET


class Documents:
    """Both documents, as they are served."""

    def __init__(self, routes: Routes) -> None:
        """`routes` are those that answer programs."""
        self.openapi = msgspec.json.encode(openapi(routes))
        self.asyncapi = msgspec.json.encode(asyncapi())


@promise("This document: every call, and all it may answer.", {200: dict[str, Any]})
async def get_openapi(request: Request) -> Response:
    return Json(request.app.state.documents.openapi, headers={"Cache-Control": CACHEABLE})


@promise("The websockets: every frame, and why a socket is closed (AsyncAPI 3).", {200: dict[str, Any]})
async def get_asyncapi(request: Request) -> Response:
    return Json(request.app.state.documents.asyncapi, headers={"Cache-Control": CACHEABLE})


def calls(routes: Routes) -> dict[tuple[str, str], Any]:
    """Every call there is, (address, method) -> handler. HEAD is GET's business."""
    return {
        (prefix + route.path, method): handler
        for prefix, below in routes
        for route in below
        if isinstance(route, Route) and isinstance(route.endpoint, Resource)
        for method, handler in route.endpoint.handlers.items()
        if method != "HEAD"
    }


def openapi(routes: Routes) -> dict[str, Any]:
    """The document of all calls. Raises KeyError for a handler that promises nothing."""
    found = calls(routes)
    promised = {call: PROMISES[handler] for call, handler in found.items()}
    types = [
        type_.of if isinstance(type_, JsonLines) else type_
        for told in promised.values()
        for type_ in (*told.answers.values(), told.body)
        if type_ and not isinstance(type_, Text)
    ]
    schemas, components = _schemas([*types, ProblemDetails])
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for (path, method), told in promised.items():
        paths[path][method.lower()] = _operation(path, method, found[path, method], told, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": TITLE,
            "version": VERSION,
            "description": "Money is in minor units (cents), times are UTC in ISO 8601. Whole numbers are written"
            " without a fraction: `7.0` is refused where 7 is meant. Every refusal is a problem with a stable"
            " code, explained at `/problems/{code}`; a method that an address lacks is answered 405 with `Allow`.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": SECURITY_SCHEMES},
    }


def _schemas(types: list[Any]) -> tuple[dict[Any, Any], dict[str, Any]]:
    """The schema of each type, and the components they refer to."""
    unique = list({repr(type_): type_ for type_ in types}.values())
    schemas, components = msgspec.json.schema_components(unique, ref_template=REFERENCE)
    return {repr(type_): schema for type_, schema in zip(unique, schemas, strict=True)}, components


def _operation(path: str, method: str, handler: Any, told: Promise, schemas: dict[Any, Any]) -> dict[str, Any]:
    names = re.findall(r"{(\w+)}", path)
    caller = getattr(handler, "caller", None)
    codes = {*told.problems, *ANYWHERE}
    codes |= {"not_found"} if names else set()
    codes |= {"unauthorized"} if caller else set()
    codes |= {"forbidden", "too_many"} if hasattr(handler, "permission") else set()
    codes |= {"origin"} if method not in ("GET", "HEAD") else set()
    codes |= {"invalid", "too_large", "unsupported_media_type"} if told.body else set()
    operation: dict[str, Any] = {
        "operationId": handler.__name__,
        "summary": told.summary,
        "parameters": [
            *(_path_parameter(name) for name in names),
            *(
                {
                    "name": parameter.name,
                    "in": parameter.where,
                    "description": parameter.description,
                    "required": parameter.required,
                    "schema": parameter.schema,
                }
                for parameter in told.parameters
            ),
        ],
        "responses": {
            **{str(status): _answer(status, type_, told, schemas) for status, type_ in told.answers.items()},
            **_problems(codes),
        },
    }
    if told.body:
        is_json = not isinstance(told.body, Text)
        content = (
            {"application/json": {"schema": schemas[repr(told.body)]}}
            if is_json
            else {media_type: {} for media_type in told.body.media_types}
        )
        operation["requestBody"] = {"required": not told.body_is_optional, "content": content}
    if caller:
        operation["security"] = CALLERS[caller]
    elif "unauthorized" in told.problems:  # only a token that is no good is refused
        operation["security"] = [{}, *CALLERS["buyer_of"]]
    return operation


def _path_parameter(name: str) -> dict[str, Any]:
    description, schema = PATH_PARAMETERS[name]
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def _answer(status: int, type_: Any, told: Promise, schemas: dict[Any, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if type_ is str:
        answer["content"] = {"text/plain": {"schema": {"type": "string"}}}
    elif isinstance(type_, Text):
        answer["content"] = {media_type: {"schema": {"type": "string"}} for media_type in type_.media_types}
    elif isinstance(type_, JsonLines):
        line = {"type": "string", "contentMediaType": "application/json", "contentSchema": schemas[repr(type_.of)]}
        answer["content"] = {JSON_LINES: {"schema": {"type": "string"}, "x-line": line}}
    elif type_:
        answer["content"] = {"application/json": {"schema": schemas[repr(type_)]}}
    if told.says_where:
        answer["headers"] = {"Location": {"description": "Where it is found.", "schema": {"type": "string"}}}
    if 304 in told.answers:
        answer["headers"] = {"ETag": {"description": "Of what is told.", "schema": {"type": "string"}}}
    return answer


def _problems(codes: Iterable[str]) -> dict[str, Any]:
    """The refusals of a call, by status."""
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in sorted(codes):
        by_status[KINDS[code].status].append(code)
    return {str(status): _refusal(same) for status, same in sorted(by_status.items())}


def _refusal(codes: list[str]) -> dict[str, Any]:
    schema = {
        "allOf": [{"$ref": REFERENCE.format(name="ProblemDetails")}, {"properties": {"code": {"enum": codes}}}]
    }
    refusal: dict[str, Any] = {
        "description": " ".join(f"`{code}`: {KINDS[code].title}" for code in codes),
        "content": {MEDIA_TYPE: {"schema": schema}},
    }
    if any(KINDS[code].retry_seconds[1] for code in codes):
        description = "Seconds after which trying again makes sense."
        refusal["headers"] = {"Retry-After": {"description": description, "schema": {"type": "integer"}}}
    return refusal


def asyncapi() -> dict[str, Any]:
    """The document of all websockets."""
    buyers = {
        "place": shapes.PlaceFrame,
        "stock": shapes.StockFrame,
        "order": shapes.OrderFrame,
        "ping": shapes.PingFrame,
    }
    frames: dict[str, Any] = {**buyers, "snapshot": Snapshot, "wall": WallFacts}
    schemas, components = _schemas(list(frames.values()))
    description, _ = PATH_PARAMETERS["slug"]
    closes = [msgspec.to_builtins(close) for close in CLOSES]

    def channel(address: str, words: str, names: Iterable[str]) -> dict[str, Any]:
        return {
            "address": address,
            "description": words,
            "parameters": {"slug": {"description": description}},
            "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
            "bindings": {"ws": {"method": "GET"}},
            "x-close-codes": closes,
        }

    def operation(name: str, words: str, names: Iterable[str]) -> dict[str, Any]:
        return {
            "action": "send",
            "summary": words,
            "channel": {"$ref": f"#/channels/{name}"},
            "messages": [{"$ref": f"#/channels/{name}/messages/{message}"} for message in names],
        }

    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"{TITLE}: websockets",
            "version": VERSION,
            "description": "Frames are JSON text. On connecting everything is told as it stands, then every"
            " change; what was missed is told by the next frame of its kind. Readers have nothing to say: more"
            " than a few messages a second close the socket.",
            "license": {"name": "MIT"},
        },
        "channels": {
            "buyer": channel(
                "/ws/events/{slug}",
                "For a buyer who has joined: by the cookie `tc_buyer` or `Authorization: Bearer`.",
                buyers,
            ),
            "organiser": channel(
                "/ws/admin/events/{slug}",
                "For an organiser who is signed in: a snapshot every second.",
                ["snapshot"],
            ),
            "wall": channel(
                "/ws/wall/{slug}",
                "For whoever has the link to the wall of a sale: its `key` comes in the query, as in the page's"
                " address.",
                ["wall"],
            ),
        },
        "operations": {
            "tellBuyer": operation(
                "buyer", "Where the buyer stands, what is left, how their orders stand.", buyers
            ),
            "tellOrganiser": operation("organiser", "Everything that matters of the sale now.", ["snapshot"]),
            "tellWall": operation("wall", "The big figures of the sale now.", ["wall"]),
        },
        "components": {
            "messages": {
                name: {
                    "name": name,
                    "contentType": "application/json",
                    "summary": type_.__doc__.splitlines()[0],
                    "payload": schemas[repr(type_)],
                }
                for name, type_ in frames.items()
            },
            "schemas": components,
        },
    }
