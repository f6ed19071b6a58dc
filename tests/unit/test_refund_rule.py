"""Until when buyers may ask for a refund."""

import pytest

from app.orders.lifecycle import Order
from app.orders.refund_requests import may_ask
from app.units import DAY_MS

STARTS_MS = 100 * DAY_MS


@pytest.mark.parametrize(
    ("status", "days", "starts_ms", "at_ms", "may"),
    [
        ("CONFIRMED", 7, STARTS_MS, STARTS_MS - 7 * DAY_MS, True),
        ("CONFIRMED", 7, STARTS_MS, STARTS_MS - 7 * DAY_MS + 1, False),
        ("CONFIRMED", 0, STARTS_MS, STARTS_MS, True),
        ("CONFIRMED", 7, None, STARTS_MS, True),  # no date yet
        ("CONFIRMED", None, STARTS_MS, 0, False),
        ("PARTIALLY_REFUNDED", 7, STARTS_MS, 0, True),
        ("PENDING", 7, STARTS_MS, 0, False),
        ("REFUNDED", 7, STARTS_MS, 0, False),
    ],
)
def test_buyers_may_ask_until_so_many_days_before(
    status: str, days: int | None, starts_ms: int | None, at_ms: int, may: bool
) -> None:
    assert bool(may_ask(Order("an order", status), days, starts_ms, at_ms)) is not may
