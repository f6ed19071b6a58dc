"""Callers that may not, and things that do not exist: each kind has its stable code, and changes no stock."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.ids import new_order_id
from app.tokens import Tokens, new_buyer
from tests.world.buyers import refused
from tests.world.shopper import CALLBACKS, World

UNKNOWN_SLUGS = [
    "nobody-knows",
    "A",
    "a" * 65,
    "a" * 5_000,
    "%C3%A9",
    "%F0%9F%8E%9F",
    "%ff",
    "%00",
    "%0a",
    "..%2f..",
    "'",
]


@pytest.mark.parametrize("slug", UNKNOWN_SLUGS, ids=lambda slug: slug[:16])
def test_an_unknown_event(world: World, slug: str) -> None:
    buyer = world.shopper
    refused(buyer.get(f"/events/{slug}"), 404, "not_found")
    refused(buyer.get(f"/events/{slug}/queue"), 404, "not_found")
    refused(buyer.post(f"/events/{slug}/queue"), 404, "not_found")
    refused(buyer.delete(f"/events/{slug}/queue"), 404, "not_found")
    refused(buyer.post(f"/events/{slug}/orders", json={"items": [world.line]}), 404, "not_found")


@pytest.mark.parametrize("slug", UNKNOWN_SLUGS, ids=lambda slug: slug[:16])
def test_the_page_of_an_unknown_event(world: World, slug: str) -> None:
    for path in (f"/events/{slug}", f"/resume/{slug}/token", f"/orders/{slug}"):
        page = httpx.get(world.stack.web + path, trust_env=False)
        assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")


UNKNOWN_ORDERS = ["1", "x", "%C3%A9", "%00", "a" * 5_000, "019412d0-1a2b-7c3d-8e4f-12340000000G", "'"]


@pytest.mark.parametrize("order_id", [*UNKNOWN_ORDERS, "of this event", "of no event"], ids=lambda id: id[:16])
def test_an_unknown_order(world: World, order_id: str) -> None:
    order_id = {
        "of this event": new_order_id(world.sale.id),
        "of no event": new_order_id(2**32 - 1),
    }.get(order_id, order_id)
    no_order_of(world.shopper, order_id)


def test_another_buyers_order(world: World) -> None:
    no_order_of(world.waiting, world.order_id)


def no_order_of(buyer: httpx.Client, order_id: str) -> None:
    refused(buyer.get(f"/orders/{order_id}"), 404, "not_found")
    refused(buyer.delete(f"/orders/{order_id}"), 404, "not_found")
    refused(buyer.post(f"/orders/{order_id}/payments"), 404, "not_found")


def altered(token: str, part: int, change: Callable[[str], str]) -> str:
    """The token with one of its parts changed: 0 what it says, 1 when it was made, 2 the signature."""
    parts = token.rsplit(".", 2)
    parts[part] = change(parts[part])
    return ".".join(parts)


BAD_TOKENS: dict[str, Callable[[Tokens], str]] = {
    "made up": lambda ours: "token",
    "signed with another key": lambda ours: Tokens({"0": "x" * 64}).of_buyer(new_buyer()),
    "of another use": lambda ours: ours.of_resume(new_buyer()),
    "an admin's": lambda ours: ours.of_session("admin"),
    "without its signature": lambda ours: ours.of_buyer(new_buyer()).rpartition(".")[0],
    "saying something else": lambda ours: altered(ours.of_buyer(new_buyer()), 0, lambda text: text[:-2]),
    "of another time": lambda ours: altered(ours.of_buyer(new_buyer()), 1, lambda text: text[::-1]),
    "with another signature": lambda ours: altered(ours.of_buyer(new_buyer()), 2, lambda text: text[::-1]),
    "too long": lambda ours: ours.of_buyer(new_buyer()) + "x" * 3_000,
    "not ASCII": lambda ours: "jeton-é",
    "with a space in it": lambda ours: ours.of_buyer(new_buyer()).replace(".", ". ", 1),
}


@pytest.mark.parametrize("way", ["bearer", "cookie"])
@pytest.mark.parametrize("kind", BAD_TOKENS)
def test_a_token_that_is_not_ours(world: World, kind: str, way: str) -> None:
    token = BAD_TOKENS[kind](Tokens({"0": world.stack.env["SECRET_KEY"]})).encode("latin-1")
    headers: Any = {
        "bearer": {"Authorization": b"Bearer " + token},
        "cookie": {"Cookie": b'tc_buyer="' + token + b'"'},
    }[way]
    with httpx.Client(base_url=world.shopper.base_url, headers=headers, trust_env=False) as forger:
        refused_everywhere(world, forger)


def test_no_token_at_all(world: World) -> None:
    with httpx.Client(base_url=world.shopper.base_url, trust_env=False) as nobody:
        refused_everywhere(world, nobody, may_join=True)


def refused_everywhere(world: World, client: httpx.Client, *, may_join: bool = False) -> None:
    queue = f"/events/{world.sale.slug}/queue"
    if not may_join:
        refused(client.post(queue), 401, "unauthorized")
    refused(client.get(queue), 401, "unauthorized")
    refused(client.delete(queue), 401, "unauthorized")
    refused(client.post(world.orders, json={"items": [world.line]}), 401, "unauthorized")
    for call in (client.get, client.delete):
        refused(call(f"/orders/{world.order_id}"), 401, "unauthorized")
    refused(client.post(f"/orders/{world.order_id}/payments"), 401, "unauthorized")


@pytest.mark.parametrize(
    "origin",
    [
        "https://elsewhere.example",
        "null",
        "",
        "http://[",
        "http://127.0.0.1",
        "//",
        "http://127.0.0.1:1@evil.example",
    ],
)
def test_a_change_asked_for_by_another_site(world: World, origin: str) -> None:
    headers = {"Origin": origin, "Idempotency-Key": "k"}
    refused(world.shopper.post(world.orders, json={"items": [world.line]}, headers=headers), 403, "origin")
    refused(world.shopper.delete(f"/orders/{world.order_id}", headers=headers), 403, "origin")
    refused(world.shopper.delete(f"/events/{world.sale.slug}/queue", headers=headers), 403, "origin")
    assert world.shopper.get(f"/orders/{world.order_id}", headers=headers).status_code == 200


def test_a_change_asked_for_by_our_own_page(world: World) -> None:
    answer = world.ask({"items": []}, Origin=world.stack.web)
    refused(answer, 422, "invalid")


def test_ways_that_do_not_exist(world: World) -> None:
    for path in (
        "/",
        "/nothing",
        "/orders",
        f"{world.orders}/1",
        "/payments/callbacks",
        "/payments/callbacks/stripe",
        "/payments/callbacks/é",
    ):
        refused(world.shopper.post(path), 404, "not_found")


def test_methods_that_do_not_exist(world: World) -> None:
    for path in ("/events", f"/events/{world.sale.slug}", world.orders, f"/orders/{world.order_id}", CALLBACKS):
        for method in ("PUT", "PATCH", "OPTIONS"):
            answer = world.shopper.request(method, path)
            refused(answer, 405, "not_allowed")
            assert answer.headers["allow"], "what may be done instead"
    head = world.shopper.head("/events")
    assert (head.status_code, head.content) == (200, b"")


def test_a_form_of_too_many_fields_at_the_admins_login(world: World) -> None:
    form = {f"field{n}": "x" for n in range(50)}
    page = httpx.post(f"{world.stack.web}/admin/login", data=form, trust_env=False)
    assert page.status_code == 422
