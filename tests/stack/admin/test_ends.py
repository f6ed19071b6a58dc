"""How a sale ends: closed, and opened again; or called off, for ever."""

from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.stack.admin.people import signed_in
from tests.world.buyers import OpenSale, assert_sound, make_event, pay, refused, until_status
from tests.world.stack import Stack
from tests.world.waiting import until


@pytest.fixture
def owner(stack: Stack) -> Iterator[httpx.Client]:
    with signed_in(stack) as client:
        yield client


@pytest.fixture
def sale(stack: Stack) -> Iterator[OpenSale]:
    with ExitStack() as closing:
        sale = OpenSale(stack, make_event(stack.env, room=1), closing)
        yield sale
        assert_sound(stack.env, sale.sale)


def test_a_closed_sale_is_opened_again_and_goes_on_where_it_was(owner: httpx.Client, sale: OpenSale) -> None:
    path = f"/api/v1/admin/events/{sale.sale.slug}"
    inside, waiting = sale.buyer(), sale.buyer(let_in=False)
    assert waiting.place()["status"] == "waiting"
    closed = owner.post(f"{path}/state", json={"state": "closed"}).json()["event"]
    assert (closed["sale"], closed["is_over"]) == ("closed", False)
    refused(inside.client.post(f"/events/{sale.sale.slug}/queue"), 410, "closed")
    assert owner.patch(path, json={"archived": True}).json()["archived"]
    opened = owner.post(f"{path}/state", json={"state": "open"}).json()["event"]
    assert opened["sale"] == "open"
    assert not owner.patch(path, json={"room": 1}).json()["archived"], "what is open is on the lists"
    until(lambda: inside.place()["status"] == "admitted")
    order_id = inside.order(1)
    pay(inside.client, order_id)
    until_status(inside.client, order_id, "CONFIRMED")
    inside.client.delete(f"/events/{sale.sale.slug}/queue")
    until(lambda: waiting.place()["status"] == "admitted")


def test_an_event_that_is_called_off_gives_all_back_and_is_not_opened_again(
    owner: httpx.Client, sale: OpenSale
) -> None:
    path, page = f"/api/v1/admin/events/{sale.sale.slug}", f"/admin/events/{sale.sale.slug}/calling-off"
    buyer = sale.buyer()
    order_id = buyer.order(2)
    pay(buyer.client, order_id)
    until_status(buyer.client, order_id, "CONFIRMED")
    assert "Call the event off</h1>" in owner.get(page).text
    assert owner.post(f"{path}/cancel", json={"reason": "The hall is flooded"}).status_code == httpx.codes.ACCEPTED
    until_status(buyer.client, order_id, "REFUNDED")
    until(lambda: "Everything that could be done is done" in owner.get(page).text, what="the refunds")
    assert 'data-testid="refunds-done">1<' in owner.get(page).text
    now = until(lambda: over(owner, path))
    assert now["sale"] == "closed"
    refused(owner.post(f"{path}/state", json={"state": "open"}), 410, "closed")


def over(owner: httpx.Client, path: str) -> dict[str, object] | None:
    event: dict[str, object] = owner.get(path).json()["event"]
    return event if event["is_over"] else None
