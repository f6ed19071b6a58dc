"""Money goes back for tickets that are named: exactly these become void, in whosever hands they are."""

import uuid
from collections.abc import Iterator

import httpx
import pytest

from tests.stack.admin.people import browser, new_admin, sign_in, token_of
from tests.stack.tickets.conftest import Bought, Shop
from tests.world.buyers import refused, until_status
from tests.world.waiting import until


@pytest.fixture(scope="module")
def owner(shop: Shop) -> Iterator[httpx.Client]:
    admin = new_admin(shop.stack.env)
    with browser(shop.stack) as client:
        token_of(sign_in(client, admin.name, admin.password))
        yield client


def refund(owner: httpx.Client, bought: Bought, *ticket_ids: str, key: str = "", **more: object) -> httpx.Response:
    return owner.post(
        f"/api/v1/admin/orders/{bought.order_id}/refunds",
        json={"ticket_ids": ticket_ids, **more},
        headers={"Idempotency-Key": key or uuid.uuid4().hex},
    )


def handed_on(bought: Bought, ticket_id: str) -> str:
    answer = bought.buyer.post(
        f"/orders/{bought.order_id}/tickets/{ticket_id}/handover", headers={"Idempotency-Key": uuid.uuid4().hex}
    )
    assert answer.status_code == httpx.codes.CREATED, answer.text
    return str(answer.json()["ticket_id"])


def good(bought: Bought) -> set[str]:
    return {ticket["ticket_id"] for ticket in bought.tickets() if ticket["status"] == "valid"}


def test_whoever_was_given_a_ticket_keeps_it_when_the_buyers_own_is_refunded(
    shop: Shop, owner: httpx.Client
) -> None:
    bought = shop.bought(3)
    first, second, last = (ticket["ticket_id"] for ticket in bought.tickets())
    friends = handed_on(bought, last)
    key = uuid.uuid4().hex
    told = refund(owner, bought, first, key=key)
    assert told.status_code == httpx.codes.ACCEPTED, told.text
    sku_id = shop.sale.skus[0].id
    assert told.json()["items"] == [{"sku_id": sku_id, "quantity": 1}]
    assert told.json()["tickets"] == [{"sku_id": sku_id, "number": 1}]
    refused(refund(owner, bought, first), 409, "not_refundable")  # it goes already
    until(lambda: good(bought) == {second, friends}, what="the end of the first")
    life = until_status(bought.buyer, bought.order_id, "PARTIALLY_REFUNDED")
    assert sum(p["amount"] for p in life["payments"] if p["kind"] == "REFUND") == 4_500

    assert refund(owner, bought, first, key=key).json()["request_id"] == told.json()["request_id"]
    refused(refund(owner, bought, second, key=key), 422, "key_reused")
    refused(refund(owner, bought, first), 409, "not_refundable")
    seen = owner.get(f"/api/v1/admin/orders/{bought.order_id}").json()["tickets"]
    assert [(t["ticket_id"], t["number"], t["status"], t["handed_on"]) for t in seen] == [
        (first, 1, "void", False),
        (second, 2, "valid", False),
        (friends, 3, "valid", True),
    ]
    assert refund(owner, bought, friends, restock=False).status_code == httpx.codes.ACCEPTED
    until(lambda: good(bought) == {second}, what="the end of the friend's")


@pytest.mark.parametrize(
    "body",
    [
        {"ticket_ids": []},
        {"ticket_ids": ["1"]},
        {"ticket_ids": ["0a" * 16], "amount": 100},
        {"ticket_ids": ["0a" * 16], "items": [{"sku_id": 1, "quantity": 1}]},
        {"ticket_ids": ["0a" * 16] * 51},
    ],
    ids=str,
)
def test_what_names_no_tickets_is_refused(
    shop: Shop, owner: httpx.Client, other: Bought, body: dict[str, object]
) -> None:
    refused(owner.post(f"/api/v1/admin/orders/{other.order_id}/refunds", json=body), 422, "invalid")


@pytest.fixture(scope="module")
def other(shop: Shop) -> Bought:
    return shop.bought(1)


def test_a_ticket_of_another_order_or_of_none_is_refused(shop: Shop, owner: httpx.Client, other: Bought) -> None:
    mine = shop.bought(1)
    (theirs,) = (ticket["ticket_id"] for ticket in other.tickets())
    for ticket_id in (theirs, "0a" * 16):
        refused(refund(owner, mine, ticket_id), 409, "not_refundable")
    assert good(mine)
    assert good(other) == {theirs}
