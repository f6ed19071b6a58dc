"""Facts of one order, for tests of the lifecycle: made by hand, or as random histories."""

from hypothesis import strategies as st

from app.ids import derived_id
from app.orders.facts import (
    CancelRequested,
    Fact,
    HoldExtended,
    HoldLapsed,
    Item,
    OrderPlaced,
    PaymentFailed,
    PaymentStarted,
    PaymentSucceeded,
    RefundFailed,
    RefundRequested,
    RefundSucceeded,
)
from app.orders.lifecycle import REVIEW_TTL_MS, UNKNOWN, Order, apply, needs_reclaim

ORDER_ID = "019412d0-1a2b-7c3d-8e4f-123400000007"  # of event 7
ITEMS = (Item(sku_id=1, quantity=2, price_minor=3_000), Item(sku_id=2, quantity=1, price_minor=3_000))
TOTAL = 9_000
HOLD_ENDS_MS = 1_000_000
AT_MS = 900_000
EXTENDED_MS = HOLD_ENDS_MS + 100_000
REVIEW_ENDS_MS = HOLD_ENDS_MS + REVIEW_TTL_MS
EXTENDED_REVIEW_MS = EXTENDED_MS + REVIEW_TTL_MS


def placed() -> OrderPlaced:
    return OrderPlaced(
        fact_id="placed",
        order_id=ORDER_ID,
        occurred_at_ms=AT_MS,
        event_id=7,
        buyer_id="b" * 32,
        items=ITEMS,
        total_minor=TOTAL,
        currency="USD",
        expires_at_ms=HOLD_ENDS_MS,
        idempotency_key="key",
        request_hash="h" * 64,
        outbox_id="1-0",
    )


def canceled() -> CancelRequested:
    return CancelRequested(fact_id="cancel", order_id=ORDER_ID, occurred_at_ms=AT_MS, outbox_id="1-1")


def extended(ends_ms: int = EXTENDED_MS) -> HoldExtended:
    return HoldExtended(
        fact_id=f"extended to {ends_ms}",
        order_id=ORDER_ID,
        occurred_at_ms=AT_MS,
        expires_at_ms=ends_ms,
        outbox_id="1-2",
    )


def lapsed(hold_ended_ms: int = HOLD_ENDS_MS) -> HoldLapsed:
    fact_id = f"lapsed at {hold_ended_ms}"
    return HoldLapsed(fact_id=fact_id, order_id=ORDER_ID, occurred_at_ms=HOLD_ENDS_MS, expires_at_ms=hold_ended_ms)


def started(payment_id: str) -> PaymentStarted:
    return PaymentStarted(
        fact_id=f"started {payment_id}",
        order_id=ORDER_ID,
        occurred_at_ms=AT_MS,
        payment_id=payment_id,
        provider="sandbox",
        amount_minor=TOTAL,
        currency="USD",
    )


def paid(
    transaction_id: str, payment_id: str = "try 1", amount_minor: int = TOTAL, currency: str = "USD"
) -> PaymentSucceeded:
    return PaymentSucceeded(
        fact_id=f"paid {transaction_id}",
        order_id=ORDER_ID,
        occurred_at_ms=AT_MS,
        payment_id=payment_id,
        provider="sandbox",
        transaction_id=transaction_id,
        amount_minor=amount_minor,
        currency=currency,
    )


def declined(payment_id: str) -> PaymentFailed:
    return PaymentFailed(
        fact_id=f"declined {payment_id}",
        order_id=ORDER_ID,
        occurred_at_ms=AT_MS,
        payment_id=payment_id,
        provider="sandbox",
        reason="declined",
    )


def refund_asked(refund_id: str, payment_id: str, amount_minor: int) -> RefundRequested:
    return RefundRequested(
        fact_id=refund_id,
        order_id=ORDER_ID,
        occurred_at_ms=AT_MS,
        payment_id=payment_id,
        amount_minor=amount_minor,
        reason="rain",
    )


def refunded(refund_id: str) -> RefundSucceeded:
    return RefundSucceeded(
        fact_id=f"refunded {refund_id}",
        order_id=ORDER_ID,
        occurred_at_ms=AT_MS,
        refund_id=refund_id,
        transaction_id=f"back {refund_id}",
    )


def refund_refused(refund_id: str) -> RefundFailed:
    return RefundFailed(
        fact_id=f"refused {refund_id}",
        order_id=ORDER_ID,
        occurred_at_ms=AT_MS,
        refund_id=refund_id,
        reason="account closed",
    )


def own_charge(transaction_id: str) -> str:
    """The id of a charge that belongs to no attempt."""
    return derived_id("charge", "sandbox", transaction_id)


def own_refund(charge_id: str, refused: int = 0) -> str:
    """The id of the refund that nobody asked for, after so many that were refused."""
    return derived_id("refund", charge_id, *([str(refused)] if refused else []))


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[Fact, bool | None]]:
    """Facts of one order as they may come: late, early, again and again, in any order.

    With each fact comes whether stock that was given up can be claimed again; None: nobody can say now.
    """
    amounts = st.sampled_from([(TOTAL, "USD")] * 5 + [(TOTAL - 1, "USD"), (2 * TOTAL, "USD"), (TOTAL, "EUR")])
    always: list[Fact] = [
        *(canceled(), lapsed(), lapsed(HOLD_ENDS_MS - 1), lapsed(REVIEW_ENDS_MS)),
        *(extended(), extended(EXTENDED_MS + 1), lapsed(EXTENDED_MS), lapsed(EXTENDED_REVIEW_MS)),
        *(started("try 1"), started("try 2"), declined("try 1"), declined("try 2")),
        *(paid(f"tx {n}", draw(st.sampled_from(["try 1", "try 2"])), *draw(amounts)) for n in (1, 2, 3)),
        *(refunded("nobody's"), refund_refused("nobody's"), refund_asked("for nothing", "nobody's", TOTAL)),
    ]
    history: list[tuple[Fact, bool | None]] = []
    order = Order(ORDER_ID, UNKNOWN, event_id=7)
    for step in range(draw(st.integers(0, 40))):
        charges = [payment.id for payment in order.payments if payment.status == "COMPLETED"]
        refunds = [payment.id for payment in order.payments if payment.status == "REFUND_PENDING"]
        facts: list[Fact] = [
            *(placed() for _ in range(20 if order.status == UNKNOWN else 1)),
            *always,
            *(fact for fact, _ in history[-8:]),
            *(refund_asked(f"r {step}", id, amount) for id in charges for amount in (4_000, 5_000, TOTAL) * 2),
            *(tell(id) for id in refunds for tell in (refunded, refunded, refunded, refund_refused)),
        ]
        fact, can_reclaim = draw(st.sampled_from(facts)), draw(st.sampled_from([True, False, None]))
        history.append((fact, can_reclaim))
        order = apply(order, fact, can_reclaim and needs_reclaim(order, fact))
    return history
