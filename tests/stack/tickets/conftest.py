"""A sale with a concert, and somebody who bought."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.world.buyers import Sale, api, assert_sound, come_in, make_event, order, pay, until_status
from tests.world.stack import Stack
from tests.world.waiting import until

CONCERT = {
    "starts_at": "2027-06-24T20:00+02:00",
    "doors_at": "2027-06-24T19:00+02:00",
    "venue": "Große Halle, Kai 4",
}


@dataclass
class Bought:
    """A sale, a buyer, and an order that is paid."""

    stack: Stack
    sale: Sale
    buyer: httpx.Client
    order_id: str

    def tickets(self) -> list[dict[str, Any]]:
        """As the buyer sees them."""
        answer = self.buyer.get(f"/orders/{self.order_id}/tickets")
        assert answer.status_code == httpx.codes.OK, answer.text
        found: list[dict[str, Any]] = answer.json()
        return found


class Shop:
    """A sale, and orders of it that are paid."""

    def __init__(self, stack: Stack, sale: Sale, closing: ExitStack) -> None:
        self.stack = stack
        self.sale = sale
        self._closing = closing

    def bought(self, quantity: int = 2, **body: Any) -> Bought:
        """Somebody's order, confirmed."""
        client = self._closing.enter_context(api(self.stack))
        come_in(client, self.sale)
        answer = order(client, self.sale, quantity, **body)
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        bought = Bought(self.stack, self.sale, client, answer.json()["order_id"])
        until_status(client, bought.order_id, "PENDING")
        pay(client, bought.order_id)
        until_status(client, bought.order_id, "CONFIRMED")
        until(lambda: len(bought.tickets()) == quantity, what="the tickets")
        return bought


@pytest.fixture(scope="package")
def shop(stack: Stack) -> Iterator[Shop]:
    """One for all tests of this room; it is sound at their end."""
    with ExitStack() as closing:
        sale = make_event(stack.env, "Floor:4500:200", "Balcony:2500:20", max_per_buyer=10, **CONCERT)
        yield Shop(stack, sale, closing)
        assert_sound(stack.env, sale)
