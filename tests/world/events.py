"""An event as a value, for those who need no sale."""

import uuid
from typing import Any

from app.sale.catalog import Event, parse_sku
from app.units import now_ms


def an_event(*skus: str, **changes: Any) -> Event:
    """An open event with a slug of its own, which is in no books yet: an_event("Floor:4500:10", room=1)."""
    usual: dict[str, Any] = {
        "id": 0,
        "slug": f"test-{uuid.uuid4().hex[:12]}",
        "name": "A test",
        "currency": "USD",
        "state": "open",
        "notice": None,
        "accent": "",
        "opens_at_ms": now_ms(),
        "rate_per_minute": 600,
        "room": 100,
        "pass_ttl_seconds": 300,
        "hold_ttl_seconds": 300,
        "max_per_buyer": 4,
        "draw_secret": "",
        "skus": tuple(parse_sku(sku) for sku in skus or ("Floor:4500:20",)),
    }
    return Event(**(usual | changes))
