"""An Idempotency-Key is answered the same for ever: after a lapsed hold, a restart, a lost answer."""

import socket
import uuid
from urllib.parse import urlsplit

import httpx
import pytest

from tests.world.buyers import Sale, api, assert_sound, come_in, make_event, order, until_status
from tests.world.commands import ticketcraze
from tests.world.stack import Stack, kill, until_back
from tests.world.waiting import until


def books(stack: Stack, client: httpx.Client, sale: Sale) -> int:
    """How many tickets are out of sale."""
    skus = client.get(f"/events/{sale.slug}").json()["skus"]
    return sale.skus[0].capacity - int(skus[0]["available"])


def test_the_answer_stays_when_the_hold_lapsed_and_the_sale_closed(stack: Stack) -> None:
    sale = make_event(stack.env, "Floor:4500:3", hold_ttl=1)
    with api(stack) as client:
        come_in(client, sale)
        first = order(client, sale, 2, key="once")
        until_status(client, first.json()["order_id"], "EXPIRED")
        until(lambda: books(stack, client, sale) == 0)
        ticketcraze(stack.env, "event", "close", sale.slug)
        again = order(client, sale, 2, key="once")
        assert (again.status_code, again.json()) == (httpx.codes.ACCEPTED, first.json())
        assert books(stack, client, sale) == 0
    assert_sound(stack.env, sale)


def test_the_answer_stays_when_everything_is_sold_out(stack: Stack) -> None:
    sale = make_event(stack.env, "Floor:4500:2")
    with api(stack) as client:
        come_in(client, sale)
        first = order(client, sale, 2, key="all of them")
        assert order(client, sale, 1).json()["code"] == "sold_out"
        assert order(client, sale, 2, key="all of them").json() == first.json()
    assert_sound(stack.env, sale)


@pytest.mark.slow
def test_the_answer_stays_after_redis_and_the_web_process_were_killed(stack: Stack) -> None:
    sale = make_event(stack.env, "Floor:4500:5")
    with api(stack) as client:
        token = come_in(client, sale)
        first = order(client, sale, 2, key="once")
    until_back(stack, kill(stack, "redis", "web"))
    until(lambda: ticketcraze(stack.env, "status")[0] == 0, 20, "a status that misses nobody")
    with api(stack, token) as client:
        assert order(client, sale, 2, key="once").json() == first.json()
        assert books(stack, client, sale) == 2
        assert client.get(f"/events/{sale.slug}/queue").json()["status"] == "admitted"
        until_status(client, first.json()["order_id"], "PENDING")
    assert_sound(stack.env, sale)


def test_an_answer_that_never_arrived_is_given_again(stack: Stack) -> None:
    sale = make_event(stack.env, "Floor:4500:5")
    with api(stack) as client:
        token = come_in(client, sale)
        key = uuid.uuid4().hex
        body = f'{{"items":[{{"sku_id":{sale.skus[0].id},"quantity":2}}]}}'
        address = urlsplit(stack.web)
        with socket.create_connection((address.hostname, address.port)) as line:
            line.sendall(
                f"POST /api/v1/events/{sale.slug}/orders HTTP/1.1\r\nHost: {address.netloc}\r\n"
                f"Authorization: Bearer {token}\r\nIdempotency-Key: {key}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            # A client that leaves before its order is read sends none; this one leaves without reading the answer.
            until(lambda: books(stack, client, sale) == 2)
        answer = order(client, sale, 2, key=key)
        assert answer.status_code == httpx.codes.ACCEPTED
        assert books(stack, client, sale) == 2
        until_status(client, answer.json()["order_id"], "PENDING")
    assert_sound(stack.env, sale)


def test_a_key_belongs_to_one_buyer_and_one_order(stack: Stack) -> None:
    sale = make_event(stack.env, "Floor:4500:5")
    with api(stack) as first, api(stack) as second:
        come_in(first, sale)
        come_in(second, sale)
        ours, theirs = order(first, sale, 1, key="k"), order(second, sale, 1, key="k")
        assert ours.json()["order_id"] != theirs.json()["order_id"]
        reused = order(first, sale, 2, key="k")
        assert (reused.status_code, reused.json()["code"]) == (httpx.codes.UNPROCESSABLE_ENTITY, "key_reused")
        assert books(stack, first, sale) == 2
    assert_sound(stack.env, sale)
