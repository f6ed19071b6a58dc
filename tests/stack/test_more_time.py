"""Whoever needs more time gets it once, for choosing and for paying, and everybody who keeps the time agrees."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.world.buyers import OpenSale, assert_sound, make_event, next_frame, pay, until_status
from tests.world.stack import Stack
from tests.world.waiting import until


def ms(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp() * 1000


@pytest.fixture(scope="module")
def shop(stack: Stack) -> Iterator[OpenSale]:
    sale = make_event(stack.env, "Floor:4500:20", max_per_buyer=20)
    with ExitStack() as closing:
        yield OpenSale(stack, sale, closing)
    assert_sound(stack.env, sale)


def extend(client: httpx.Client, path: str, key: str = "") -> tuple[int, dict[str, Any]]:
    answer = client.post(f"{path}/extend", headers={"Idempotency-Key": key} if key else {})
    return answer.status_code, answer.json()


def test_a_pass_gets_more_time_once_and_every_tab_hears_of_it(shop: OpenSale) -> None:
    buyer = shop.buyer()
    path = f"/events/{shop.sale.slug}/queue"
    before = buyer.place()["expires_at"]
    tab = shop.socket(buyer.token)
    next_frame(tab, type="place", expires_at=before)
    code, answer = extend(buyer.client, path, "key one")
    assert (code, ms(answer["expires_at"])) == (200, ms(before) + 300_000)
    assert next_frame(tab, type="place", expires_at=answer["expires_at"])["status"] == "admitted"
    assert buyer.place()["expires_at"] == answer["expires_at"]
    assert extend(buyer.client, path, "key one") == (200, answer), "an answer that was lost is given again"
    for key in ("", "key two"):
        code, again = extend(buyer.client, path, key)
        assert (code, again["code"], again["expires_at"]) == (409, "already_extended", answer["expires_at"])
    buyer.client.delete(path)
    code, refused = extend(buyer.client, path)
    assert (code, refused["code"]) == (403, "no_pass")
    assert httpx.post(f"{shop.stack.web}/api/v1{path}/extend", trust_env=False).status_code == 401


def test_a_hold_gets_more_time_once_and_the_books_follow(shop: OpenSale) -> None:
    buyer, other = shop.buyer(), shop.buyer()
    order_id = buyer.order()
    path = f"/orders/{order_id}"
    before = buyer.client.get(path).json()
    code, answer = extend(buyer.client, path, "key one")
    assert (code, ms(answer["expires_at"])) == (200, ms(before["expires_at"]) + 300_000)
    until(lambda: buyer.client.get(path).json()["extended"], what="the books to follow")
    after = buyer.client.get(path).json()
    assert (after["status"], after["expires_at"]) == ("PENDING", answer["expires_at"])
    assert after["version"] > before["version"]
    assert extend(buyer.client, path, "key one") == (200, answer)
    code, again = extend(buyer.client, path, "key two")
    assert (code, again["code"], again["expires_at"]) == (409, "already_extended", answer["expires_at"])
    assert extend(other.client, path)[0] == 404, "nobody else's business"
    paid = buyer.order()
    pay(buyer.client, paid)
    until_status(buyer.client, paid, "CONFIRMED")
    code, refused = extend(buyer.client, f"/orders/{paid}")
    assert (code, refused["code"]) == (409, "not_extendable")
    buyer.client.delete(path)
    until_status(buyer.client, order_id, "CANCELED")
    assert extend(buyer.client, path)[1]["code"] == "not_extendable"


@pytest.mark.slow
def test_an_extended_hold_lapses_at_its_new_end_and_not_before(stack: Stack) -> None:
    with ExitStack() as closing:
        shop = OpenSale(stack, make_event(stack.env, hold_ttl=2), closing)
        buyer = shop.buyer()
        kept, lapsing = buyer.order(), buyer.order()
        before = ms(buyer.client.get(f"/orders/{kept}").json()["expires_at"])
        assert extend(buyer.client, f"/orders/{kept}")[0] == 200
        until_status(buyer.client, lapsing, "EXPIRED")
        assert extend(buyer.client, f"/orders/{lapsing}")[1]["code"] == "not_extendable"
        assert buyer.client.get(f"/orders/{kept}").json()["status"] == "PENDING", "its end was moved"
        gone = until_status(buyer.client, kept, "EXPIRED")
        assert ms(gone["expires_at"]) == before + 2_000
        assert_sound(stack.env, shop.sale)
