"""The running system answers nothing that its document does not promise, whatever it is asked."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from openapi_spec_validator import validate
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.ids import new_id
from app.main import DOCUMENTED
from app.web.documents import asyncapi, openapi
from tests.stack.admin.people import browser, new_admin, sign_in, token_of
from tests.world.buyers import api, come_in, make_event, order, until_status
from tests.world.commands import ticketcraze
from tests.world.stack import Stack

EXAMPLES = 12  # of each call
KEPT = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ASKED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)


calls = schemathesis.openapi.from_dict(json.loads(msgspec.json.encode(openapi(DOCUMENTED))))


@pytest.fixture(scope="module")
def buyer(stack: Stack) -> Iterator[dict[str, str]]:
    """A buyer with a pass and an order: the token, and what to put into addresses."""
    sale = make_event(stack.env, "Floor:4500:100000", max_per_buyer=1_000)
    with api(stack) as client:
        token = come_in(client, sale)
        order_id = order(client, sale).json()["order_id"]
        until_status(client, order_id, "PENDING")
        yield {
            "token": token,
            "slug": sale.slug,
            "order_id": order_id,
            "ticket_id": "0a" * 16,
            "ticket_code": "A1.AAAA",
            "request_id": new_id(),
            "webhook_id": "999999999",
            "message_id": new_id(),
            "export": "orders.csv",
            "buyer_id": "0a" * 16,
            "provider": "sandbox",
            "code": "limit",
            "name": "nobody",
            "invitation_id": "999999999",
            "key_id": "999999999",
            "sku_id": str(sale.skus[0].id),
        }


@calls.parametrize()
@ASKED
def test_strangers_are_answered_as_promised(case: Any, stack: Stack) -> None:
    case.call_and_validate(base_url=stack.web, checks=KEPT, timeout=10)


@calls.parametrize()
@ASKED
def test_a_buyer_is_answered_as_promised(case: Any, stack: Stack, buyer: dict[str, str]) -> None:
    """The same with a token, addresses that exist, and often enough an order that can be."""
    for name in case.path_parameters or {}:
        case.path_parameters[name] = buyer[name]
    if isinstance(case.body, dict) and isinstance(case.body.get("items"), list):
        for line in case.body["items"]:
            if isinstance(line, dict):
                line["sku_id"] = int(buyer["sku_id"])
    headers = {"Authorization": f"Bearer {buyer['token']}", "Idempotency-Key": uuid.uuid4().hex}
    case.call_and_validate(base_url=stack.web, checks=KEPT, timeout=10, headers=headers)


@pytest.fixture
def organised(stack: Stack) -> Iterator[dict[str, str]]:
    """An organiser of everything, and a sale with an order; both are new, for a call may end them."""
    admin, sale = new_admin(stack.env), make_event(stack.env, "Floor:4500:100")
    with browser(stack) as client, api(stack) as buyer:
        come_in(buyer, sale)
        order_id = order(buyer, sale).json()["order_id"]
        token = token_of(sign_in(client, admin.name, admin.password))
        yield {"token": token, "slug": sale.slug, "order_id": order_id, "sku_id": str(sale.skus[0].id)}
    ticketcraze(stack.env, "event", "close", sale.slug)
    ticketcraze(stack.env, "admin", "remove", admin.name)


@pytest.mark.slow
@calls.include(path_regex="^/api/v1/admin/").exclude(path_regex="/rehearsals$").parametrize()
@ASKED
def test_an_organiser_is_answered_as_promised(
    case: Any, stack: Stack, buyer: dict[str, str], organised: dict[str, str]
) -> None:
    known = buyer | organised
    for name in case.path_parameters or {}:
        case.path_parameters[name] = known[name]
    headers = {"Authorization": f"Bearer {known['token']}", "Idempotency-Key": uuid.uuid4().hex}
    case.call_and_validate(base_url=stack.web, checks=KEPT, timeout=10, headers=headers)


def test_the_documents_are_served(stack: Stack) -> None:
    for path, document in (("/openapi.json", openapi(DOCUMENTED)), ("/asyncapi.json", asyncapi())):
        answer = httpx.get(stack.web + path, trust_env=False)
        assert answer.headers["content-type"] == "application/json"
        assert answer.json() == json.loads(msgspec.json.encode(document))


def test_the_document_is_openapi() -> None:
    document = json.loads(msgspec.json.encode(openapi(DOCUMENTED)))
    validate(document)
    assert document["openapi"].startswith("3.1")
