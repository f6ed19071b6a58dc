"""The stock: reserve, give back, settle, reclaim. The rules themselves are in app/lua."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError

from app.ids import derived_id, event_of, new_order_id
from app.infra import scripts
from app.infra.keys import key, keys, live_channel, order_key
from app.infra.redis import NotReady
from app.orders.facts import CancelRequested, Fact, HoldExtended, HoldKept, Item, OrderPlaced
from app.orders.lifecycle import Order, claim, taken

OUTBOX_GROUP = "relay"
SETTLE_CHUNK = 100  # orders in one script: 2.5 ms
SETTLED = ("stock", "holds", "bought", "passes", "served", "outbox", "sale", "idle", "totals")


@dataclass(frozen=True)
class Hold:
    """The answer to a reservation: stock is held for the order until `expires_at_ms`."""

    order_id: str
    total_minor: int
    expires_at_ms: int


class Refused(Exception):
    """Redis refused, and nothing changed. `answer` is what reserve.lua or cancel.lua said, as they document it."""

    def __init__(self, *answer: Any) -> None:
        super().__init__(*answer)
        self.answer = answer


def request_hash(items: Sequence[tuple[int, int]]) -> str:
    """The same for the same (sku id, quantity) lines, in whatever order."""
    return sha256(repr(sorted(items)).encode()).hexdigest()


async def reserve(
    redis: Redis,
    event_id: int,
    buyer_id: str,
    idempotency_key: str,
    items: Sequence[tuple[int, int]],
    outbox_cap: int,
    max_orders: int,
    copies: int = 0,
) -> Hold:
    """Holds stock for (sku id, quantity) lines, each sku once: all of it or nothing.

    The same `idempotency_key` gets the same answer for ever; none before this many replicas of Redis have it.
    Raises Refused, NotCopied.
    """
    order_id = new_order_id(event_id)
    try:
        answer = await _reserve(
            redis, order_id, event_id, buyer_id, idempotency_key, items, outbox_cap, max_orders, copies
        )
    except OutOfMemoryError as error:  # nothing was written; what memory there is, is kept for settling
        raise Refused("BUSY") from error
    if answer[0] != "HELD":
        raise Refused(*answer)
    return Hold(*answer[1:])


async def _reserve(
    redis: Redis,
    order_id: str,
    event_id: int,
    buyer_id: str,
    idempotency_key: str,
    items: Sequence[tuple[int, int]],
    outbox_cap: int,
    max_orders: int,
    copies: int,
) -> Any:
    return await scripts.run(
        redis,
        "reserve",
        [
            *keys(event_id, "sale", "stock", "passes", "served", "bought", "holds", "outbox"),
            key(event_id, f"answers:{buyer_id}"),
            order_key(event_id, order_id),
            *keys(event_id, "idle", "totals"),
        ],
        [
            order_id,
            event_id,
            buyer_id,
            idempotency_key,
            request_hash(items),
            outbox_cap,
            max_orders,
            *(number for item in items for number in item),
        ],
        copies,
    )


async def request_cancel(redis: Redis, order_id: str, buyer_id: str) -> None:
    """Asks for a held order to be given back. Raises Refused ("NOT_HELD", "UNKNOWN")."""
    event_id = event_of(order_id)
    answer = await scripts.run(
        redis,
        "cancel",
        [order_key(event_id, order_id), key(event_id, "outbox")],
        [order_id, buyer_id],
    )
    if answer != "ASKED":
        raise Refused(answer)


def fact_of_entry(outbox_id: str, entry: dict[str, str]) -> Fact:
    """The fact that an outbox entry stands for."""
    order_id, at_ms = entry["order_id"], int(entry["at_ms"])
    fact_id = derived_id(order_id, outbox_id)
    if entry["type"] == "CancelRequested":
        return CancelRequested(fact_id=fact_id, order_id=order_id, occurred_at_ms=at_ms, outbox_id=outbox_id)
    if entry["type"] in ("HoldExtended", "HoldKept"):
        kind = HoldExtended if entry["type"] == "HoldExtended" else HoldKept
        return kind(
            fact_id=fact_id,
            order_id=order_id,
            occurred_at_ms=at_ms,
            expires_at_ms=int(entry["expires_at_ms"]),
            outbox_id=outbox_id,
        )
    return OrderPlaced(
        fact_id=fact_id,
        order_id=order_id,
        occurred_at_ms=at_ms,
        event_id=int(entry["event_id"]),
        buyer_id=entry["buyer"],
        items=parse_items(entry["items"]),
        total_minor=int(entry["total"]),
        currency=entry["currency"],
        expires_at_ms=int(entry["expires_at_ms"]),
        idempotency_key=entry["key"],
        request_hash=entry["hash"],
        outbox_id=outbox_id,
    )


def parse_items(text: str) -> tuple[Item, ...]:
    """The lines of an order's record: "sku:quantity:price,sku:quantity:price"."""
    return tuple(Item(*(int(number) for number in line.split(":"))) for line in text.split(","))


def items_text(items: Iterable[Item]) -> str:
    """The lines of an order's record."""
    return ",".join(f"{item.sku_id}:{item.quantity}:{item.price_minor}" for item in items)


def taken_text(order: Order) -> str:
    """The lines that an order takes out of sale, where some of its tickets are on sale again; else empty."""
    takes = taken(order)
    if not any(back.restocked for back in order.back):
        return ""
    return items_text(Item(i.sku_id, takes[i.sku_id], i.price_minor) for i in order.items if i.sku_id in takes)


async def settle(redis: Redis, event_id: int, orders: Sequence[Order], outbox_ids: Sequence[str]) -> int:
    """Makes Redis follow the books for these orders of one event, deletes their outbox entries, tells who watches.

    Does nothing while the sale is not ready. Can be repeated: stock moves only from the claim an order has to the
    one it should have. Answers how many of them take stock in the books and are not known to Redis: it has lost
    something.
    """
    missing = 0
    for first in range(0, max(len(orders), len(outbox_ids)), SETTLE_CHUNK):
        chunk = orders[first : first + SETTLE_CHUNK]
        args: list[str | int] = [live_channel(event_id), OUTBOX_GROUP, len(chunk)]
        for order in chunk:
            args += [
                order.id,
                order.status,
                order.version,
                claim(order),
                order.expires_at_ms,
                taken_text(order),
            ]
        try:
            missing += await scripts.run(
                redis,
                "settle",
                [
                    *keys(event_id, *SETTLED),
                    *(order_key(event_id, order.id) for order in chunk),
                ],
                [*args, *outbox_ids[first : first + SETTLE_CHUNK]],
            )
        except NotReady:  # a rebuild reads the books after this, and settles with them
            return 0
    return missing


async def correct_answer(redis: Redis, refused: OrderPlaced, written: Order) -> None:
    """Has the key of an order that the books refuse answered with the order that they have for it."""
    answer = f"{written.id} {written.request_hash} {written.total_minor} {written.expires_at_ms}"
    with suppress(NotReady):  # a rebuild writes the answers of the books
        await scripts.run(
            redis,
            "correct_answer",
            keys(refused.event_id, f"answers:{refused.buyer_id}"),
            [refused.idempotency_key, refused.order_id, answer],
        )


async def reclaim(redis: Redis, order: Order) -> bool | None:
    """Late money: takes the order's stock out of sale again. False when it is gone, None when Redis cannot say."""
    answer = await scripts.run(
        redis,
        "reclaim",
        [
            *keys(order.event_id, "sale", "stock", "holds", "bought"),
            order_key(order.event_id, order.id),
            key(order.event_id, "idle"),
        ],
        [order.id],
    )
    return {"RECLAIMED": True, "GONE": False}.get(answer)


async def hold_ends(redis: Redis, event_id: int, order_ids: Sequence[str]) -> dict[str, int]:
    """When the holds of these orders of one event end, UTC ms, with the pauses of the sale in it.

    While the sale is paused it is the end they would have if it went on now. An order without a hold is left out.
    """
    if not order_ids:
        return {}
    sale, holds = keys(event_id, "sale", "holds")
    async with redis.pipeline(transaction=False) as pipeline:
        pipeline.time()
        pipeline.hmget(sale, ["stopped_ms", "paused_at_ms"])
        pipeline.zmscore(holds, list(order_ids))
        (seconds, microseconds), (stopped_ms, paused_at_ms), scores = await pipeline.execute()
    behind_ms = int(stopped_ms or 0)
    if paused_at_ms:
        behind_ms += seconds * 1000 + microseconds // 1000 - int(paused_at_ms)
    return {
        order_id: int(score) + behind_ms
        for order_id, score in zip(order_ids, scores, strict=True)
        if score is not None
    }


async def due_holds(redis: Redis, event_id: int, most: int, pass_over: int = 0) -> list[tuple[str, int]]:
    """(order id, end ms) of holds that are past their end and still there, earliest first: a page of them.

    None of a sale that is paused or not ready; the end has the pauses in it.
    """
    try:
        flat = await scripts.run(redis, "due_holds", keys(event_id, "sale", "holds"), [pass_over, most])
    except NotReady:
        return []
    return [(order_id, int(end_ms)) for order_id, end_ms in zip(flat[::2], flat[1::2], strict=True)]


async def not_held(redis: Redis, order_ids: Sequence[str]) -> list[str]:
    """Those of these orders for which Redis has no hold."""
    async with redis.pipeline(transaction=False) as pipeline:
        for order_id in order_ids:
            pipeline.zscore(key(event_of(order_id), "holds"), order_id)
        ends = await pipeline.execute()
    return [order_id for order_id, end_ms in zip(order_ids, ends, strict=True) if end_ms is None]
