"""A sale that takes a deposit, as its buyers see it: over HTTP, with the sandbox."""

from contextlib import ExitStack
from typing import Any

import httpx

from tests.world.buyers import OpenSale, assert_sound, make_event, pay, refused, until_status
from tests.world.stack import Stack
from tests.world.waiting import until


def parts(order: dict[str, Any]) -> list[tuple[int, bool]]:
    return [(part["amount"], part["paid"]) for part in order["instalments"]]


def test_a_deposit_is_paid_by_the_buyer_and_the_rest_by_whoever_has_the_link(stack: Stack) -> None:
    sale = make_event(stack.env, deposit_percent=20, rest_due_days=14)
    with ExitStack() as closing:
        shop = OpenSale(stack, sale, closing)
        buyer = shop.buyer()
        order_id = buyer.order(2)
        address = f"/orders/{order_id}"
        found = buyer.client.get(address).json()
        assert (found["total"], found["due"], parts(found)) == (9_000, 1_800, [(1_800, False), (7_200, False)])

        pay(buyer.client, order_id, "wrong_amount")

        def back() -> bool:
            return [(p["status"], p["amount"]) for p in buyer.client.get(address).json()["payments"]][1:] == [
                ("REFUNDED", 1_900)
            ]

        until(back, what="the wrong money to be back")
        pay(buyer.client, order_id)
        until(lambda: buyer.client.get(address).json()["due"] == 7_200, what="the deposit")
        found = buyer.client.get(address).json()
        assert (found["status"], parts(found)) == ("PENDING", [(1_800, True), (7_200, False)])
        assert found["expires_at"] == found["instalments"][1]["due_at"]
        assert shop.available() == 18

        link = httpx.URL(found["link"])
        assert 'data-action="pay"' in httpx.get(link, trust_env=False).text
        payments, key = f"{stack.web}/api/v1{address}/payments", link.params["key"]
        started = httpx.post(payments, params={"key": key}, trust_env=False)
        assert (started.status_code, started.json()["amount"]) == (httpx.codes.CREATED, 7_200), started.text
        paid = httpx.post(started.json()["redirect_url"], data={"outcome": "succeed"}, trust_env=False)
        assert httpx.URL(paid.headers["location"]).params["key"] == key, "back where they came from"
        bought = until_status(buyer.client, order_id, "CONFIRMED")
        assert (bought["due"], parts(bought)) == (0, [(1_800, True), (7_200, True)])

        other = buyer.order()
        pays = httpx.post(f"{stack.web}/api/v1/orders/{other}/payments", params={"key": key}, trust_env=False)
        refused(pays, 403, "link_expired")
        pay(buyer.client, other)
        until(lambda: buyer.client.get(f"/orders/{other}").json()["due"] == 3_600, what="the deposit")
        assert buyer.client.delete(f"/orders/{other}").status_code == httpx.codes.ACCEPTED
        until_status(buyer.client, other, "CANCELED")
        until(
            lambda: buyer.client.get(f"/orders/{other}").json()["payments"][-1]["status"] == "REFUNDED",
            what="the deposit to be back",
        )
        assert shop.available() == 18
    assert_sound(stack.env, sale)
