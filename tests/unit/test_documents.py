"""The documents of the API say what is there: every route, every code, every frame."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from app.live import shapes
from app.live.closing import CLOSES
from app.main import API, DOCUMENTED, MACHINES, ROUTES
from app.organisers.snapshot import (
    Funnel,
    Happening,
    OrderInReview,
    Overload,
    Passed,
    ProcessLight,
    Snapshot,
    SnapshotEvent,
    SnapshotMoney,
    SnapshotPace,
    SnapshotSku,
    SnapshotWaits,
    Trouble,
    Trust,
    Verdict,
)
from app.organisers.walls import wall_facts
from app.sale.pace import Pace
from app.sale.waiting_room import Place
from app.web import documents
from app.web.problems import KINDS
from app.web.promises import PROMISES, REPEAT_KEY
from app.web.routing import Resource

ROOT = Path(__file__).parent.parent.parent
Json = dict[str, Any]


@pytest.fixture(scope="module")
def openapi() -> Json:
    return json.loads(msgspec.json.encode(documents.openapi(DOCUMENTED)))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def asyncapi() -> Json:
    return json.loads(msgspec.json.encode(documents.asyncapi()))  # type: ignore[no-any-return]


def test_every_route_that_answers_programs_is_in_the_document_and_no_other(openapi: Json) -> None:
    documented = {(path, method.upper()) for path, calls in openapi["paths"].items() for method in calls}
    routes: list[Any] = [*API.routes, *MACHINES]
    prefixes = ["/api/v1"] * len(API.routes) + [""] * len(MACHINES)
    assert documented == {
        (prefix + route.path, method)
        for prefix, route in zip(prefixes, routes, strict=True)
        for method in route.endpoint.handlers
        if method != "HEAD"
    }
    handlers = {handler for route in routes for handler in route.endpoint.handlers.values()}
    assert set(PROMISES) == handlers, "promised and not routed, or routed and not promised"


def test_no_route_redirects_to_where_the_host_header_says() -> None:
    assert API.redirect_slashes is False


def test_every_address_has_one_route() -> None:
    """A second route of the same address would hide its methods from `Allow`."""
    tables: list[list[Any]] = [ROUTES, API.routes]
    for table in tables:
        paths = [route.path for route in table if isinstance(getattr(route, "endpoint", None), Resource)]
        assert len(set(paths)) == len(paths)


def codes_of(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "code" in node.get("properties", {}):
            yield from node["properties"]["code"].get("enum", ())
        for value in node.values():
            yield from codes_of(value)
    elif isinstance(node, list):
        for value in node:
            yield from codes_of(value)


def test_every_problem_that_is_raised_somewhere_is_promised_somewhere(openapi: Json) -> None:
    on_pages_only = {"link_used"}
    everywhere = {"not_allowed"}  # said of all calls at once
    promised = set(codes_of(openapi["paths"]))
    assert promised | on_pages_only | everywhere == set(KINDS)
    for path in (ROOT / "app").rglob("*.py"):
        for code in re.findall(r'Problem\(\s*"(\w+)"', path.read_text()):
            assert code in KINDS, f"{path.name} raises a problem that is in no table"


def test_a_call_of_organisers_that_is_done_once_for_a_key_says_so_and_no_other_does() -> None:
    documented = {h for h, told in PROMISES.items() if REPEAT_KEY in told.parameters and hasattr(h, "permission")}
    routes: list[Any] = [*API.routes, *MACHINES]
    handlers = {handler for route in routes for handler in route.endpoint.handlers.values()}
    assert documented == {handler for handler in handlers if getattr(handler, "repeats", False)}
    assert all("key_reused" in PROMISES[handler].problems for handler in documented)


def test_every_operation_has_an_id_of_its_own_and_words(openapi: Json) -> None:
    operations = [call for calls in openapi["paths"].values() for call in calls.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(set(ids)) == len(ids)
    assert all(operation["summary"].endswith(".") for operation in operations)


SNAPSHOT = Snapshot(
    server_now="2026-11-23T19:30:00.000Z",
    event=SnapshotEvent(
        "night", "Night", "drawing", False, None, "2026-11-23T19:30:00.000Z", 600, 200, None, 300, 300, 4, None, 1
    ),
    funnel=Funnel(1, 2, 3, 4, 5, 6, 7),
    passed=Passed(1, 2, 3, 4, 5, 6, 7),
    pace=SnapshotPace(10, 190, "rate"),
    skus=[SnapshotSku(1, "Floor", 4_500, "USD", 300, 200, 60, 40, 180_000)],
    money=SnapshotMoney("USD", 180_000, 4_500, 0, 20, 1),
    books_read_at="2026-11-23T19:30:00.000Z",
    trust=Trust(
        0,
        None,
        0,
        Verdict(True, "2026-11-23T19:30:00.000Z", []),
        40,
        [ProcessLight("web", "night-1", 12, 1, ok=True)],
        Overload(["loop"], True, 0.5),
    ),
    trouble=Trouble(1, [OrderInReview("0197", "0197", 4_500, 4_400, "USD", "2026-11-23T19:30:00.000Z")], 0),
    feed=[Happening("2026-11-23T19:30:00.000Z", "Somebody opened the sale.")],
    waits=SnapshotWaits(40, 12, 90),
)
FRAMES = {
    "place": shapes.place_facts(shapes.PlaceFrame, Place("waiting", 7, 3, 40, 0, 0, Pace("open", 600))),
    "stock": shapes.stock_frame("open", {}),
    "order": shapes.order_frame("0197", "PENDING", 1, 4_500, 1_795_563_295_123),
    "ping": shapes.PingFrame("2026-11-23T19:30:00.000Z"),
    "snapshot": SNAPSHOT,
    "wall": wall_facts(SNAPSHOT, shows_money=True),
}


@pytest.mark.parametrize("name", FRAMES)
def test_every_frame_is_as_the_document_says(asyncapi: Json, name: str) -> None:
    frame = json.loads(msgspec.json.encode(FRAMES[name]))
    schema = {**asyncapi["components"]["messages"][name]["payload"], "components": asyncapi["components"]}
    jsonschema.validate(frame, schema)
    del frame["type"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(frame, schema)


def test_the_websockets_document_is_whole(asyncapi: Json) -> None:
    """Every reference leads somewhere, and every close code is explained."""

    def follow(reference: str) -> Any:
        node: Any = asyncapi
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
        return node

    for reference in re.findall(r'"\$ref": ?"(#/[^"]+)"', json.dumps(asyncapi)):
        assert follow(reference)
    assert asyncapi["asyncapi"].startswith("3.")
    for channel in asyncapi["channels"].values():
        codes = {close["code"]: close["reconnect"] for close in channel["x-close-codes"]}
        assert codes == {close.code: close.reconnect for close in CLOSES}
        assert {1012, 4001, 4003, 4008} <= codes.keys()


def test_no_answer_and_no_frame_is_an_open_object(openapi: Json, asyncapi: Json) -> None:
    """Whoever reads the document knows every field; only the documents themselves are open."""

    def is_open(schema: Json) -> bool:
        return schema.get("type") == "object" and "properties" not in schema

    open_ones = {
        path
        for path, calls in openapi["paths"].items()
        for call in calls.values()
        for answer in call["responses"].values()
        if is_open(answer.get("content", {}).get("application/json", {}).get("schema", {}))
    }
    assert open_ones == {"/openapi.json", "/asyncapi.json"}
    for name, message in asyncapi["components"]["messages"].items():
        assert not is_open(message["payload"]), name


def test_nothing_of_the_contract_was_removed(openapi: Json) -> None:
    """Fields that clients were written against: see section 9 of the design."""
    fields = {
        "EventFacts": {"slug", "name", "sale", "opens_at", "skus"},
        "SkuFacts": {"id", "name", "price", "currency", "available"},
        "JoinedPlace": {"token", "status", "number", "position", "eta_seconds"},
        "QueuePlace": {"status", "number", "position", "eta_seconds", "poll_after_ms"},
        "HeldOrder": {"order_id", "status", "total", "currency", "expires_at"},
        "StartedPayment": {"payment_id", "status", "amount", "redirect_url"},
        "Snapshot": {"server_now", "event", "funnel", "skus", "money", "trust", "trouble", "feed"},
        "OrderFacts": {"order_id", "status", "version", "total", "items", "payments"},
    }
    for name, expected in fields.items():
        schema = openapi["components"]["schemas"][name]
        assert expected <= set(schema["required"]), name
