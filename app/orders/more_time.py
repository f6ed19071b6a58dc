"""More time for those who need it, once: to choose, and to pay an order (WCAG 2.2.1). The rules are in app/lua."""

from collections.abc import Awaitable
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError

from app.ids import event_of
from app.infra import scripts
from app.infra.keys import keys, live_channel, order_key
from app.orders.reservations import Refused


async def extend_hold(redis: Redis, order_id: str, buyer_id: str, idempotency_key: str) -> int:
    """Makes the hold of an order longer, once: when it ends, UTC ms.

    The same `idempotency_key` gets the same answer. Raises Refused ("ALREADY" with that end, "NOT_HELD",
    "UNKNOWN").
    """
    event_id = event_of(order_id)
    return await _extended(
        scripts.run(
            redis,
            "extend_hold",
            [*keys(event_id, "sale", "holds", "outbox"), order_key(event_id, order_id)],
            [order_id, buyer_id, idempotency_key or "-", ""],
        )
    )


async def keep_hold(redis: Redis, order_id: str, buyer_id: str, least_ms: int) -> int:
    """A payment begins: the hold lasts this long from now on, once, and never longer than a new one.

    When it ends, UTC ms. Raises Refused ("NOT_HELD", "UNKNOWN").
    """
    event_id = event_of(order_id)
    names = [*keys(event_id, "sale", "holds", "outbox"), order_key(event_id, order_id)]
    try:
        return await _extended(scripts.run(redis, "extend_hold", names, [order_id, buyer_id, "-", least_ms]))
    except Refused as refused:
        if refused.answer[0] != "ALREADY":
            raise
        return int(refused.answer[1])


async def extend_pass(redis: Redis, event_id: int, buyer_id: str, idempotency_key: str) -> int:
    """Makes a buyer's pass longer, once: when it ends, UTC ms.

    The same `idempotency_key` gets the same answer. Raises Refused ("ALREADY" with that end, "NO_PASS").
    """
    return await _extended(
        scripts.run(
            redis,
            "extend_pass",
            keys(event_id, "sale", "passes", "served", "extended", "numbers"),
            [buyer_id, idempotency_key or "-", live_channel(event_id)],
        )
    )


async def _extended(asked: Awaitable[Any]) -> int:
    try:
        answer = await asked
    except OutOfMemoryError as error:  # nothing was written; what memory there is, is kept for settling
        raise Refused("BUSY") from error
    if answer[0] != "EXTENDED":
        raise Refused(*answer)
    return int(answer[1])
