"""Only the provider can tell us of a payment, and only what can be."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from app.ids import new_order_id
from app.payments.provider import BadNotice, BadSignature, PaymentNotice, fact_of
from app.payments.sandbox import SandboxProvider
from app.units import MAX_MINOR
from tests.world.nowhere import settings_for

SETTINGS = settings_for(Path("unused"))
ORDER_ID = new_order_id(7)
PAYMENT = {
    "order_id": ORDER_ID,
    "payment_id": "the-payment",
    "transaction_id": "tx_1",
    "amount_minor": 4_500,
    "currency": "USD",
    "occurred_at_ms": 1_800_000_000_000,
}
BODY = json.dumps({"type": "payment.succeeded", "data": PAYMENT}).encode()


def verified(headers: dict[str, str], body: bytes) -> PaymentNotice:
    return SandboxProvider(SETTINGS).verify_callback(headers, body)


def signed(
    body: bytes, age_seconds: int = 0, secret: str = SETTINGS.sandbox_webhook_secrets[0], notice_id: str = "msg_1"
) -> dict[str, str]:
    stamp = datetime.now(UTC) - timedelta(seconds=age_seconds)
    return {
        "webhook-id": notice_id,
        "webhook-timestamp": str(int(stamp.timestamp())),
        "webhook-signature": Webhook(secret).sign(notice_id, stamp, body.decode()),
    }


def test_a_signed_callback_is_a_notice() -> None:
    assert verified(signed(BODY), BODY) == PaymentNotice(
        notice_id="msg_1",
        outcome="succeeded",
        provider="sandbox",
        order_id=ORDER_ID,
        payment_id="the-payment",
        transaction_id="tx_1",
        amount_minor=4_500,
        currency="USD",
        occurred_at_ms=1_800_000_000_000,
    )


def test_header_names_are_read_in_any_case() -> None:
    headers = {name.title(): value for name, value in signed(BODY).items()}
    assert verified(headers, BODY).notice_id == "msg_1"


def test_while_the_secret_is_changed_the_old_and_the_new_one_are_good() -> None:
    old, new = ("whsec_" + base64.b64encode(letter * 32).decode() for letter in (b"o", b"n"))
    provider = SandboxProvider(replace(SETTINGS, sandbox_webhook_secrets=(new, old)))
    for secret in (old, new):
        assert provider.verify_callback(signed(BODY, secret=secret), BODY).notice_id == "msg_1"
    with pytest.raises(BadSignature):
        provider.verify_callback(signed(BODY), BODY)


def test_a_process_without_the_secret_believes_no_callback() -> None:
    provider = SandboxProvider(replace(SETTINGS, sandbox_webhook_secrets=()))
    with pytest.raises(BadSignature):
        provider.verify_callback(signed(BODY), BODY)


def test_a_stamp_is_good_for_300_seconds() -> None:
    assert verified(signed(BODY, age_seconds=295), BODY)
    with pytest.raises(BadSignature):
        verified(signed(BODY, age_seconds=302), BODY)
    with pytest.raises(BadSignature):
        verified(signed(BODY, age_seconds=-302), BODY)


def test_a_forged_signature_is_refused() -> None:
    forged = signed(BODY, secret="whsec_" + base64.b64encode(b"f" * 32).decode())
    with pytest.raises(BadSignature):
        verified(forged, BODY)


def test_without_the_check_of_the_signature_a_forged_one_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of the test before."""
    monkeypatch.setattr(Webhook, "verify", lambda *args, **options: None)
    with pytest.raises(pytest.fail.Exception):
        test_a_forged_signature_is_refused()


def test_an_altered_body_id_or_stamp_is_refused() -> None:
    headers = signed(BODY)
    with pytest.raises(BadSignature):
        verified(headers, BODY.replace(b"4500", b"4501"))
    with pytest.raises(BadSignature):
        verified({**headers, "webhook-id": "msg_2"}, BODY)
    with pytest.raises(BadSignature):
        verified({**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}, BODY)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_refused(missing: str) -> None:
    with pytest.raises(BadSignature):
        verified({name: value for name, value in signed(BODY).items() if name != missing}, BODY)


@pytest.mark.parametrize(
    "broken",
    [
        {"webhook-signature": "v1,a"},  # not base64
        {"webhook-signature": "v1,ünïcode"},
        {"webhook-signature": "no comma"},
        {"webhook-signature": "v1,a,b"},
        {"webhook-signature": "v2," + base64.b64encode(b"s" * 32).decode()},
        {"webhook-timestamp": "yesterday"},
        {"webhook-timestamp": "nan"},
        {"webhook-timestamp": "1e400"},
        {"webhook-timestamp": "-1"},
    ],
)
def test_malformed_headers_are_refused(broken: dict[str, str]) -> None:
    with pytest.raises(BadSignature):
        verified({**signed(BODY), **broken}, BODY)


def test_a_body_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(BadSignature):
        verified(signed(BODY), BODY + b"\xff")


@settings(deadline=None)
@given(headers=st.dictionaries(st.sampled_from(list(signed(BODY))), st.text()), body=st.binary())
def test_nothing_unsigned_gets_through(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(BadSignature):
        verified(headers, body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"[]",
        b'{"type": "payment.succeeded"}',
        b'{"more": ' + b"[" * 60_000,
        json.dumps({"type": "payment.sneezed", "data": PAYMENT}).encode(),
        *(
            json.dumps({"type": "payment.succeeded", "data": {**PAYMENT, **changed}}).encode()
            for changed in (
                {"order_id": "7"},
                {"order_id": ORDER_ID.upper()},
                {"order_id": 7},
                {"payment_id": ""},
                {"payment_id": "p" * 129},
                {"transaction_id": ""},
                {"transaction_id": "t" * 129},
                {"transaction_id": "tränsaction"},
                {"transaction_id": "tx 1"},
                {"amount_minor": 0},
                {"amount_minor": -1},
                {"amount_minor": MAX_MINOR + 1},
                {"amount_minor": 10**30},
                {"amount_minor": 45.5},
                {"amount_minor": "4500"},
                {"amount_minor": True},
                {"currency": "usd"},
                {"currency": "USDX"},
                {"currency": "US\n"},
                {"occurred_at_ms": -1},
                {"occurred_at_ms": 10**18},
                {"reason": "r" * 201},
            )
        ),
    ],
)
def test_a_signed_callback_that_cannot_be_is_a_bad_notice(body: bytes) -> None:
    with pytest.raises(BadNotice):
        verified(signed(body), body)


def test_a_notice_id_is_bounded() -> None:
    with pytest.raises(BadNotice):
        verified(signed(BODY, notice_id="m" * 129), BODY)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8")),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=5), values, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(changes=st.dictionaries(st.sampled_from([*PAYMENT, "reason"]), JSON_VALUES, min_size=1))
def test_whatever_is_signed_is_a_fact_or_a_bad_notice(changes: dict[str, Any]) -> None:
    body = json.dumps({"type": "payment.failed", "data": {**PAYMENT, **changes}}).encode()
    try:
        notice = verified(signed(body), body)
    except BadNotice:
        return
    assert fact_of(notice).order_id == ORDER_ID


def test_a_transaction_is_one_fact_whatever_the_notice() -> None:
    first = verified(signed(BODY), BODY)
    again = verified(signed(BODY, notice_id="msg_2"), BODY)
    assert fact_of(first).fact_id == fact_of(again).fact_id
    other = BODY.replace(b"tx_1", b"tx_2")
    assert fact_of(verified(signed(other), other)).fact_id != fact_of(first).fact_id


def test_each_failed_try_is_a_fact_of_its_own() -> None:
    failed = BODY.replace(b"payment.succeeded", b"payment.failed").replace(b"tx_1", b"")
    first, same, other = (
        verified(signed(failed, notice_id=notice_id), failed) for notice_id in ("msg_1", "msg_1", "msg_2")
    )
    assert fact_of(first) == fact_of(same)
    assert fact_of(first).fact_id != fact_of(other).fact_id
