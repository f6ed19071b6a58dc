"""The way of a ticket, end to end, as a client of the API sees it. Each test ends with `ticketcraze verify`."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime

import httpx
import msgspec
import pytest
from standardwebhooks import Webhook

from app.payments.provider import PaymentNotice
from app.payments.sandbox import SandboxProvider
from app.payments.sandbox_messages import Callback, Payment
from app.settings import Settings
from app.units import now_ms
from tests.world.buyers import OpenSale, Sale, assert_sound, join, make_event, next_frame, order, pay, until_status
from tests.world.commands import ticketcraze
from tests.world.stack import Stack
from tests.world.waiting import until

Opening = Callable[..., OpenSale]


@pytest.fixture
def open_sale(stack: Stack) -> Iterator[Opening]:
    """Opens a sale for the test; afterwards everything comes to rest, and all checks must hold."""
    opened: list[Sale] = []
    with ExitStack() as closing:

        def make(*skus: str, **options: int) -> OpenSale:
            sale = make_event(stack.env, *skus, **options)
            opened.append(sale)
            return OpenSale(stack, sale, closing)

        yield make
    for sale in opened:
        assert_sound(stack.env, sale)


def test_a_buyer_waits_comes_in_orders_pays_and_has_the_ticket(open_sale: Opening) -> None:
    world = open_sale("Floor:4500:20", opens_in=600)
    buyer = world.buyer(let_in=False)
    socket = world.socket(buyer.token)
    assert next_frame(socket, type="place")["status"] == "lobby"
    assert next_frame(socket, type="stock")["sale"] == "scheduled"
    ticketcraze(world.stack.env, "event", "open", world.sale.slug)
    admitted = next_frame(socket, type="place", status="admitted")
    assert admitted["number"] == 1
    assert admitted["expires_at"]
    held = order(buyer.client, world.sale, 2).json()
    assert (held["status"], held["total"], held["currency"]) == ("HELD", 9000, "USD")
    assert next_frame(socket, type="order", status="PENDING")["order_id"] == held["order_id"]
    payment_id = pay(buyer.client, held["order_id"])
    assert next_frame(socket, type="order", status="CONFIRMED")["total"] == 9000
    bought = buyer.client.get(f"/orders/{held['order_id']}").json()
    assert [(p["payment_id"], p["status"], p["amount"]) for p in bought["payments"]] == [
        (payment_id, "COMPLETED", 9000)
    ]
    assert world.available() == 18


def test_a_declined_payment_keeps_the_hold_and_can_be_tried_again(open_sale: Opening) -> None:
    buyer = open_sale().buyer()
    order_id = buyer.order()
    declined = pay(buyer.client, order_id, "decline")
    until(lambda: [p["status"] for p in buyer.client.get(f"/orders/{order_id}").json()["payments"]] == ["FAILED"])
    assert buyer.client.get(f"/orders/{order_id}").json()["status"] == "PENDING"
    assert pay(buyer.client, order_id) != declined
    until_status(buyer.client, order_id, "CONFIRMED")


def test_two_clicks_on_pay_are_one_payment(open_sale: Opening) -> None:
    buyer = open_sale().buyer()
    order_id = buyer.order()
    first, second = (buyer.client.post(f"/orders/{order_id}/payments").json() for _ in range(2))
    assert first == second


def test_a_canceled_order_gives_its_tickets_back_at_once(open_sale: Opening) -> None:
    world = open_sale("Floor:4500:5")
    buyer = world.buyer()
    placed = order(buyer.client, world.sale, 3).json()  # not even in the books yet
    assert buyer.client.delete(f"/orders/{placed['order_id']}").status_code == httpx.codes.ACCEPTED
    until_status(buyer.client, placed["order_id"], "CANCELED")
    until(lambda: world.available() == 5)
    assert buyer.client.post(f"/orders/{placed['order_id']}/payments").json()["code"] == "not_payable"


def test_a_hold_that_lapses_lets_the_next_one_in(open_sale: Opening) -> None:
    world = open_sale("Floor:4500:1", hold_ttl=2)
    first = world.buyer()
    order_id = first.order()
    second = world.buyer(let_in=False)
    socket = world.socket(second.token)
    assert next_frame(socket, type="place")["status"] == "waiting"
    assert until_status(first.client, order_id, "EXPIRED")["payments"] == []
    next_frame(socket, type="place", status="admitted")
    bought = second.order()
    pay(second.client, bought)
    until_status(second.client, bought, "CONFIRMED")
    next_frame(socket, type="stock", sale="sold_out")


def test_late_money_gets_the_tickets_while_they_are_there(open_sale: Opening) -> None:
    buyer = open_sale("Floor:4500:2", hold_ttl=2).buyer()
    order_id = buyer.order(2)
    pay(buyer.client, order_id, "late")
    until_status(buyer.client, order_id, "EXPIRED")
    until_status(buyer.client, order_id, "CONFIRMED")


def test_late_money_goes_back_when_the_tickets_are_gone(open_sale: Opening) -> None:
    world = open_sale("Floor:4500:1", hold_ttl=3)
    late, quick = world.buyer(), world.buyer(let_in=False)
    order_id = late.order()
    pay(late.client, order_id, "late")
    until_status(late.client, order_id, "EXPIRED")
    until(lambda: quick.place()["status"] == "admitted")
    bought = quick.order()
    pay(quick.client, bought)
    until_status(quick.client, bought, "CONFIRMED")

    def refunded() -> bool:
        payments = late.client.get(f"/orders/{order_id}").json()["payments"]
        return [(p["kind"], p["status"]) for p in payments] == [("CHARGE", "COMPLETED"), ("REFUND", "REFUNDED")]

    until(refunded)
    assert late.client.get(f"/orders/{order_id}").json()["status"] == "EXPIRED"


def test_who_pays_twice_gets_the_second_payment_back(open_sale: Opening) -> None:
    buyer = open_sale().buyer()
    order_id = buyer.order()
    pay(buyer.client, order_id, "twice")

    def money() -> list[tuple[str, str]]:
        payments = buyer.client.get(f"/orders/{order_id}").json()["payments"]
        return sorted((p["kind"], p["status"]) for p in payments)

    until(lambda: money() == [("CHARGE", "COMPLETED"), ("CHARGE", "COMPLETED"), ("REFUND", "REFUNDED")])
    assert buyer.client.get(f"/orders/{order_id}").json()["status"] == "CONFIRMED"


def test_a_wrong_amount_is_looked_at_by_somebody_and_keeps_its_tickets(open_sale: Opening) -> None:
    world = open_sale("Floor:4500:2")
    buyer = world.buyer()
    order_id = buyer.order(2)
    held_until = buyer.client.get(f"/orders/{order_id}").json()["expires_at"]
    pay(buyer.client, order_id, "wrong_amount")
    order = until_status(buyer.client, order_id, "REVIEW")
    assert order["expires_at"] > held_until
    assert world.available() == 0


def test_a_charge_whose_callback_was_lost_is_found(open_sale: Opening) -> None:
    buyer = open_sale().buyer()
    order_id = buyer.order()
    pay(buyer.client, order_id, "lost")
    until(lambda: buyer.client.get(f"/orders/{order_id}").json()["status"] == "CONFIRMED", 30)


def test_fifty_callbacks_at_once_are_one_payment(open_sale: Opening, stack: Stack) -> None:
    buyer = open_sale().buyer()
    order_id = buyer.order()
    pay(buyer.client, order_id, "lost")  # the provider took the money: what it would say is said here
    settings = Settings.from_environment(stack.env)

    async def charged() -> PaymentNotice:
        async with SandboxProvider(settings) as sandbox:
            listed = await sandbox.list_transactions(now_ms() - 60_000)
        return next(notice for notice in listed.notices if notice.order_id == order_id)

    charge = asyncio.run(charged())
    said = Payment(
        order_id=order_id,
        payment_id=charge.payment_id,
        amount_minor=charge.amount_minor,
        currency=charge.currency,
        occurred_at_ms=charge.occurred_at_ms,
        transaction_id=charge.transaction_id,
    )
    body = msgspec.json.encode(Callback("payment.succeeded", said)).decode()

    def call_back(number: int) -> int:
        at = datetime.now(UTC)
        signature = Webhook(settings.sandbox_webhook_secrets[0]).sign(f"msg_{number}", at, body)
        headers = {
            "webhook-id": f"msg_{number}",
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": signature,
        }
        url = f"{stack.web}/api/v1/payments/callbacks/sandbox"
        return httpx.post(url, content=body, headers=headers, timeout=30, trust_env=False).status_code

    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(call_back, range(50))) == {httpx.codes.OK}
    bought = until_status(buyer.client, order_id, "CONFIRMED")
    assert [(p["kind"], p["status"]) for p in bought["payments"]] == [("CHARGE", "COMPLETED")]


def test_joining_again_keeps_the_place_and_leaving_gives_it_up(open_sale: Opening) -> None:
    world = open_sale("Floor:4500:5", rate=1, room=1)
    inside, first, second = world.buyer(), world.buyer(let_in=False), world.buyer(let_in=False)
    number = first.place()["number"]
    assert (first.place()["position"], second.place()["position"]) == (0, 1)
    join(first.client, world.sale)
    assert (first.place()["number"], first.place()["position"]) == (number, 0)
    assert first.client.delete(f"/events/{world.sale.slug}/queue").status_code == httpx.codes.NO_CONTENT
    assert first.place()["code"] == "not_joined"
    assert second.place()["position"] == 0
    join(first.client, world.sale)
    assert first.place()["number"] > second.place()["number"]
    assert inside.place()["status"] == "admitted"


def test_a_paused_sale_keeps_places_and_holds(open_sale: Opening) -> None:
    world = open_sale("Floor:4500:5")
    buyer = world.buyer()
    order_id = buyer.order()
    ticketcraze(world.stack.env, "event", "pause", world.sale.slug)
    assert order(buyer.client, world.sale).json()["code"] == "paused"
    waiting = world.buyer(let_in=False)
    pay(buyer.client, order_id)
    until_status(buyer.client, order_id, "CONFIRMED")
    assert waiting.place()["status"] == "waiting"
    ticketcraze(world.stack.env, "event", "open", world.sale.slug)
    until(lambda: waiting.place()["status"] == "admitted")


def test_nobody_gets_more_than_the_limit(open_sale: Opening) -> None:
    world = open_sale("Floor:4500:20", max_per_buyer=3)
    buyer = world.buyer()
    order_id = buyer.order(2)
    refused = order(buyer.client, world.sale, 2)
    assert (refused.status_code, refused.json()["code"]) == (httpx.codes.CONFLICT, "limit")
    pay(buyer.client, order_id)
    until_status(buyer.client, order_id, "CONFIRMED")
    assert order(buyer.client, world.sale, 2).json()["code"] == "limit"
    assert order(buyer.client, world.sale, 1).status_code == httpx.codes.ACCEPTED
