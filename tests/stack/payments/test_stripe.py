"""Stripe as a provider, by its own library, against a local server that answers in Stripe's shapes."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
import stripe
from msgspec import structs

from app.ids import new_id, new_order_id
from app.orders.lifecycle import Order
from app.payments.provider import (
    Attempt,
    BadNotice,
    BadSignature,
    ListedRefund,
    PaymentNotice,
    ProviderUnavailable,
    RefundRefused,
)
from app.payments.reconciliation import refunds_since
from app.payments.stripe import StripeProvider
from app.units import now_ms
from tests.stack.payments.stripe_double import Stripe
from tests.world.nowhere import settings_for

OLD, NEW = "whsec_old", "whsec_new"
Result = TypeVar("Result")


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stripe]:
    monkeypatch.setattr("app.payments.stripe.TIMEOUT_SECONDS", 1.0)
    monkeypatch.setattr("app.payments.stripe.RETRIES", 0)
    double = Stripe()
    yield double
    double.stop()


def ask(double: Stripe, call: Callable[[StripeProvider], Awaitable[Result]]) -> Result:
    async def asking() -> Result:
        async with provider_for(double.url) as provider:
            return await call(provider)

    return asyncio.run(asking())


def provider_for(url: str = "http://127.0.0.1:1") -> StripeProvider:
    settings = settings_for(Path("unused"))
    return StripeProvider(
        replace(settings, stripe_api_url=url, stripe_api_key="sk_test_1", stripe_webhook_secrets=(NEW, OLD))
    )


def an_order(total_minor: int = 4_500) -> tuple[Order, Attempt]:
    placed = now_ms()
    order = Order(
        new_order_id(7), "PENDING", total_minor=total_minor, currency="USD", placed_at_ms=placed,
        expires_at_ms=placed + 300_000,
    )  # fmt: skip
    address = f"https://tickets.example/orders/{order.id}"
    attempt = Attempt(new_id(), total_minor, address, "Order 1", order.expires_at_ms)
    return order, attempt


def signed(event: dict[str, Any], secret: str = NEW, at: float | None = None) -> tuple[dict[str, str], bytes]:
    """As the library itself signs what tests send."""
    body = json.dumps(event)
    header = stripe.WebhookSignature.generate_signature_header(
        body, secret, timestamp=int(time.time() if at is None else at)
    )
    return {"Stripe-Signature": header}, body.encode()


def paid(double: Stripe, amount: int | None = None) -> tuple[Order, dict[str, Any]]:
    order, attempt = an_order()
    checkout = ask(double, lambda provider: provider.create_checkout(order, attempt))
    return order, double.pay(checkout.ref, amount)


def notice_of(event: dict[str, Any]) -> PaymentNotice:
    notice = provider_for().verify_callback(*signed(event))
    assert notice
    return notice


def test_a_checkout_is_a_session_and_the_same_attempt_finds_it_again(double: Stripe) -> None:
    order, attempt = an_order()
    first = ask(double, lambda provider: provider.create_checkout(order, attempt))
    assert first.url == f"https://checkout.stripe.com/c/pay/{first.ref}"
    assert first.expires_at_ms > attempt.expires_at_ms + 1_800_000, "30 minutes are Stripe's least"
    later = structs.replace(attempt, expires_at_ms=attempt.expires_at_ms + 60_000)
    assert ask(double, lambda provider: provider.create_checkout(order, later)) == first
    assert len(double.sessions) == 1
    session = double.sessions[first.ref]
    assert (session["amount_total"], session["currency"]) == (4_500, "usd")
    assert session["metadata"] == {"order_id": order.id, "payment_id": attempt.payment_id}


def test_a_session_that_is_closed_takes_no_payment(double: Stripe) -> None:
    order, attempt = an_order()
    checkout = ask(double, lambda provider: provider.create_checkout(order, attempt))
    for _ in range(2):
        ask(double, lambda provider: provider.close_checkout(checkout.ref))
    assert double.sessions[checkout.ref]["status"] == "expired"


def test_a_payment_is_told_and_listed_as_the_same_charge(double: Stripe) -> None:
    order, event = paid(double)
    told = notice_of(event)
    page = ask(double, lambda provider: provider.list_transactions(now_ms() - 60_000))
    (listed,) = page.notices
    assert (told.order_id, told.amount_minor, told.currency, told.outcome) == (order.id, 4_500, "USD", "succeeded")
    assert (listed.transaction_id, listed.payment_id) == (told.transaction_id, told.payment_id)
    assert listed.fee_minor == 160


@pytest.mark.parametrize(("kind", "outcome"), [("expired", "failed"), ("async_payment_failed", "failed")])
def test_what_was_not_paid_is_told_as_failed(double: Stripe, kind: str, outcome: str) -> None:
    order, attempt = an_order()
    checkout = ask(double, lambda provider: provider.create_checkout(order, attempt))
    notice = notice_of(double.event(f"checkout.session.{kind}", double.sessions[checkout.ref]))
    assert (notice.outcome, notice.payment_id, notice.transaction_id) == (outcome, attempt.payment_id, "")


def test_what_is_paid_later_or_concerns_others_is_no_news(double: Stripe) -> None:
    _, event = paid(double)
    session = event["data"]["object"]
    for nothing in (
        {**event, "type": "payment_intent.created", "data": {"object": {"id": "pi_1"}}},
        {**event, "data": {"object": {**session, "payment_status": "unpaid"}}},
        {**event, "data": {"object": {**session, "metadata": {}}}},
    ):
        assert provider_for().verify_callback(*signed(nothing)) is None
    late = {**event, "type": "checkout.session.async_payment_succeeded"}
    assert notice_of(late).outcome == "succeeded"


@pytest.mark.parametrize(("seconds", "good"), [(299, True), (-299, True), (301, False), (-302, False)])
def test_a_stamp_is_good_for_300_seconds(double: Stripe, seconds: int, good: bool) -> None:
    _, event = paid(double)
    headers, body = signed(event, at=time.time() - seconds)
    if good:
        assert provider_for().verify_callback(headers, body)
    else:
        with pytest.raises(BadSignature):
            provider_for().verify_callback(headers, body)


def test_either_of_two_secrets_is_good_and_no_third(double: Stripe) -> None:
    _, event = paid(double)
    for secret in (OLD, NEW):
        assert provider_for().verify_callback(*signed(event, secret))
    headers, body = signed(event, "whsec_other")
    for bad in (headers, {}, {"stripe-signature": "t=1,v1=\u00e9"}, {"stripe-signature": f"t={int(time.time())}"}):
        with pytest.raises(BadSignature):
            provider_for().verify_callback(bad, body)
    headers, body = signed(event)
    with pytest.raises(BadSignature):
        provider_for().verify_callback(headers, body + b" ")


def test_a_signed_event_that_cannot_be_understood_is_a_bad_notice(double: Stripe) -> None:
    _, event = paid(double)
    session = event["data"]["object"]
    for odd in (
        {**event, "data": {}},
        {**event, "created": "yesterday"},
        {**event, "data": {"object": {**session, "amount_total": -1}}},
        {**event, "data": {"object": {**session, "payment_intent": None}}},
        {**event, "data": {"object": {**session, "metadata": {"order_id": "x", "payment_id": "y"}}}},
    ):
        with pytest.raises(BadNotice):
            provider_for().verify_callback(*signed(odd))


def test_a_refund_happens_once_for_its_key_and_never_exceeds_the_charge(double: Stripe) -> None:
    _, event = paid(double)
    charge = notice_of(event).transaction_id

    def refund(amount: int, key: str) -> str:
        return ask(double, lambda provider: provider.refund(charge, amount, "USD", key))

    first = refund(4_000, "a")
    assert refund(4_000, "a") == first
    with pytest.raises(RefundRefused, match="amount_too_large"):
        refund(501, "b")
    refund(500, "c")
    with pytest.raises(RefundRefused, match="charge_already_refunded"):
        refund(1, "d")
    with pytest.raises(RefundRefused, match="resource_missing"):
        ask(double, lambda provider: provider.refund("pi_unknown", 1, "USD", "e"))
    assert sum(one["amount"] for one in double.refunds) == 4_500


def test_charges_are_listed_page_by_page(double: Stripe) -> None:
    for number in range(230):
        metadata = {"order_id": new_order_id(7), "payment_id": new_id()}
        double.charge(f"pi_{number}", 100, "eur", metadata if number else {})

    async def pages(provider: StripeProvider) -> list[PaymentNotice]:
        page = await provider.list_transactions(now_ms() - 60_000)
        notices = [*page.notices]
        while page.after:
            page = await provider.list_transactions(now_ms() - 60_000, page.after)
            notices += page.notices
        return notices

    notices = ask(double, pages)
    assert len({notice.transaction_id for notice in notices}) == len(notices) == 229, "one is somebody else's"


def test_refunds_are_listed_page_by_page_and_those_that_failed_as_such(double: Stripe) -> None:
    double.charge("pi_1", 100_000, "eur", {})

    ask(double, lambda provider: provider.refund("pi_1", 100, "EUR", "key"))
    double.refunds += [{**double.refunds[0], "id": f"re_{number}"} for number in range(129)]
    double.refunds[3]["status"] = "failed"
    made = [refund["id"] for refund in double.refunds]

    async def pages(provider: StripeProvider) -> list[ListedRefund]:
        return [one async for refunds in refunds_since(provider, now_ms() - 60_000) for one in refunds]

    listed = ask(double, pages)
    assert [one.refund_id for one in reversed(listed)] == made
    assert [one.refund_id for one in listed if one.failed] == [made[3]]
    assert {(one.transaction_id, one.amount_minor, one.currency) for one in listed} == {("pi_1", 100, "EUR")}


@pytest.mark.parametrize("trouble", [500, 503, 429, 401, "half", "hang"])
def test_a_stripe_in_trouble_is_unavailable_and_the_same_call_succeeds_later(double: Stripe, trouble: Any) -> None:
    _, event = paid(double)
    charge = notice_of(event).transaction_id
    order, attempt = an_order()
    for call in (
        lambda provider: provider.create_checkout(order, attempt),
        lambda provider: provider.refund(charge, 100, "USD", "key"),
        lambda provider: provider.list_transactions(0),
        lambda provider: provider.list_refunds(0),
    ):
        double.trouble = [trouble]
        with pytest.raises(ProviderUnavailable):
            ask(double, call)
        double.trouble = []
        ask(double, call)
    assert [one["amount"] for one in double.refunds] == [100]


def test_a_stripe_that_is_down_is_unavailable() -> None:
    async def refund() -> None:
        async with provider_for() as provider:
            await provider.refund("pi_1", 1, "USD", "key")

    with pytest.raises(ProviderUnavailable):
        asyncio.run(refund())
