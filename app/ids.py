"""Ids: unique without coordination, and the same text everywhere.

An order id is a UUIDv7 (RFC 9562): 48 bits of milliseconds, then random bits, so ids sort by time.
Its last 32 bits are the event's id, so an order id alone is enough to find the order's keys in Redis.
"""

import os
import re
import secrets
import socket
import uuid
from functools import lru_cache

from app.units import now_ms

ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # of anything
ORDER_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
SHORT_ID = re.compile(r"[0-9a-f]{12}")  # of what people read out or type: a key, an invitation
BUYER_ID = re.compile(r"[0-9a-f]{32}")


def instance() -> str:
    """The name of this process, for as long as it lives: nobody else's, also not that of who forked it."""
    return _instance(os.getpid())


@lru_cache
def _instance(process_id: int) -> str:
    # In containers every process is number 1, so the number alone would not do.
    return f"{socket.gethostname()}-{secrets.token_hex(4)}"


def new_order_id(event_id: int) -> str:
    """A new order id for an event (event_id < 2**32)."""
    random = int.from_bytes(os.urandom(6))
    high = now_ms() << 16 | 0x7 << 12 | random >> 30 & 0xFFF
    low = 0b10 << 62 | (random & 0x3FFFFFFF) << 32 | event_id
    return str(uuid.UUID(int=high << 64 | low))


def event_of(order_id: str) -> int:
    """The event an order belongs to. Raises ValueError when the text is not an order id."""
    if not ORDER_ID.fullmatch(order_id):
        raise ValueError("not an order id")
    return int(order_id[-8:], 16)


def short_code(order_id: str) -> str:
    """What people call an order: of its id, the part that changes each millisecond and a random part."""
    return f"{order_id[9:13]}-{order_id[24:28]}".upper()


def placed_ms_of(order_id: str) -> int:
    """When an order id was made, UTC ms by the clock of who made it."""
    return int(order_id[:8] + order_id[9:13], 16)


def new_id() -> str:
    """An id for anything that is not an order: a payment, a fact."""
    return str(uuid.uuid4())


def new_short_id() -> str:
    """An id that people can read out, for what there are few of."""
    return secrets.token_hex(6)


def derived_id(*parts: str) -> str:
    """The same id for the same parts, for what must come out the same when it is done again."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(parts)))
