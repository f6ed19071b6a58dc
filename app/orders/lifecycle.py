"""What a fact does to an order: the whole lifecycle, pure, in one table at the end of this module.

    PENDING            -> CONFIRMED | EXPIRED | CANCELED | REVIEW | REJECTED
    EXPIRED, CANCELED  -> CONFIRMED   late money, and the stock could be claimed again
                       -> REVIEW      the same, but of the wrong amount or currency
                       -> REJECTED    claimed again, and the last guard said no
    CONFIRMED          -> PARTIALLY_REFUNDED -> REFUNDED
    REVIEW             -> CONFIRMED   the right money came after all; the rest goes back
                       -> REFUNDED    its time ended, or somebody gave all of the money back

Money that buys nothing (the tickets are gone, or were paid before) is refunded without being asked for. Late money
that came while nobody could say whether the tickets are gone stays undecided until the same fact is told again.
Nothing here talks to the outside; a fact that comes twice changes nothing.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

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

# Money came for an order nobody knows: there is no row in `orders`, only its payments are kept.
UNKNOWN: Final = "UNKNOWN"
# The stock a status takes out of sale.
CLAIMS: Final = {"PENDING": "held", "REVIEW": "held", "CONFIRMED": "sold", "PARTIALLY_REFUNDED": "sold"}
REVIEW_TTL_MS: Final = 24 * 3_600_000  # how long an order in REVIEW keeps its stock


class Payment(msgspec.Struct, frozen=True):
    """A row of `payments`: an attempt to charge, or a refund of the charge `parent_id`."""

    id: str
    kind: str  # CHARGE | REFUND
    status: str  # PENDING | COMPLETED | FAILED, REFUND_PENDING | REFUNDED | REFUND_FAILED
    provider: str
    amount_minor: int
    currency: str
    created_at_ms: int
    transaction_id: str | None = None
    parent_id: str | None = None


class Order(msgspec.Struct, frozen=True):
    """An order with its items and payments. `version` grows by one with every change."""

    id: str
    status: str
    version: int = 0
    event_id: int = 0
    buyer_id: str = ""
    items: tuple[Item, ...] = ()
    total_minor: int = 0
    currency: str = ""
    placed_at_ms: int = 0
    expires_at_ms: int = 0
    extended: bool = False  # the buyer got more time to pay, which there is once
    idempotency_key: str = ""
    request_hash: str = ""
    payments: tuple[Payment, ...] = ()


def claim(status: str) -> str:
    """Which stock an order of this status takes: "held", "sold" or "none"."""
    return CLAIMS.get(status, "none")


def money_kept(order: Order) -> Counter[str]:
    """Minor units that were taken for this order and not given back, by currency."""
    kept: Counter[str] = Counter()
    for payment in order.payments:
        if payment.status == "COMPLETED":
            kept[payment.currency] += payment.amount_minor
        elif payment.status == "REFUNDED":
            kept[payment.currency] -= payment.amount_minor
    return kept


def undecided(order: Order) -> list[Payment]:
    """Charges that came without an order, or after the stock was given up, and are not on their way back.

    One whose refund was refused was decided, and is left to people.
    """
    if order.status not in (UNKNOWN, "EXPIRED", "CANCELED"):
        return []
    refused = {p.parent_id for p in order.payments if p.status == "REFUND_FAILED"}
    return [charge for charge in _unreturned(order) if charge.id not in refused]


def needs_reclaim(order: Order, fact: Fact) -> bool:
    """Whether this is money for an order whose stock was given up: try to claim that again first."""
    if not isinstance(fact, PaymentSucceeded) or order.status not in ("EXPIRED", "CANCELED"):
        return False
    known = _known_charge(order, fact)
    return known is None or known in undecided(order)


class Given(msgspec.Struct, frozen=True):
    """What a fact does not say. `reclaimed`: was the stock claimed again (None: nobody can say now)."""

    reclaimed: bool | None
    review_ttl_ms: int


def apply(
    order: Order, fact: Fact, reclaimed: bool | None = False, *, review_ttl_ms: int = REVIEW_TTL_MS
) -> Order:
    """The order after the fact: the very same object when the fact changes nothing.

    `order` has the status UNKNOWN when nothing is in the books yet. `reclaimed` says, for a fact that
    `needs_reclaim`, whether the stock could be claimed again: None when that is not known yet.
    """
    changed = _EFFECTS[type(fact)](order, fact, Given(reclaimed, review_ttl_ms))
    return order if changed is order else replace(changed, version=order.version + 1)


def _order_placed(order: Order, fact: OrderPlaced, _: Given) -> Order:
    if order.status != UNKNOWN:
        return order
    placed = Order(
        id=fact.order_id,
        status="PENDING",
        event_id=fact.event_id,
        buyer_id=fact.buyer_id,
        items=fact.items,
        total_minor=fact.total_minor,
        currency=fact.currency,
        placed_at_ms=fact.occurred_at_ms,
        expires_at_ms=fact.expires_at_ms,
        idempotency_key=fact.idempotency_key,
        request_hash=fact.request_hash,
        payments=order.payments,
    )
    return _with_all_refunded(placed, fact.occurred_at_ms)  # nobody could pay before: what came, came by mistake


def _cancel_requested(order: Order, fact: CancelRequested, _: Given) -> Order:
    return replace(order, status="CANCELED") if order.status == "PENDING" else order


def _hold_extended(order: Order, fact: HoldExtended, _: Given) -> Order:
    if order.status != "PENDING" or order.extended:
        return order
    return replace(order, extended=True, expires_at_ms=max(order.expires_at_ms, fact.expires_at_ms))


def _hold_lapsed(order: Order, fact: HoldLapsed, _: Given) -> Order:
    if fact.expires_at_ms < order.expires_at_ms:
        return order
    if order.status == "REVIEW":
        return _with_all_refunded(replace(order, status="REFUNDED"), fact.occurred_at_ms)
    return replace(order, status="EXPIRED") if order.status == "PENDING" else order


def _payment_started(order: Order, fact: PaymentStarted, _: Given) -> Order:
    if order.status == UNKNOWN or any(p.id == fact.payment_id for p in order.payments):
        return order
    attempt = Payment(
        id=fact.payment_id,
        kind="CHARGE",
        status="PENDING",
        provider=fact.provider,
        amount_minor=fact.amount_minor,
        currency=fact.currency,
        created_at_ms=fact.occurred_at_ms,
    )
    return replace(order, payments=(*order.payments, attempt))


def _payment_failed(order: Order, fact: PaymentFailed, _: Given) -> Order:
    return _with_payment(order, fact.payment_id, "PENDING", status="FAILED")


def _payment_succeeded(order: Order, fact: PaymentSucceeded, given: Given) -> Order:
    charge = _known_charge(order, fact)
    if charge is not None and charge not in undecided(order):
        return order
    if charge is None:
        order, charge = _with_charge(order, fact)
    at_ms = fact.occurred_at_ms
    match order.status:
        case "PENDING" | "REVIEW":
            return _bought_or_reviewed(order, [charge], at_ms, given)
        case "EXPIRED" | "CANCELED" if given.reclaimed is None:
            return order  # undecided
        case "EXPIRED" | "CANCELED" if given.reclaimed:
            return _bought_or_reviewed(order, undecided(order), at_ms, given)
        case "EXPIRED" | "CANCELED":
            return _with_all_refunded(order, at_ms)  # too late, the tickets are gone
        case "UNKNOWN":
            return order  # its order may still come; if not, somebody gives it back
        case _:
            return _with_refund(order, charge, at_ms)  # paid twice


def _bought_or_reviewed(order: Order, charges: list[Payment], at_ms: int, given: Given) -> Order:
    """An order that has its stock and was paid with these charges, rightly or not."""
    price = (order.total_minor, order.currency)
    right = next((c for c in charges if (left_of(order.payments, c), c.currency) == price), None)
    if right is not None:
        return _with_all_refunded(replace(order, status="CONFIRMED"), at_ms, but=right)
    if order.status == "REVIEW":
        return order
    # Whoever looks at it has this long, whatever the provider's clock says.
    ends_at_ms = max(order.expires_at_ms, at_ms) + given.review_ttl_ms
    return replace(order, status="REVIEW", expires_at_ms=ends_at_ms)


def _refund_requested(order: Order, fact: RefundRequested, _: Given) -> Order:
    charge = next((p for p in order.payments if p.id == fact.payment_id), None)
    if charge is None or charge.status != "COMPLETED" or any(p.id == fact.fact_id for p in order.payments):
        return order
    if not 0 < fact.amount_minor <= left_of(order.payments, charge):
        return order
    return _with_refund(order, charge, fact.occurred_at_ms, fact.fact_id, fact.amount_minor)


def _refund_succeeded(order: Order, fact: RefundSucceeded, _: Given) -> Order:
    after = _with_payment(
        order, fact.refund_id, "REFUND_PENDING", status="REFUNDED", transaction_id=fact.transaction_id
    )
    if after is order:
        return order
    kept = money_kept(after)
    if order.status in ("CONFIRMED", "PARTIALLY_REFUNDED", "REVIEW") and not any(kept.values()):
        return replace(after, status="REFUNDED")
    if order.status == "CONFIRMED" and kept[order.currency] < order.total_minor:
        return replace(after, status="PARTIALLY_REFUNDED")
    return after


def _refund_failed(order: Order, fact: RefundFailed, _: Given) -> Order:
    return _with_payment(order, fact.refund_id, "REFUND_PENDING", status="REFUND_FAILED")


def reject(order: Order, at_ms: int) -> Order:
    """The order after the last guard said no: `order` is as it would have been, and may not be.

    Whatever was paid for it goes back. `at_ms` is when.
    """
    return _with_all_refunded(replace(order, status="REJECTED"), at_ms)


def _known_charge(order: Order, fact: PaymentSucceeded) -> Payment | None:
    return next(
        (
            p
            for p in order.payments
            if p.transaction_id == fact.transaction_id and p.provider == fact.provider and p.kind == "CHARGE"
        ),
        None,
    )


def _with_charge(order: Order, fact: PaymentSucceeded) -> tuple[Order, Payment]:
    """The order with the attempt completed, or with a charge of its own when the attempt has one already."""
    for attempt in order.payments:
        if attempt.id == fact.payment_id and attempt.status in ("PENDING", "FAILED"):
            charge = replace(
                attempt,
                status="COMPLETED",
                amount_minor=fact.amount_minor,
                currency=fact.currency,
                transaction_id=fact.transaction_id,
            )
            return replace(order, payments=_swapped(order.payments, attempt, charge)), charge
    charge = Payment(
        id=derived_id("charge", fact.provider, fact.transaction_id),
        kind="CHARGE",
        status="COMPLETED",
        provider=fact.provider,
        amount_minor=fact.amount_minor,
        currency=fact.currency,
        created_at_ms=fact.occurred_at_ms,
        transaction_id=fact.transaction_id,
    )
    return replace(order, payments=(*order.payments, charge)), charge


def _with_refund(order: Order, charge: Payment, at_ms: int, refund_id: str = "", amount_minor: int = 0) -> Order:
    """The order with a refund to be carried out: of the whole charge, unless an amount is given."""
    if not refund_id:
        refused = sum(p.parent_id == charge.id and p.status == "REFUND_FAILED" for p in order.payments)
        refund_id = derived_id("refund", charge.id, *([str(refused)] if refused else []))
    refund = Payment(
        id=refund_id,
        kind="REFUND",
        status="REFUND_PENDING",
        provider=charge.provider,
        amount_minor=amount_minor or charge.amount_minor,
        currency=charge.currency,
        created_at_ms=at_ms,
        parent_id=charge.id,
    )
    return replace(order, payments=(*order.payments, refund))


def _with_all_refunded(order: Order, at_ms: int, but: Payment | None = None) -> Order:
    """The order with refunds of whatever is left of its charges, except of one."""
    for charge in _unreturned(order):
        if charge is not but:
            order = _with_refund(order, charge, at_ms, amount_minor=left_of(order.payments, charge))
    return order


def _unreturned(order: Order) -> list[Payment]:
    """Charges that are not wholly on their way back."""
    charges = (payment for payment in order.payments if payment.status == "COMPLETED")
    return [charge for charge in charges if left_of(order.payments, charge)]


def left_of(payments: Sequence[Payment], charge: Payment) -> int:
    """Minor units of a charge that are neither given back nor on their way, with all payments of its order."""
    refunds = (p for p in payments if p.parent_id == charge.id and p.status != "REFUND_FAILED")
    return charge.amount_minor - sum(refund.amount_minor for refund in refunds)


def _with_payment(order: Order, payment_id: str, was: str, **changes: str) -> Order:
    """The order with one payment changed, if that payment is there and its status is `was`."""
    for payment in order.payments:
        if payment.id == payment_id and payment.status == was:
            return replace(order, payments=_swapped(order.payments, payment, replace(payment, **changes)))
    return order


def _swapped(payments: tuple[Payment, ...], old: Payment, new: Payment) -> tuple[Payment, ...]:
    return tuple(new if payment is old else payment for payment in payments)


_EFFECTS: Final[dict[type[Any], Callable[[Order, Any, Given], Order]]] = {
    OrderPlaced: _order_placed,
    CancelRequested: _cancel_requested,
    HoldExtended: _hold_extended,
    HoldLapsed: _hold_lapsed,
    PaymentStarted: _payment_started,
    PaymentFailed: _payment_failed,
    PaymentSucceeded: _payment_succeeded,
    RefundRequested: _refund_requested,
    RefundSucceeded: _refund_succeeded,
    RefundFailed: _refund_failed,
}
