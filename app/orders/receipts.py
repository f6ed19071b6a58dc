"""The receipt of an order: what was answered, signed, in the buyer's own hands.

An answered order is in Redis, then on Kafka, then in the books. If Redis loses it before Kafka has it, the receipt
is all there is of it; brought back, it holds the same tickets again under the same id, while they are there.
"""

import msgspec
from redis.asyncio import Redis

from app.ids import event_of, placed_ms_of
from app.infra import scripts
from app.infra.keys import key, keys, order_key
from app.orders.reservations import Hold, Refused, request_hash

LEAST_MS = 60_000  # that a hold lasts from when its receipt came back
GOOD_FOR_MS = 600_000  # after the end of the hold: a loss takes seconds, not days


class Receipt(msgspec.Struct, frozen=True, array_like=True):
    """What the buyer was answered with. `items` are (sku id, quantity, price in minor units)."""

    order_id: str
    buyer_id: str
    items: tuple[tuple[int, int, int], ...]
    total_minor: int
    expires_at_ms: int
    idempotency_key: str

    @property
    def request_hash(self) -> str:
        """The hash of the request that was answered."""
        return request_hash([(sku_id, quantity) for sku_id, quantity, _ in self.items])


def receipt_of(
    hold: Hold, buyer_id: str, idempotency_key: str, items: list[tuple[int, int, int]]
) -> Receipt | None:
    """The receipt of a hold; None when the prices are not those it was made with. The same every time."""
    if sum(quantity * price for _, quantity, price in items) != hold.total_minor:
        return None
    return Receipt(hold.order_id, buyer_id, tuple(items), hold.total_minor, hold.expires_at_ms, idempotency_key)


async def hold_again(redis: Redis, receipt: Receipt) -> Hold:
    """Holds what the receipt says, unless Redis knows the order or its key: then that is the answer.

    Raises Refused ("SOLD_OUT", "LIMIT", "CLOSED", "KEY_REUSED", or "LAPSED": its time was over long ago).
    """
    event_id = event_of(receipt.order_id)
    answer = await scripts.run(
        redis,
        "hold_again",
        [
            *keys(event_id, "sale", "stock", "bought", "holds", "outbox"),
            key(event_id, f"answers:{receipt.buyer_id}"),
            order_key(event_id, receipt.order_id),
            *keys(event_id, "idle", "totals"),
        ],
        [
            receipt.order_id,
            event_id,
            receipt.buyer_id,
            receipt.idempotency_key,
            receipt.request_hash,
            ",".join(f"{sku_id}:{quantity}:{price}" for sku_id, quantity, price in receipt.items),
            sum(quantity for _, quantity, _ in receipt.items),
            receipt.total_minor,
            placed_ms_of(receipt.order_id),
            receipt.expires_at_ms,
            LEAST_MS,
            GOOD_FOR_MS,
        ],
    )
    if answer[0] != "HELD":
        raise Refused(*answer)
    return Hold(*answer[1:])
