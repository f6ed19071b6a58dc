"""A sale that is paid over Stripe, as its buyers and its organiser see it: by HTTP, with every process at work."""

import json
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import stripe

from tests.stack.admin.people import new_address, new_admin, sign_in, token_of
from tests.stack.payments.stripe_double import Json, Stripe
from tests.world.apart import apart
from tests.world.buyers import Sale, assert_sound, come_in, make_event, order, refused, until_status
from tests.world.processes import processes
from tests.world.stack import Stack
from tests.world.waiting import until

SECRET = "whsec_web"  # noqa: S105
WORKERS = ("admission", "expiry", "ledger", "reconcile", "refunds", "relay", "sales")


@dataclass(frozen=True)
class Shop:
    """A system of its own, whose sales are paid over Stripe's double."""

    env: dict[str, str]
    stripe: Stripe
    closing: ExitStack

    def client(self, **headers: str) -> httpx.Client:
        transport = httpx.HTTPTransport(local_address=new_address())
        return self.closing.enter_context(
            httpx.Client(
                base_url=f"{self.env['PUBLIC_URL']}/api/v1", headers=headers, timeout=20, transport=transport
            )
        )

    def organiser(self) -> httpx.Client:
        admin, client = new_admin(self.env), self.client()
        client.base_url = self.env["PUBLIC_URL"]
        token = token_of(sign_in(client, admin.name, admin.password))
        return self.client(Authorization=f"Bearer {token}")

    def buyer(self, sale: Sale) -> tuple[httpx.Client, str]:
        """Somebody with an order that waits for its payment."""
        client = self.client()
        come_in(client, sale)
        order_id = str(order(client, sale).json()["order_id"])
        until_status(client, order_id, "PENDING")
        return client, order_id

    def pays(self, client: httpx.Client, order_id: str, amount: int | None = None) -> Json:
        """On Stripe's page; the event that Stripe is going to send."""
        started = client.post(f"/orders/{order_id}/payments")
        assert started.status_code == httpx.codes.CREATED, started.text
        return self.stripe.pay(started.json()["redirect_url"].rpartition("/")[2], amount)

    def report(self, event: Json, secret: str = SECRET) -> httpx.Response:
        body = json.dumps(event)
        signature = stripe.WebhookSignature.generate_signature_header(body, secret)
        return self.client().post(
            "/payments/callbacks/stripe", content=body, headers={"stripe-signature": signature}
        )


@pytest.fixture(scope="module")
def shop(stack: Stack) -> Iterator[Shop]:
    with ExitStack() as closing:
        double = Stripe()
        closing.callback(double.stop)
        settings = {
            "SANDBOX_URL": stack.env["SANDBOX_URL"],  # there too, so that each charge has to find its own
            "STRIPE_API_URL": double.url,
            "STRIPE_API_KEY": "sk_test_web",
            "STRIPE_WEBHOOK_SECRET": SECRET,
        }
        env = closing.enter_context(apart(stack, **settings))
        closing.enter_context(processes(env, "app.main", *(f"workers.{name}" for name in WORKERS)))
        yield Shop(env, double, closing)


@pytest.fixture(scope="module")
def organiser(shop: Shop) -> httpx.Client:
    return shop.organiser()


@contextmanager
def a_sale(shop: Shop, *skus: str, **options: Any) -> Iterator[Sale]:
    sale = make_event(shop.env, *skus, provider="stripe", **options)
    yield sale
    assert_sound(shop.env, sale)


def money_back(client: httpx.Client, order_id: str) -> list[int]:
    payments = client.get(f"/orders/{order_id}").json()["payments"]
    return [payment["amount"] for payment in payments if payment["status"] == "REFUNDED"]


def test_a_ticket_is_bought_and_a_part_of_it_given_back(shop: Shop, organiser: httpx.Client) -> None:
    with a_sale(shop) as sale:
        client, order_id = shop.buyer(sale)
        event = shop.pays(client, order_id)
        refused(shop.report(event, "whsec_somebody_elses"), 401, "bad_signature")
        for _ in range(3):
            assert shop.report(event).is_success
        until_status(client, order_id, "CONFIRMED")
        asked = organiser.post(
            f"/admin/orders/{order_id}/refunds",
            json={"amount": 500, "reason": "kept waiting"},
            headers={"Idempotency-Key": uuid.uuid4().hex},
        )
        assert asked.is_success, asked.text
        until_status(client, order_id, "PARTIALLY_REFUNDED")
        until(lambda: money_back(client, order_id) == [500], what="the money to be back")


def test_a_wrong_amount_is_looked_at_and_goes_back(shop: Shop, organiser: httpx.Client) -> None:
    with a_sale(shop) as sale:
        client, order_id = shop.buyer(sale)
        assert shop.report(shop.pays(client, order_id, amount=4_600)).is_success
        until_status(client, order_id, "REVIEW")
        asked = organiser.post(
            f"/admin/orders/{order_id}/refunds", json={}, headers={"Idempotency-Key": uuid.uuid4().hex}
        )
        assert asked.is_success, asked.text
        until_status(client, order_id, "REFUNDED")
        until(lambda: money_back(client, order_id) == [4_600], what="the money to be back")


def test_late_money_goes_back_when_somebody_else_has_the_ticket(shop: Shop) -> None:
    with a_sale(shop, "Floor:4500:1") as sale:
        late, order_id = shop.buyer(sale)
        event = shop.pays(late, order_id)
        assert late.delete(f"/orders/{order_id}").status_code == httpx.codes.ACCEPTED
        until_status(late, order_id, "CANCELED")
        other, bought = shop.buyer(sale)
        assert shop.report(shop.pays(other, bought)).is_success
        until_status(other, bought, "CONFIRMED")
        assert shop.report(event).is_success
        until(lambda: money_back(late, order_id) == [4_500], what="the money to be back")


@pytest.mark.slow
def test_a_payment_nobody_reported_is_found_in_stripes_list(shop: Shop) -> None:
    with a_sale(shop) as sale:
        client, order_id = shop.buyer(sale)
        shop.pays(client, order_id)
        until(
            lambda: client.get(f"/orders/{order_id}").json()["status"] == "CONFIRMED",
            seconds=40,
            what="the payment to be found",
        )


def test_a_deposit_and_the_rest_are_two_sessions(shop: Shop) -> None:
    with a_sale(shop, deposit_percent=20, rest_due_days=14) as sale:
        client, order_id = shop.buyer(sale)
        assert shop.report(shop.pays(client, order_id)).is_success
        until(lambda: client.get(f"/orders/{order_id}").json()["due"] == 3_600, what="the deposit")
        assert shop.report(shop.pays(client, order_id)).is_success
        until_status(client, order_id, "CONFIRMED")
        amounts = [charge["amount"] for charge in shop.stripe.charges.values()]
        assert amounts[-2:] == [900, 3_600]
