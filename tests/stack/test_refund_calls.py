"""Refunds, reviews and cancelling over the API, with the sandbox; `ticketcraze verify` ends them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.stack.admin.people import browser, new_admin, sign_in, token_of
from tests.world.buyers import Buyer, OpenSale, assert_sound, make_event, order, pay, until_status
from tests.world.commands import ticketcraze
from tests.world.stack import Stack
from tests.world.waiting import until

Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def world(stack: Stack) -> Iterator[OpenSale]:
    """A sale for all tests here; each has its own buyers, and gives back or leaves what it bought."""
    with ExitStack() as closing:
        sale = make_event(stack.env, "Floor:4500:60", refund_days=7, starts_at="2096-01-01T20:00Z")
        yield OpenSale(stack, sale, closing)
    assert_sound(stack.env, sale)


@pytest.fixture(scope="module")
def admin(stack: Stack) -> Iterator[Ask]:
    """Posts as an organiser: admin("orders/…/refunds", amount=1)."""
    someone = new_admin(stack.env)
    with browser(stack) as client:
        token = token_of(sign_in(client, someone.name, someone.password))

        def ask(path: str, method: str = "POST", key: str = "", **body: Any) -> httpx.Response:
            headers = {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
            return client.request(method, f"/api/v1/admin/{path}", json=body or None, headers=headers)

        yield ask


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    with ExitStack() as closing:
        yield closing


def bought(buyer: Buyer, quantity: int = 1, outcome: str = "succeed", status: str = "CONFIRMED") -> str:
    order_id = buyer.order(quantity)
    pay(buyer.client, order_id, outcome)
    until_status(buyer.client, order_id, status)
    return order_id


def refunds(buyer: Buyer, order_id: str) -> list[tuple[str, int]]:
    payments = buyer.client.get(f"/orders/{order_id}").json()["payments"]
    return sorted((p["status"], p["amount"]) for p in payments if p["kind"] == "REFUND")


def until_refunded(buyer: Buyer, order_id: str, *amounts: int) -> None:
    wanted = sorted(("REFUNDED", amount) for amount in amounts)
    until(lambda: refunds(buyer, order_id) == wanted, what="the refund")


def test_an_organiser_gives_back_a_part_a_ticket_and_the_rest(world: OpenSale, admin: Ask) -> None:
    buyer = world.buyer()
    order_id = bought(buyer, 3)
    sku, before = world.sale.skus[0].id, world.available()
    path = f"orders/{order_id}/refunds"

    first = admin(path, key="a key", amount=500, reason="a late start")
    assert (first.status_code, first.json()["amount"], first.json()["status"]) == (202, 500, "DECIDED")
    assert first.headers["location"] == f"/api/v1/admin/orders/{order_id}"
    assert (
        admin(path, key="a key", amount=500, reason="a late start").json()["request_id"]
        == first.json()["request_id"]
    )
    assert admin(path, key="a key", amount=501).json()["code"] == "key_reused"

    assert admin(path, items=[{"sku_id": sku, "quantity": 1}], restock=True).status_code == 202
    until_refunded(buyer, order_id, 500, 4_500)
    shown = until_status(buyer.client, order_id, "PARTIALLY_REFUNDED")
    assert [(item["quantity"], item["void"]) for item in shown["items"]] == [(3, 1)]
    until(lambda: world.available() == before + 1)

    too_much = admin(path, amount=8_501)
    assert (too_much.status_code, too_much.json()["code"]) == (422, "too_much")
    assert "8500" in too_much.json()["detail"]
    assert admin(path, amount=1, items=[{"sku_id": sku, "quantity": 1}]).json()["code"] == "invalid"

    assert admin(path, restock=False).status_code == 202
    until_status(buyer.client, order_id, "REFUNDED")
    until_refunded(buyer, order_id, 500, 4_500, 8_500)
    again = admin(path, amount=1)
    assert (again.status_code, again.json()["code"]) == (409, "not_refundable")
    assert world.available() == before + 1, "two of them are not sold again"


def test_a_review_is_accepted_by_the_organiser_and_another_one_refunded(world: OpenSale, admin: Ask) -> None:
    lucky, unlucky = world.buyer(), world.buyer()
    orders = [bought(buyer, 1, "wrong_amount", "REVIEW") for buyer in (lucky, unlucky)]
    assert admin(f"orders/{orders[0]}/accept").status_code == 202
    assert admin(f"orders/{orders[1]}/refunds", reason="no").status_code == 202
    until_status(lucky.client, orders[0], "CONFIRMED")
    until_status(unlucky.client, orders[1], "REFUNDED")
    until_refunded(lucky, orders[0], 100)
    until_refunded(unlucky, orders[1], 4_600)
    again = admin(f"orders/{orders[0]}/accept")
    assert (again.status_code, again.json()["code"]) == (409, "not_in_review")


def test_an_organiser_cancels_whatever_an_order_is(world: OpenSale, admin: Ask) -> None:
    buyer, before = world.buyer(), world.available()
    paid_for, unpaid = bought(buyer), buyer.order()
    held = order(buyer.client, world.sale).json()["order_id"]  # not even in the books yet
    for order_id in (held, paid_for, unpaid):
        assert admin(f"orders/{order_id}/cancel", reason="a bot").status_code == 202
    until_status(buyer.client, paid_for, "REFUNDED")
    until_status(buyer.client, unpaid, "CANCELED")
    until_status(buyer.client, held, "CANCELED")
    until_refunded(buyer, paid_for, 4_500)
    until(lambda: world.available() == before)
    again = admin(f"orders/{unpaid}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "not_cancelable")


def test_money_that_comes_after_the_organiser_cancelled_goes_back(world: OpenSale, admin: Ask) -> None:
    buyer = world.buyer()
    order_id = buyer.order()
    started = buyer.client.post(f"/orders/{order_id}/payments").json()
    assert admin(f"orders/{order_id}/cancel").status_code == 202
    until_status(buyer.client, order_id, "CANCELED")
    httpx.post(started["redirect_url"], data={"outcome": "succeed"}, trust_env=False)
    until_refunded(buyer, order_id, 4_500)
    assert buyer.client.get(f"/orders/{order_id}").json()["status"] == "CANCELED"


def test_an_event_is_called_off_and_everybody_gets_all_of_it_back(
    stack: Stack, admin: Ask, closing: ExitStack
) -> None:
    world = OpenSale(stack, make_event(stack.env, "Floor:4500:9"), closing)
    buyers = [world.buyer() for _ in range(3)]
    orders = [bought(buyer, 2) for buyer in buyers[:2]]
    pending = buyers[2].order()
    answer = admin(f"events/{world.sale.slug}/cancel", reason="The hall is flooded.")
    assert (answer.status_code, answer.json()["orders"]) == (202, 3)
    code, told = ticketcraze(stack.env, "event", "cancel", world.sale.slug, "--wait", "30")
    assert (code, told["done"], told["refunds_done"], told["to_call_off"]) == (0, True, 2, 0)
    for buyer, order_id in zip(buyers, orders, strict=False):
        until_status(buyer.client, order_id, "REFUNDED")
        until_refunded(buyer, order_id, 9_000)
    until_status(buyers[2].client, pending, "CANCELED")
    assert admin(f"events/{world.sale.slug}/cancel", "GET").json()["done"]

    def told_to_all() -> bool:
        public = httpx.get(f"{stack.web}/api/v1/events/{world.sale.slug}", trust_env=False).json()
        return bool((public["sale"], public["notice"]) == ("closed", "The hall is flooded."))

    until(told_to_all)
    reopened, _ = ticketcraze(stack.env, "event", "open", world.sale.slug)
    assert reopened == 1
    assert_sound(stack.env, world.sale)


def test_a_buyer_asks_under_the_organisers_rule(world: OpenSale, admin: Ask) -> None:
    buyer = world.buyer()
    unpaid, order_id = buyer.order(), bought(buyer, 2)
    refused = buyer.client.post(f"/orders/{unpaid}/refund-requests")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_refundable")
    wish = {"items": [{"sku_id": world.sale.skus[0].id, "quantity": 1}], "reason": "ill"}
    asked = buyer.client.post(f"/orders/{order_id}/refund-requests", json=wish)
    assert (asked.status_code, asked.json()["status"]) == (202, "ASKED")
    assert refunds(buyer, order_id) == []

    (waiting,) = admin(f"events/{world.sale.slug}/refund-requests", "GET").json()["requests"]
    assert (waiting["request_id"], waiting["reason"]) == (asked.json()["request_id"], "ill")
    assert admin(f"events/{world.sale.slug}/refund-requests/{waiting['request_id']}/grant").status_code == 202
    until_refunded(buyer, order_id, 4_500)
    assert (
        admin(f"events/{world.sale.slug}/refund-requests/{waiting['request_id']}/decline").json()["code"]
        == "not_found"
    )
    buyer.client.delete(f"/orders/{unpaid}")


def test_only_organisers_may(world: OpenSale) -> None:
    buyer = world.buyer()
    order_id = bought(buyer)
    for path in ("refunds", "accept", "cancel"):
        answer = buyer.client.post(f"/admin/orders/{order_id}/{path}", json={})
        assert answer.status_code in (401, 403)
    other = world.buyer()
    assert other.client.post(f"/orders/{order_id}/refund-requests").status_code == 404
