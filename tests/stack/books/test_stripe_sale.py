"""A sale over Stripe: its double answers over HTTP, the books and Kafka are real."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import stripe

from app.ids import derived_id, new_id
from app.infra.kafka import open_orders_log, open_producer
from app.orders import refund_requests
from app.orders.facts import PaymentStarted
from app.orders.refund_requests import Wanted
from app.payments.checkouts import close_checkouts, open_checkout
from app.payments.provider import Attempt, Checkout, fact_of
from app.payments.providers import Providers, open_providers
from app.units import now_ms
from tests.stack.payments.stripe_double import Json, Stripe
from tests.world.books import PRICE_MINOR, World, in_a_world, lapsed
from workers.reconcile import Charges
from workers.refunds import Refunds

SECRET = "whsec_test"  # noqa: S105


@pytest.fixture
def double() -> Iterator[Stripe]:
    double = Stripe()
    yield double
    double.stop()


@asynccontextmanager
async def providers_of(world: World, double: Stripe) -> AsyncIterator[Providers]:
    settings = replace(
        world.settings, stripe_api_url=double.url, stripe_api_key="sk_test_1", stripe_webhook_secrets=(SECRET,)
    )
    async with open_providers(settings) as providers:
        yield providers


async def checkout(world: World, providers: Providers, order_id: str) -> Checkout:
    order = await world.read(order_id)
    payment_id = derived_id("payment", order_id)
    attempt = Attempt(payment_id, order.total_minor, "https://t.example/o", "Order", order.expires_at_ms)
    return await open_checkout(world.database, providers.named("stripe"), order, attempt)


async def tell(world: World, providers: Providers, event: Json, times: int = 1) -> None:
    """What the callback endpoint does, and the ledger."""
    body = json.dumps(event)
    headers = {"stripe-signature": stripe.WebhookSignature.generate_signature_header(body, SECRET)}
    notice = providers.named("stripe").verify_callback(headers, body.encode())
    assert notice
    await world.write(*[fact_of(notice)] * times)


def started(order_id: str, payment_id: str) -> PaymentStarted:
    return PaymentStarted(
        fact_id=new_id(),
        order_id=order_id,
        occurred_at_ms=now_ms(),
        payment_id=payment_id,
        provider="stripe",
        amount_minor=PRICE_MINOR,
        currency="USD",
    )


async def carry_out(world: World, providers: Providers) -> None:
    """The refunds worker, until it has told what became of them."""
    async with open_producer(world.settings) as producer:
        refunds = Refunds(world.database, producer, providers)
        await refunds.tick()
        for task in list(refunds._under_way.values()):
            await task
        await refunds.stop()


def test_a_payment_buys_its_refund_goes_back_and_the_session_of_a_lapsed_hold_ends(
    own_topics: dict[str, str], double: Stripe
) -> None:
    async def story(world: World) -> None:
        async with providers_of(world, double) as providers:
            bought, given_up = await world.order(), await world.order()
            sessions = [await checkout(world, providers, order_id) for order_id in (bought, given_up)]
            assert await checkout(world, providers, bought) == sessions[0], "one attempt is open at a time"
            await tell(world, providers, double.pay(sessions[0].ref), times=3)
            assert (await world.read(bought)).status == "CONFIRMED"

            await close_checkouts(world.database, providers)
            assert double.sessions[sessions[1].ref]["status"] == "open"
            await world.write(lapsed(given_up))
            await close_checkouts(world.database, providers)
            assert double.sessions[sessions[1].ref]["status"] == "expired"
            asked = len(double.asked)
            await close_checkouts(world.database, providers)
            assert len(double.asked) == asked, "what is closed is not closed again"

            decided = await refund_requests.decide(world.database, bought, Wanted(), "ada", new_id())
            await world.write(decided.fact())
            await carry_out(world, providers)
            assert [(refund["amount"], refund["currency"]) for refund in double.refunds] == [(4_500, "usd")]
            async with open_orders_log(world.settings) as log:
                assert (await log.lag())[1] == 1, "that it is done is told once"

    in_a_world(own_topics, story)


def test_an_expired_session_is_a_failed_attempt(own_topics: dict[str, str], double: Stripe) -> None:
    async def story(world: World) -> None:
        async with providers_of(world, double) as providers:
            order_id = await world.order()
            session = await checkout(world, providers, order_id)
            payment_id = double.sessions[session.ref]["metadata"]["payment_id"]
            await world.write(started(order_id, payment_id))
            await tell(world, providers, double.event("checkout.session.expired", double.sessions[session.ref]))
            order = await world.read(order_id)
            assert (order.status, [p.status for p in order.payments]) == ("PENDING", ["FAILED"])

    in_a_world(own_topics, story)


def test_a_webhook_that_never_came_is_found_in_stripes_list(own_topics: dict[str, str], double: Stripe) -> None:
    async def story(world: World) -> None:
        async with providers_of(world, double) as providers, open_producer(world.settings) as producer:
            order_id = await world.order()
            double.pay((await checkout(world, providers, order_id)).ref)
            charges = Charges(world.database, producer, providers.named("stripe"))
            await charges.compare()
            for charge in charges._unbooked.values():
                charge.due_at = 0.0
                await world.write(fact_of(charge.notice))
            await charges.compare()
            assert charges.trouble() == ""
            assert (await world.read(order_id)).status == "CONFIRMED"

    in_a_world(own_topics, story)
