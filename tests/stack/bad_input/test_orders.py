"""Orders that are none: each kind has its stable code, and changes no stock."""

import json
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.world.buyers import api, come_in, join, make_event, order, refused
from tests.world.shopper import CALLBACKS, World
from tests.world.waiting import until

MAX_BODY = 65_536


def test_what_these_tests_spoil_is_a_good_order(world: World) -> None:
    """The control: the same calls go through with good input, so a refusal is for the reason named."""
    again = world.ask({"items": [world.line]}, **{"Idempotency-Key": world.order_key})
    assert (again.status_code, again.json()["order_id"]) == (202, world.order_id)
    assert world.shopper.get(f"/orders/{world.order_id}").status_code == 200


@pytest.mark.parametrize(
    "quantity", [0, -1, 11, 1.5, 1.0, "two", "1", 10**12, 10**30, None, True, [], {}, float("inf")], ids=repr
)
def test_a_quantity_that_is_none(world: World, quantity: object) -> None:
    body = json.dumps({"items": [{**world.line, "quantity": quantity}]})
    refused(world.send(body.encode()), 422, "invalid")


@pytest.mark.parametrize("sku_id", [0, -1, 2**32 - 1, 2**32, 10**12, 1.5, "1", None, True, [1]], ids=repr)
def test_an_unknown_sku(world: World, sku_id: object) -> None:
    refused(world.ask({"items": [{"sku_id": sku_id, "quantity": 1}]}), 422, "invalid")


def test_a_sku_of_another_event(world: World) -> None:
    other = make_event(world.stack.env)
    refused(world.ask({"items": [world.line, {"sku_id": other.skus[0].id, "quantity": 1}]}), 422, "invalid")


@pytest.mark.parametrize(
    "items",
    [
        lambda line: [],
        lambda line: line,
        lambda line: None,
        lambda line: [None],
        lambda line: [[line]],
        lambda line: [line, line],
        lambda line: [line, {**line, "quantity": 2}],
        lambda line: [{"sku_id": n, "quantity": 1} for n in range(1, 52)],
        lambda line: [{**line, "price": 1}],
        lambda line: [{"sku_id": line["sku_id"]}],
        lambda line: [{"quantity": 1}],
        lambda line: "all",
    ],
)
def test_items_that_are_none(world: World, items: Callable[[dict[str, int]], Any]) -> None:
    refused(world.ask({"items": items(world.line)}), 422, "invalid")


def test_more_tickets_than_one_buyer_may_have(world: World) -> None:
    problem = refused(world.ask({"items": [{**world.line, "quantity": 4}]}), 409, "limit")
    assert (problem["has"], problem["limit"]) == (1, 4)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b'"items"',
        b"{}",
        b"{",
        b'{"items"',
        b"items=1",
        b"\xff\xfe{}",
        b'\xef\xbb\xbf{"items":[]}',
        b'{"items":[]} more',
        b'{"items":"\\ud800"}',
        b'{"items":[{"sku_id":NaN,"quantity":1}]}',
        b'{"items":[],"more":1}',
        b"[" * MAX_BODY,
        b'{"items":' * 5_000,
        b'{"items":[{"sku_id":' * 3_000,
        b" " * MAX_BODY,
        b"\x00" * 100,
    ],
    ids=lambda body: repr(body[:20]),
)
def test_a_body_that_is_no_order(world: World, body: bytes) -> None:
    refused(world.send(body), 422, "invalid")


@pytest.mark.parametrize("path", ["orders", "callback", "admin"])
def test_a_body_over_64_kib(world: World, path: str) -> None:
    where = {"orders": world.orders, "callback": CALLBACKS, "admin": f"/admin/events/{world.sale.slug}/state"}[
        path
    ]
    body = b'{"items":[' + b" " * MAX_BODY + b"]}"
    chunked = (body[at : at + 1_000] for at in range(0, len(body), 1_000))
    for content in (body, chunked):
        answer = world.shopper.post(where, content=content, headers={"Idempotency-Key": "k"})
        if path == "admin":  # nobody but an admin gets so far
            refused(answer, 401, "unauthorized")
        else:
            refused(answer, 413, "too_large")


@pytest.mark.parametrize(
    ("header", "sent"),
    [
        ("Content-Length: 1000000000", b""),
        ("Transfer-Encoding: chunked", (b"1000\r\n" + b" " * 4_096 + b"\r\n") * 17),
    ],
)
def test_a_body_without_end_is_refused_before_it_ends(world: World, header: str, sent: bytes) -> None:
    address = urlsplit(world.stack.web)
    token = world.shopper.cookies["tc_buyer"]
    head = (
        f"POST /api/v1{world.orders} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {token}\r\n"
        f"Idempotency-Key: k\r\n{header}\r\n\r\n"
    )
    with socket.create_connection((str(address.hostname), address.port or 80), timeout=5) as connection:
        connection.sendall(head.encode() + sent)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "key", [None, "", "k" * 256, "k" * 300, "clé", "\N{NO-BREAK SPACE}", "a\tb"], ids=lambda key: repr(key)[:12]
)
def test_an_idempotency_key_that_is_none(world: World, key: str | None) -> None:
    headers: Any = {} if key is None else {"Idempotency-Key": key.encode("latin-1")}
    answer = world.shopper.post(world.orders, json={"items": [world.line]}, headers=headers)
    refused(answer, 422, "invalid")


def test_an_idempotency_key_with_another_body(world: World) -> None:
    for quantity in (2, 3):
        answer = world.ask(
            {"items": [{**world.line, "quantity": quantity}]}, **{"Idempotency-Key": world.order_key}
        )
        refused(answer, 422, "key_reused")


def test_an_order_without_a_pass(world: World) -> None:
    refused(order(world.waiting, world.sale), 403, "no_pass")


def test_an_order_from_the_lobby(world: World) -> None:
    soon = make_event(world.stack.env, opens_in=3_600)
    with api(world.stack) as early:
        join(early, soon)
        refused(order(early, soon), 403, "no_pass")


def test_an_order_with_a_pass_that_ended(world: World) -> None:
    short = make_event(world.stack.env, pass_ttl=1)
    with api(world.stack) as late:
        come_in(late, short)
        until(lambda: late.get(f"/events/{short.slug}/queue").json()["status"] == "lapsed")
        refused(order(late, short), 403, "no_pass")


def test_more_tickets_than_are_left(world: World) -> None:
    small = make_event(world.stack.env, "Floor:4500:3")
    with api(world.stack) as buyer:
        come_in(buyer, small)
        problem = refused(order(buyer, small, quantity=4), 410, "sold_out")
        assert (problem["sku_id"], problem["available"]) == (small.skus[0].id, 3)
        assert order(buyer, small, quantity=3).status_code == 202
    with api(world.stack) as next_one:
        join(next_one, small)
        assert refused(order(next_one, small), 410, "sold_out")["available"] == 0


def test_more_orders_than_one_buyer_may_place(world: World) -> None:
    large = make_event(world.stack.env, "Floor:4500:100", max_per_buyer=100)
    with api(world.stack) as keen:
        come_in(keen, large)
        for _ in range(20):
            assert order(keen, large).status_code == 202
        refused(order(keen, large), 429, "too_many")
