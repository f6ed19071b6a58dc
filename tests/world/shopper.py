"""What the tests of bad input spoil: a sale, a buyer with a pass and an order, and one who only waits."""

import secrets
from dataclasses import dataclass
from typing import Any

import httpx
from redis import Redis

from app.infra.keys import keys
from tests.world.buyers import Sale
from tests.world.stack import Stack

CALLBACKS = "/payments/callbacks/sandbox"


@dataclass
class World:
    """A sale and who is in it; `waiting` is a buyer without a pass."""

    stack: Stack
    sale: Sale
    shopper: httpx.Client
    order_id: str
    order_key: str
    waiting: httpx.Client
    redis: Redis

    @property
    def orders(self) -> str:
        return f"/events/{self.sale.slug}/orders"

    @property
    def line(self) -> dict[str, int]:
        return {"sku_id": self.sale.skus[0].id, "quantity": 1}

    def holdings(self) -> tuple[Any, ...]:
        """Everything that a reservation would change."""
        stock, holds, bought = keys(self.sale.id, "stock", "holds", "bought")
        return (
            self.redis.hgetall(stock),
            self.redis.zrange(holds, 0, -1, withscores=True),
            self.redis.hgetall(bought),
        )

    def ask(self, body: Any, **headers: str) -> httpx.Response:
        """An order by the buyer who has a pass."""
        return self.shopper.post(
            self.orders, json=body, headers={"Idempotency-Key": secrets.token_hex(8), **headers}
        )

    def send(self, content: Any, **headers: str) -> httpx.Response:
        """An order in bytes."""
        return self.shopper.post(
            self.orders, content=content, headers={"Idempotency-Key": secrets.token_hex(8), **headers}
        )
