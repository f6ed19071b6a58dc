"""The sandbox's API: idempotent checkouts, pages of transactions, and a clear answer to bad input."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from app.ids import new_id, new_order_id
from app.payments.provider import ProviderUnavailable
from app.payments.sandbox_messages import Payment
from app.units import now_ms
from sandbox.outcomes import Played, made_at
from sandbox.store import Store
from tests.stack.payments.shop import Shop

KEY = {"authorization": "Bearer the-api-key"}


def checkout_request(shop: Shop, **changes: Any) -> dict[str, Any]:
    request = {
        "payment_id": new_id(),
        "order_id": new_order_id(7),
        "amount_minor": 4_500,
        "currency": "USD",
        "description": "one ticket",
        "return_url": f"{shop.sandbox.settings.public_url}/orders/1?from=there#top",
        "expires_at_ms": now_ms() + 60_000,
    }
    return {**request, **changes}


def test_a_payment_has_one_checkout_however_often_it_is_asked_for(shop: Shop) -> None:
    checkout = shop.checkout()
    assert shop.open(checkout.order, checkout.attempt) == checkout.url
    with pytest.raises(ProviderUnavailable, match="payment_id_reused"):
        shop.open(checkout.order, replace(checkout.attempt, amount_minor=1))


def test_nobody_can_work_out_where_an_order_is_paid(shop: Shop, own_shop: Shop) -> None:
    own_shop.sandbox.start()
    checkout = shop.checkout()
    elsewhere = replace(
        checkout.attempt, return_url=f"{own_shop.sandbox.settings.public_url}/orders/{checkout.order.id}"
    )
    address = own_shop.open(checkout.order, elsewhere).rpartition("/")[2]
    assert address != checkout.url.rpartition("/")[2], "it follows from the order and the payment"


def test_the_way_back_keeps_its_query_and_fragment(shop: Shop) -> None:
    url = shop.browser.post("/v1/checkouts", json=checkout_request(shop), headers=KEY).json()["url"]
    location = shop.browser.post(url, data={"outcome": "succeed"}).headers["location"]
    assert location.endswith("/orders/1?from=there&paid=1#top")


def test_transactions_come_in_pages_without_a_gap(own_shop: Shop) -> None:
    store = Store(own_shop.sandbox.settings.sandbox_data)
    start_ms = now_ms() - 10_000
    payment = Payment(new_order_id(7), new_id(), 100, "USD", start_ms)
    charges = [
        replace(payment, occurred_at_ms=start_ms + n // 3, transaction_id=made_at(start_ms + n // 3, name=str(n)))
        for n in range(1_203)
    ]
    stranger = replace(payment, order_id="not ours", transaction_id=made_at(start_ms, name="x"))
    store.play("none", Played("paid", [*charges, stranger]))
    store.close()

    own_shop.sandbox.start()

    listed = own_shop.all_listed(start_ms + 1)
    assert {notice.transaction_id for notice in listed} == {charge.transaction_id for charge in charges[3:]}
    assert len(listed) == 1_200
    everything = own_shop.all_listed(0)
    assert len(everything) == 1_203
    assert everything == sorted(everything, key=lambda notice: notice.occurred_at_ms)


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/checkouts"), ("POST", "/v1/refunds")])
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "not_json"),
        (b"hello", 400, "not_json"),
        (b"\xff\xfe", 400, "not_json"),
        (b'{"currency": "\xff"}', 400, "not_json"),
        (b'{"currency": "\\ud800"}', 400, "not_json"),
        (b'{"more": ' + b"[" * 60_000, 400, "not_json"),
        (b"[" * 60_000, 422, "invalid"),
        (b"[]", 422, "invalid"),
        (b"{}", 422, "invalid"),
        (b"null", 422, "invalid"),
        (b" " * 65_537, 413, "too_large"),
    ],
)
def test_a_bad_body_has_its_code(shop: Shop, method: str, path: str, body: bytes, status: int, code: str) -> None:
    answer = shop.browser.request(method, path, content=body, headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "changed",
    [
        {"payment_id": ""},
        {"payment_id": "p" * 65},
        {"payment_id": "pay ment"},
        {"payment_id": 7},
        {"order_id": "ördér"},
        {"amount_minor": 0},
        {"amount_minor": -1},
        {"amount_minor": 10**12},
        {"amount_minor": 10**40},
        {"amount_minor": 1.5},
        {"amount_minor": "4500"},
        {"currency": "usd"},
        {"currency": "USDX"},
        {"description": "d" * 201},
        {"description": None},
        {"return_url": "javascript:alert(1)"},
        {"return_url": "https://elsewhere.example/"},
        {"return_url": "/orders/1"},
        {"expires_at_ms": -1},
        {"expires_at_ms": 10**18},
        {"expires_at_ms": None},
    ],
)
def test_a_checkout_that_cannot_be_is_refused(shop: Shop, changed: dict[str, Any]) -> None:
    answer = shop.browser.post("/v1/checkouts", json=checkout_request(shop, **changed), headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


def test_without_the_api_key_nothing_is_answered(shop: Shop) -> None:
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "the-api-key"}):
        for asked in ("POST /v1/checkouts", "POST /v1/refunds", "GET /v1/refunds", "GET /v1/transactions"):
            method, path = asked.split()
            answer = shop.browser.request(method, path, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


@pytest.mark.parametrize("since", ["", "-1", "1.5", "yesterday", "٣", "9" * 15, "9" * 400])
def test_transactions_and_refunds_are_asked_for_by_a_time(shop: Shop, since: str) -> None:
    for path in ("/v1/transactions", "/v1/refunds"):
        answer = shop.browser.get(path, params={"since_ms": since}, headers=KEY)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"data": {"outcome": "explode"}}, 422, "unknown_outcome"),
        ({"data": {"outcome": ""}}, 422, "unknown_outcome"),
        ({"data": {}}, 422, "unknown_outcome"),
        ({"json": {"outcome": "explode"}}, 422, "unknown_outcome"),
        ({"json": {"outcome": 7}}, 422, "invalid"),
        ({"json": {}}, 422, "invalid"),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "not_json"),
        ({"content": b"\xff"}, 422, "invalid"),
        ({"content": b"a=1&" * 20}, 422, "invalid"),
        ({"content": b"x" * 65_537}, 413, "too_large"),
        ({"files": {"outcome": b"succeed"}}, 422, "unknown_outcome"),
    ],
)
def test_a_press_of_no_button_has_its_code(shop: Shop, sent: dict[str, Any], status: int, code: str) -> None:
    checkout = shop.checkout()
    answer = shop.browser.post(checkout.url, **sent)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert shop.listed(checkout) == []


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/checkout/none", 404, "unknown_checkout"),
        ("POST", "/checkout/none", 404, "unknown_checkout"),
        ("GET", "/checkout/%00%ff", 404, "unknown_checkout"),
        ("GET", "/elsewhere", 404, "not_found"),
        ("GET", "/static/../app/settings.py", 404, "not_found"),
        ("GET", "/static/%2e%2e/app/settings.py", 404, "not_found"),
        ("DELETE", "/checkout/none", 405, "method_not_allowed"),
        ("DELETE", "/v1/refunds", 405, "method_not_allowed"),
    ],
)
def test_what_is_not_there_has_its_code(shop: Shop, method: str, path: str, status: int, code: str) -> None:
    answer = shop.browser.request(method, path, data={"outcome": "succeed"} if method == "POST" else None)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=5), values, max_size=3),
    max_leaves=5,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.dictionaries(
        st.sampled_from(["payment_id", "order_id", "amount_minor", "currency", "description", "expires_at_ms"]),
        JSON_VALUES,
        min_size=1,
    )
)
def test_any_checkout_request_is_answered_without_an_error_of_the_sandbox(
    shop: Shop, changes: dict[str, Any]
) -> None:
    answer = shop.browser.post("/v1/checkouts", json=checkout_request(shop, **changes), headers=KEY)
    assert answer.status_code < 500
    if answer.status_code == 201:
        assert shop.browser.get(answer.json()["url"]).status_code == 200
