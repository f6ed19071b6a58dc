"""Callbacks that are not the provider's, or say nonsense: each kind has its stable code, and changes no stock."""

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from app.ids import new_order_id
from app.units import now_ms
from tests.world.buyers import refused
from tests.world.shopper import CALLBACKS, World
from tests.world.stack import Stack


@dataclass(frozen=True)
class Report:
    """A callback: what it says and how it is signed."""

    body: bytes
    headers: dict[str, str]


class Provider:
    """Signs callbacks as the sandbox does."""

    def __init__(self, stack: Stack) -> None:
        self._secret = stack.env["SANDBOX_WEBHOOK_SECRET"]

    def report(
        self, body: bytes, *, stamp: datetime | None = None, secret: str = "", notice_id: str = "msg_1"
    ) -> Report:
        at = stamp or datetime.now(UTC)
        signature = Webhook(secret or self._secret).sign(notice_id, at, body.decode(errors="replace"))
        return Report(
            body,
            {
                "webhook-id": notice_id,
                "webhook-timestamp": str(int(at.timestamp())),
                "webhook-signature": signature,
            },
        )


def payment(order: str, **changes: Any) -> bytes:
    data = {
        "order_id": order,
        "payment_id": "p1",
        "amount_minor": 4_500,
        "currency": "USD",
        "occurred_at_ms": now_ms(),
        "transaction_id": f"tx_{secrets.token_hex(8)}",
    }
    return json.dumps({"type": "payment.succeeded", "data": {**data, **changes}}).encode()


@pytest.fixture
def provider(world: World) -> Provider:
    return Provider(world.stack)


def call_back(world: World, report: Report, path: str = CALLBACKS, **headers: str) -> httpx.Response:
    sent: Any = {name: value.encode("latin-1") for name, value in {**report.headers, **headers}.items()}
    return world.waiting.post(path, content=report.body, headers=sent)


def test_a_callback_that_is_not_signed_as_it_should_be(world: World, provider: Provider) -> None:
    body = payment(world.order_id)
    good = provider.report(body)
    other = provider.report(body, secret="whsec_" + "AAAA" * 8)
    for report in (
        Report(body, {}),
        other,
        Report(payment(world.order_id), good.headers),
        Report(body + b" ", good.headers),
        Report(b"\xff\xfe", good.headers),
        Report(b"", good.headers),
    ):
        refused(call_back(world, report), 401, "bad_signature")
    for name in good.headers:
        refused(
            call_back(world, Report(body, {k: v for k, v in good.headers.items() if k != name})),
            401,
            "bad_signature",
        )


@pytest.mark.parametrize(
    "signature",
    ["", "v1", "v1,", "v1,!!!!", "v2,AAAA", ",", "v1,é", "v1,AAAA v1,BBBB", "x" * 5_000],
    ids=repr,
)
def test_a_signature_that_is_none(world: World, provider: Provider, signature: str) -> None:
    report = provider.report(payment(world.order_id))
    answer = call_back(world, report, **{"webhook-signature": signature})
    refused(answer, 401, "bad_signature")


@pytest.mark.parametrize("seconds", [-301, -86_400, 301, 86_400])
def test_a_callback_with_an_old_or_a_future_stamp(world: World, provider: Provider, seconds: int) -> None:
    stamp = datetime.now(UTC) + timedelta(seconds=seconds)
    refused(call_back(world, provider.report(payment(world.order_id), stamp=stamp)), 401, "bad_signature")


@pytest.mark.parametrize("stamp", ["", "now", "nan", "inf", "-1", "1e400", "9" * 400, "1.5"])
def test_a_stamp_that_is_none(world: World, provider: Provider, stamp: str) -> None:
    report = provider.report(payment(world.order_id))
    refused(call_back(world, report, **{"webhook-timestamp": stamp}), 401, "bad_signature")


@pytest.mark.parametrize(
    "changes",
    [
        {"order_id": "1"},
        {"order_id": None},
        {"order_id": 7},
        {"payment_id": ""},
        {"payment_id": "p" * 129},
        {"payment_id": "p\n"},
        {"transaction_id": ""},
        {"transaction_id": "é"},
        {"amount_minor": 0},
        {"amount_minor": -4_500},
        {"amount_minor": 45.0},
        {"amount_minor": "4500"},
        {"amount_minor": 10**12},
        {"currency": "usd"},
        {"currency": "DOLLAR"},
        {"occurred_at_ms": -1},
        {"occurred_at_ms": 10**18},
    ],
    ids=str,
)
def test_a_signed_callback_that_says_nonsense(world: World, provider: Provider, changes: dict[str, Any]) -> None:
    refused(call_back(world, provider.report(payment(world.order_id, **changes))), 422, "invalid")


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"{}", b"[]", b"{", b'{"type":"payment.eaten","data":{}}', b'{"more":' + b"[" * 50_000],
    ids=lambda body: repr(body[:24]),
)
def test_a_signed_callback_that_is_no_notice(world: World, provider: Provider, body: bytes) -> None:
    refused(call_back(world, provider.report(body)), 422, "invalid")


def test_a_callback_for_another_provider(world: World, provider: Provider) -> None:
    report = provider.report(payment(world.order_id))
    for name in ("stripe", "SANDBOX", "sandbox%00", "%C3%A9"):
        refused(call_back(world, report, f"/payments/callbacks/{name}"), 404, "not_found")


def test_a_callback_for_an_unknown_order_is_taken_and_changes_no_stock(world: World, provider: Provider) -> None:
    """The money is real, so it is kept; tests of the ledger show what becomes of it."""
    report = provider.report(payment(new_order_id(world.sale.id)), notice_id=f"msg_{secrets.token_hex(8)}")
    answer = call_back(world, report)
    assert (answer.status_code, answer.json()) == (200, {"status": "accepted"})
