"""What the ledger notes of stock: the movements of a batch add up to what its order claims."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from app.orders.facts import Fact
from app.orders.ledger import Change, Movement
from app.orders.lifecycle import UNKNOWN, Order, apply, claim, needs_reclaim
from tests.unit.order_facts import (
    ITEMS,
    ORDER_ID,
    canceled,
    histories,
    lapsed,
    paid,
    placed,
    refund_asked,
    refunded,
)

NEVER_SEEN = Order(ORDER_ID, UNKNOWN, event_id=7)


def fold(order: Order, *facts: Fact, reclaimed: bool | None = False) -> Change:
    """One batch of facts of one order."""
    change = Change(order)
    for fact in facts:
        change.step(apply(change.after, fact, reclaimed and needs_reclaim(change.after, fact)))
    return change


def moved(change: Change) -> list[tuple[int, int, str]]:
    return [(sku_id, quantity, reason) for _, sku_id, quantity, reason in change.movements]


def test_a_new_order_takes_its_tickets() -> None:
    assert moved(fold(NEVER_SEEN, placed())) == [(1, -2, "PLACED"), (2, -1, "PLACED")]


def test_paying_for_an_order_moves_no_tickets() -> None:
    assert moved(fold(fold(NEVER_SEEN, placed()).after, paid("tx 1"))) == []


def test_a_lapsed_order_gives_its_tickets_back() -> None:
    assert moved(fold(fold(NEVER_SEEN, placed()).after, lapsed())) == [(1, 2, "EXPIRED"), (2, 1, "EXPIRED")]


def test_late_money_takes_them_again() -> None:
    expired = fold(NEVER_SEEN, placed(), lapsed()).after
    assert moved(fold(expired, paid("tx 1"), reclaimed=True)) == [(1, -2, "RECLAIMED"), (2, -1, "RECLAIMED")]
    assert moved(fold(expired, paid("tx 1"), reclaimed=False)) == []


def test_a_batch_notes_every_step() -> None:
    reasons = [reason for _, _, reason in moved(fold(NEVER_SEEN, placed(), canceled()))]
    assert reasons == ["PLACED", "PLACED", "CANCELED", "CANCELED"]


def test_a_refunded_order_gives_its_tickets_back() -> None:
    confirmed = fold(NEVER_SEEN, placed(), paid("tx 1")).after
    (charge,) = confirmed.payments
    change = fold(confirmed, refund_asked("refund 1", charge.id, charge.amount_minor), refunded("refund 1"))
    assert moved(change) == [(1, 2, "REFUNDED"), (2, 1, "REFUNDED")]


def test_what_the_last_guard_refuses_moves_nothing() -> None:
    change = fold(NEVER_SEEN, placed())
    change.reject()
    assert (change.after.status, moved(change)) == ("REJECTED", [])


def test_a_reclaim_that_the_last_guard_refuses_moves_nothing() -> None:
    expired = fold(NEVER_SEEN, placed(), lapsed()).after
    change = fold(expired, paid("tx 1"), reclaimed=True)
    change.reject()
    assert (change.after.status, moved(change)) == ("REJECTED", [])


@settings(max_examples=3 * settings().max_examples)
@given(histories(), st.data())
def test_however_facts_fall_into_batches_the_audit_is_what_the_order_claims(
    history: list[tuple[Fact, bool | None]], data: st.DataObject
) -> None:
    order, audit = NEVER_SEEN, list[Movement]()
    change = Change(order)
    for fact, can_reclaim in history:
        change.step(apply(change.after, fact, can_reclaim and needs_reclaim(change.after, fact)))
        if data.draw(st.booleans(), "the batch ends here"):
            order, change = end_batch(change, audit), Change(change.after)
            claims_add_up(order, audit)
    claims_add_up(end_batch(change, audit), audit)


@given(histories(), st.integers(0, 40))
def test_a_batch_that_the_last_guard_refuses_leaves_nothing_claimed(
    history: list[tuple[Fact, bool | None]], refused_from: int
) -> None:
    order, audit = NEVER_SEEN, list[Movement]()
    for step, (fact, can_reclaim) in enumerate(history):
        change = fold(order, fact, reclaimed=can_reclaim)
        takes = claim(order) == "none" and claim(change.after) != "none"
        if takes and step >= refused_from:
            change.reject()
            assert change.movements == []
        order = end_batch(change, audit)
        claims_add_up(order, audit)


def end_batch(change: Change, audit: list[Movement]) -> Order:
    audit += change.movements
    return change.after


def claims_add_up(order: Order, audit: list[Movement]) -> None:
    total: Counter[int] = Counter()
    for order_id, sku_id, quantity, _ in audit:
        assert order_id == ORDER_ID
        total[sku_id] += quantity
    claimed = order.status in ("PENDING", "REVIEW", "CONFIRMED", "PARTIALLY_REFUNDED")
    assert total == Counter({item.sku_id: -item.quantity for item in ITEMS} if claimed else {})
    once = [(order_id, sku_id, reason) for order_id, sku_id, _, reason in audit]
    assert len(set(once)) == len(once), "inventory_audit takes each reason once for an order"
