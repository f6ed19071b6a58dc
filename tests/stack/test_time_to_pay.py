"""Whoever starts to pay has time to: once, and never more than a new hold would give."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime

import pytest
from redis import Redis

from app.infra.keys import key
from tests.world.buyers import OpenSale, assert_sound, make_event, next_frame, pay, until_status
from tests.world.stack import Stack
from tests.world.waiting import until

HOLD_MS = 60_000


@pytest.fixture(scope="module")
def shop(stack: Stack) -> Iterator[OpenSale]:
    sale = make_event(stack.env, "Floor:4500:20", hold_ttl=HOLD_MS // 1000)
    with ExitStack() as closing:
        yield OpenSale(stack, sale, closing)
    assert_sound(stack.env, sale)


def ms(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp() * 1000


def test_a_payment_that_begins_late_lengthens_the_hold_once_and_everybody_agrees(shop: OpenSale) -> None:
    buyer = shop.buyer()
    tab = shop.socket(buyer.token)
    order_id = buyer.order()
    before = ms(buyer.client.get(f"/orders/{order_id}").json()["expires_at"])
    with Redis.from_url(shop.stack.env["REDIS_URL"], decode_responses=True) as redis:
        payment = buyer.client.post(f"/orders/{order_id}/payments").json()
        until(lambda: ms(buyer.client.get(f"/orders/{order_id}").json()["expires_at"]) > before)
        shown = buyer.client.get(f"/orders/{order_id}").json()["expires_at"]
        assert before < ms(shown) < before + HOLD_MS
        assert next_frame(tab, type="order", expires_at=shown)["status"] == "PENDING"
        assert redis.zscore(key(shop.sale.id, "holds"), order_id) == ms(shown)

        again = buyer.client.post(f"/orders/{order_id}/payments").json()
        assert again["payment_id"] == payment["payment_id"]
        assert again["redirect_url"] == payment["redirect_url"]
        assert redis.zscore(key(shop.sale.id, "holds"), order_id) == ms(shown), "once"

    assert buyer.client.post(f"/orders/{order_id}/extend").status_code == 200, "the buyer's own time is another"
    pay(buyer.client, order_id)
    until_status(buyer.client, order_id, "CONFIRMED")
