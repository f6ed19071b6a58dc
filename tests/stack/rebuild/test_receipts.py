"""An order that was answered, and that nobody but its buyer knows any more, comes back with its receipt."""

from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from app.infra.keys import key
from tests.world.apart import apart
from tests.world.buyers import Buyer, OpenSale, make_event, order
from tests.world.commands import ticketcraze
from tests.world.processes import processes
from tests.world.redis_server import OwnRedis, redis_server
from tests.world.stack import Stack


class Shop:
    """A shop whose orders never leave Redis, as no relay works: what Redis loses is lost."""

    def __init__(self, env: dict[str, str], server: OwnRedis, closing: ExitStack) -> None:
        self.env = env
        self.server = server
        self._closing = closing

    def sale(self, *skus: str, **options: int) -> OpenSale:
        stack = cast(Stack, SimpleNamespace(web=self.env["PUBLIC_URL"], env=self.env))
        return OpenSale(stack, make_event(self.env, *skus, **options), self._closing)

    def lose(self, world: OpenSale) -> None:
        self.server.client.flushall()
        code, answer = ticketcraze(self.env, "rebuild", world.sale.slug)
        assert code == 0, answer

    def held(self, world: OpenSale) -> int:
        found = self.server.client.hget(key(world.sale.id, "stock"), f"{world.sale.skus[0].id}:held")
        return int(cast(bytes, found))


@pytest.fixture(scope="module")
def shop(stack: Stack) -> Iterator[Shop]:
    with (
        redis_server() as server,
        apart(stack, REDIS_URL=server.url, SANDBOX_URL=stack.env["SANDBOX_URL"]) as env,
        processes(env, "app.main", "workers.admission"),
        ExitStack() as closing,
    ):
        yield Shop(env, server, closing)


def placed(world: OpenSale, buyer: Buyer, quantity: int, order_key: str) -> dict[str, Any]:
    answer = order(buyer.client, world.sale, quantity, key=order_key)
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    return dict(answer.json())


def again(world: OpenSale, buyer: Buyer, quantity: int, order_key: str, receipt: str) -> httpx.Response:
    return buyer.client.post(
        f"/events/{world.sale.slug}/orders",
        json={"items": [{"sku_id": world.sale.skus[0].id, "quantity": quantity}]},
        headers={"Idempotency-Key": order_key, "Order-Receipt": receipt},
    )


def test_the_page_that_asks_for_its_order_brings_it_back(shop: Shop) -> None:
    world = shop.sale("Floor:4500:5")
    buyer = world.buyer()
    answer = placed(world, buyer, 2, "a key")
    path = f"/orders/{answer['order_id']}"
    shop.lose(world)
    assert shop.held(world) == 0
    assert buyer.client.get(path).status_code == httpx.codes.NOT_FOUND

    found = buyer.client.get(path, headers={"Order-Receipt": answer["receipt"]})
    assert (found.status_code, found.json()["status"], found.json()["total"]) == (200, "HELD", 9_000)
    assert buyer.client.get(path).status_code == httpx.codes.OK
    assert shop.held(world) == 2
    outbox = shop.server.client.xrange(key(world.sale.id, "outbox"))
    assert [fields[b"order_id"].decode() for _, fields in cast(Any, outbox)] == [answer["order_id"]]


def test_a_repeat_with_the_receipt_gets_the_same_order_and_no_second_one(shop: Shop) -> None:
    world = shop.sale("Floor:4500:5")
    buyer = world.buyer()
    answer = placed(world, buyer, 2, "a key")
    shop.lose(world)
    for _ in range(2):
        repeat = again(world, buyer, 2, "a key", answer["receipt"])
        assert repeat.status_code == httpx.codes.ACCEPTED, repeat.text
        assert repeat.json()["order_id"] == answer["order_id"]
    assert shop.held(world) == 2


def test_without_a_loss_the_receipt_changes_nothing(shop: Shop) -> None:
    world = shop.sale("Floor:4500:5")
    buyer = world.buyer()
    answer = placed(world, buyer, 2, "a key")
    assert again(world, buyer, 2, "a key", answer["receipt"]).json() == answer
    assert shop.held(world) == 2


def test_tickets_that_went_to_somebody_else_are_gone_and_it_says_so(shop: Shop) -> None:
    world = shop.sale("Floor:4500:2")
    buyer = world.buyer()
    answer = placed(world, buyer, 2, "a key")
    shop.lose(world)
    buyer.client.post(f"/events/{world.sale.slug}/queue")
    placed(world, world.buyer(), 2, "another")
    repeat = again(world, buyer, 2, "a key", answer["receipt"])
    assert (repeat.status_code, repeat.json()["code"]) == (httpx.codes.GONE, "sold_out")
    path = f"/orders/{answer['order_id']}"
    assert buyer.client.get(path, headers={"Order-Receipt": answer["receipt"]}).status_code == 404
    assert shop.held(world) == 2


def test_a_receipt_is_of_one_buyer_and_one_order(shop: Shop) -> None:
    world = shop.sale("Floor:4500:9")
    buyer, other = world.buyer(), world.buyer()
    answer = placed(world, buyer, 2, "a key")
    receipt = answer["receipt"]
    shop.lose(world)
    body, _, signature = receipt.rpartition(".")
    forged = [
        again(world, other, 2, "a key", receipt),
        again(world, buyer, 1, "a key", receipt),
        again(world, buyer, 2, "b key", receipt),
        again(world, buyer, 2, "a key", f"{body}x.{signature}"),
        again(world, buyer, 2, "a key", "nonsense"),
        again(world, buyer, 2, "a key", "x" * 4_000),
        other.client.get(f"/orders/{answer['order_id']}", headers={"Order-Receipt": receipt}),
    ]
    assert {(refused.status_code, refused.json()["code"]) for refused in forged} == {(422, "invalid")}
    assert shop.held(world) == 0
