"""Which tickets an order stands for, and which of them end when it stands for fewer."""

from app.orders.facts import Item
from app.orders.lifecycle import Order
from app.tickets.issuing import entitled, superfluous


def an_order(status: str, **quantities: int) -> Order:
    items = tuple(Item(int(sku[1:]), quantity, 4_500) for sku, quantity in quantities.items())
    return Order("an-order", status, items=items)


def row(number: int, status: str = "VALID", sku_id: int = 1) -> dict[str, object]:
    return {
        "id": f"{sku_id}-{number}",
        "order_id": "an-order",
        "sku_id": sku_id,
        "number": number,
        "status": status,
    }


def test_only_what_is_bought_stands_for_tickets() -> None:
    assert entitled(an_order("CONFIRMED", s1=2, s2=1)) == {1: 2, 2: 1}
    assert entitled(an_order("PARTIALLY_REFUNDED", s1=2)) == {1: 2}
    for status in ("UNKNOWN", "HELD", "PENDING", "REVIEW", "EXPIRED", "CANCELED", "REFUNDED", "REJECTED"):
        assert not entitled(an_order(status, s1=2)), status


def test_an_order_that_is_given_back_keeps_no_good_ticket_and_used_ones_stay() -> None:
    rows = [row(1, "USED"), row(2), row(3)]
    assert set(superfluous([an_order("REFUNDED", s1=3)], rows)) == {"1-2", "1-3"}


def test_of_a_kind_that_is_given_back_in_part_the_last_ones_end() -> None:
    rows = [row(1), row(2), row(3), row(1, sku_id=2)]
    assert superfluous([an_order("CONFIRMED", s1=1, s2=1)], rows) == ["1-3", "1-2"]
    named = {("an-order", 1, 1), ("another-order", 1, 2)}
    assert superfluous([an_order("CONFIRMED", s1=1, s2=1)], rows, named) == ["1-1", "1-3"], "the named one first"
    used = [row(1), row(2), row(3, "USED")]
    assert superfluous([an_order("CONFIRMED", s1=1)], used) == ["1-2", "1-1"], "the used one counts"
    assert superfluous([an_order("CONFIRMED", s1=3)], used) == []
