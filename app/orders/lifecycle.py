"""What a fact does to an order: the whole lifecycle, pure, in one table at the end of this module.

    PENDING            -> CONFIRMED | EXPIRED | CANCELED | REVIEW | REJECTED
    EXPIRED, CANCELED  -> CONFIRMED   late money, and the stock could be claimed again
                       -> REVIEW      the same, but of the wrong amount or currency
                       -> REJECTED    claimed again, and the last guard said no
    CONFIRMED          -> PARTIALLY_REFUNDED -> REFUNDED
    REVIEW             -> CONFIRMED   the right money came after all, or what came is accepted; the rest goes back
                       -> REFUNDED    its time ended, or somebody gave all of the money back

Called off by the organiser, an order becomes CANCELED or REFUNDED and can buy nothing any more. The status says
what was decided, the payments where the money is: a refund that somebody decides on counts at once.

An order that is paid in two instalments stays PENDING after the first one, until the rest is due. The rest makes
it CONFIRMED; without it the order ends, and the deposit goes back. Money that is neither instalment goes back.

Money that buys nothing (the tickets are gone, or were paid before) is refunded without being asked for. Late money
that came while nobody could say whether the tickets are gone stays undecided until the same fact is told again.
Nothing here talks to the outside; a fact that comes twice changes nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from app.ids import derived_id
from app.orders.facts import (
    CancelRequested,
    Fact,
    HoldExtended,
    HoldKept,
    HoldLapsed,
    Item,
    OrderCalledOff,
    OrderPlaced,
    PaymentFailed,
    PaymentStarted,
    PaymentSucceeded,
    RefundDecided,
    RefundFailed,
    RefundRequested,
    RefundSucceeded,
    Returned,
    ReviewAccepted,
)
from app.units import DAY_MS

# Money came for an order nobody knows: there is no row in `orders`, only its payments are kept.
UNKNOWN: Final = "UNKNOWN"
# The stock a status takes out of sale.
CLAIMS: Final = {
    "PENDING": "held",
    "REVIEW": "held",
    "CONFIRMED": "sold",
    "PARTIALLY_REFUNDED": "sold",
    "REFUNDED": "sold",  # what of it was not put back on sale
}
BOUGHT: Final = ("CONFIRMED", "PARTIALLY_REFUNDED")
REVIEW_TTL_MS: Final = DAY_MS  # how long an order in REVIEW keeps its stock


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
    request_id: str | None = None  # of a refund: the decision it is part of


class Back(msgspec.Struct, frozen=True):
    """Tickets of a line that were taken back: how many are void, and how many of those are on sale again."""

    sku_id: int
    void: int
    restocked: int


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
    back: tuple[Back, ...] = ()  # only lines of which something was taken back
    accepted_minor: int = 0  # what was taken for the price after a review; 0: the total
    accepted_currency: str = ""
    deposit_minor: int = 0  # what is paid first of two instalments; 0: all of it at once
    rest_due_at_ms: int = 0  # how long the rest may take once the deposit was paid
    deposit_id: str = ""  # the charge that is the deposit


class Terms(msgspec.Struct, frozen=True):
    """In which instalments the orders of an event are paid: so much first, and the rest so many days later."""

    deposit_percent: int
    rest_due_days: int
    starts_at_ms: int | None = None  # of the event: by the day before it all is paid, or there are no instalments


class TooMuch(Exception):
    """More than there is to give back; the text says how much there is."""


def claim(order: Order) -> str:
    """Which stock an order takes: "held", "sold" or "none"."""
    return CLAIMS[order.status] if taken(order) else "none"


def taken(order: Order) -> dict[int, int]:
    """How many tickets of each sku an order takes out of sale."""
    if order.status not in CLAIMS:
        return {}
    restocked = {back.sku_id: back.restocked for back in order.back}
    left = {item.sku_id: item.quantity - restocked.get(item.sku_id, 0) for item in order.items}
    return {sku_id: quantity for sku_id, quantity in left.items() if quantity}


def valid(order: Order) -> dict[int, int]:
    """How many tickets of each sku an order is good for, once it is paid: those that were not taken back."""
    void = {back.sku_id: back.void for back in order.back}
    left = {item.sku_id: item.quantity - void.get(item.sku_id, 0) for item in order.items}
    return {sku_id: quantity for sku_id, quantity in left.items() if quantity}


def price_of(order: Order) -> tuple[int, str]:
    """What was to be paid, minor units and currency: the total, or what was accepted in its place."""
    if order.accepted_minor:
        return order.accepted_minor, order.accepted_currency
    return order.total_minor, order.currency


def deposit_of(order: Order) -> Payment | None:
    """The deposit of an order, while all of it is kept."""
    charge = next((p for p in order.payments if p.id == order.deposit_id), None)
    return charge if charge and left_of(order.payments, charge) == order.deposit_minor else None


def due_minor(order: Order) -> int:
    """What is to be paid next for an order, minor units: all of it, the deposit, or the rest; 0 for nothing."""
    if order.status != "PENDING":
        return 0
    if order.deposit_id:  # while an order is PENDING nothing of its deposit goes back
        return order.total_minor - order.deposit_minor
    return order.deposit_minor or order.total_minor


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
    if order.status not in (UNKNOWN, "EXPIRED", "CANCELED") or _is_void(order):
        return []
    refused = {p.parent_id for p in order.payments if p.status == "REFUND_FAILED"}
    return [charge for charge in _unreturned(order) if charge.id not in refused]


def needs_reclaim(order: Order, fact: Fact) -> bool:
    """Whether this is money for an order whose stock was given up: try to claim that again first."""
    if not isinstance(fact, PaymentSucceeded) or order.status not in ("EXPIRED", "CANCELED"):
        return False
    if _buys_nothing(order, fact):
        return False
    known = _known_charge(order, fact)
    return known is None or known in undecided(order)


class Given(msgspec.Struct, frozen=True):
    """What a fact does not say. `reclaimed`: was the stock claimed again (None: nobody can say now)."""

    reclaimed: bool | None
    review_ttl_ms: int
    terms: Terms | None


def apply(
    order: Order,
    fact: Fact,
    reclaimed: bool | None = False,
    *,
    review_ttl_ms: int = REVIEW_TTL_MS,
    terms: Terms | None = None,
) -> Order:
    """The order after the fact: the very same object when the fact changes nothing.

    `order` has the status UNKNOWN when nothing is in the books yet. `reclaimed` says, for a fact that
    `needs_reclaim`, whether the stock could be claimed again: None when that is not known yet. `terms` are the
    event's, for a new order.
    """
    changed = _EFFECTS[type(fact)](order, fact, Given(reclaimed, review_ttl_ms, terms))
    return order if changed is order else replace(changed, version=order.version + 1)


def _order_placed(order: Order, fact: OrderPlaced, given: Given) -> Order:
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
    if given.terms:
        placed = _in_instalments(placed, given.terms)
    return _with_all_refunded(placed, fact.occurred_at_ms)  # nobody could pay before: what came, came by mistake


def _in_instalments(order: Order, terms: Terms) -> Order:
    deposit_minor = -(-order.total_minor * terms.deposit_percent // 100)
    due_at_ms = order.placed_at_ms + terms.rest_due_days * DAY_MS
    if deposit_minor >= order.total_minor or (terms.starts_at_ms and due_at_ms > terms.starts_at_ms - DAY_MS):
        return order
    return replace(order, deposit_minor=deposit_minor, rest_due_at_ms=due_at_ms)


def _cancel_requested(order: Order, fact: CancelRequested, _: Given) -> Order:
    if order.status != "PENDING":
        return order
    return _without_deposit(replace(order, status="CANCELED"), fact.occurred_at_ms)


def _hold_extended(order: Order, fact: HoldExtended, _: Given) -> Order:
    if order.status != "PENDING" or order.extended:
        return order
    return replace(order, extended=True, expires_at_ms=max(order.expires_at_ms, fact.expires_at_ms))


def _hold_lapsed(order: Order, fact: HoldLapsed, _: Given) -> Order:
    if fact.expires_at_ms < order.expires_at_ms:
        return order
    if order.status == "REVIEW":
        return _given_back(order, fact.occurred_at_ms, restock=True)
    if order.status != "PENDING":
        return order
    return _without_deposit(replace(order, status="EXPIRED"), fact.occurred_at_ms)


def _without_deposit(order: Order, at_ms: int) -> Order:
    """An order that ended before all of it was paid: the deposit goes back."""
    deposit = deposit_of(order)
    return _with_refund(order, deposit, at_ms) if deposit else order


def _hold_kept(order: Order, fact: HoldKept, _: Given) -> Order:
    if order.status != "PENDING" or fact.expires_at_ms <= order.expires_at_ms:
        return order
    return replace(order, expires_at_ms=fact.expires_at_ms)


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
        case "EXPIRED" | "CANCELED" if _buys_nothing(order, fact):
            return _with_refund(order, charge, at_ms)
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
    if order.deposit_minor:
        return _instalment_paid(order, charges, at_ms)
    price = (order.total_minor, order.currency)
    right = next((c for c in charges if (left_of(order.payments, c), c.currency) == price), None)
    if right is not None:
        return _with_all_refunded(replace(order, status="CONFIRMED"), at_ms, but=[right])
    if order.status == "REVIEW":
        return order
    # Whoever looks at it has this long, whatever the provider's clock says.
    ends_at_ms = max(order.expires_at_ms, at_ms) + given.review_ttl_ms
    return replace(order, status="REVIEW", expires_at_ms=ends_at_ms)


def _instalment_paid(order: Order, charges: list[Payment], at_ms: int) -> Order:
    """The same for an order in instalments. Money that is neither of them goes back; the order stays as it is."""
    deposit = deposit_of(order)
    price = (order.total_minor, order.currency)
    due = (order.total_minor - order.deposit_minor if deposit else order.deposit_minor, order.currency)
    paid = {(left_of(order.payments, charge), charge.currency): charge for charge in reversed(charges)}
    if not deposit and price in paid:
        return _with_all_refunded(replace(order, status="CONFIRMED"), at_ms, but=[paid[price]])
    if deposit and due in paid:
        return _with_all_refunded(replace(order, status="CONFIRMED"), at_ms, but=[deposit, paid[due]])
    if not deposit and due in paid:
        deposit = paid[due]
        ends_at_ms = max(order.expires_at_ms, order.rest_due_at_ms)
        order = replace(order, status="PENDING", deposit_id=deposit.id, expires_at_ms=ends_at_ms)
    return _with_all_refunded(order, at_ms, but=[deposit] if deposit else [])


def _buys_nothing(order: Order, fact: PaymentSucceeded) -> bool:
    """Whether late money goes back whatever is left: the order is void, or it is no first instalment."""
    if not order.deposit_minor:
        return _is_void(order)
    firsts = () if order.deposit_id else (order.deposit_minor, order.total_minor)
    return _is_void(order) or fact.amount_minor not in firsts or fact.currency != order.currency


def _refund_requested(order: Order, fact: RefundRequested, _: Given) -> Order:
    charge = next((p for p in order.payments if p.id == fact.payment_id), None)
    if charge is None or charge.status != "COMPLETED" or any(p.id == fact.fact_id for p in order.payments):
        return order
    if order.status == "PENDING" and charge is deposit_of(order):
        return order  # it goes back with the whole order, or not at all
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
    if order.status in (*BOUGHT, "REVIEW") and not any(kept.values()):
        return _void(replace(after, status="REFUNDED"), restock=True)
    price_minor, currency = price_of(order)
    if order.status == "CONFIRMED" and kept[currency] < price_minor:
        return replace(after, status="PARTIALLY_REFUNDED")
    return after


def _refund_failed(order: Order, fact: RefundFailed, _: Given) -> Order:
    return _with_payment(order, fact.refund_id, "REFUND_PENDING", status="REFUND_FAILED")


def _refund_decided(order: Order, fact: RefundDecided, _: Given) -> Order:
    if any(p.request_id == fact.fact_id for p in order.payments):
        return order
    try:
        parts = refund_parts(order, fact.amount_minor, fact.items)
    except TooMuch:
        return order  # overtaken by another one: whoever asked for it sees that it was not booked
    if not parts:
        return order
    if takes_all(order, parts):
        return _given_back(order, fact.occurred_at_ms, restock=fact.restock, request_id=fact.fact_id)
    for charge, amount_minor in parts:
        order = _with_part(order, charge, amount_minor, fact.occurred_at_ms, fact.fact_id)
    order = _with_back(order, fact.items, restock=fact.restock)
    return replace(order, status="PARTIALLY_REFUNDED") if order.status == "CONFIRMED" else order


def _order_called_off(order: Order, fact: OrderCalledOff, _: Given) -> Order:
    if order.status in (UNKNOWN, "REJECTED", "REFUNDED") or (_is_void(order) and not _unreturned(order)):
        return order
    return _given_back(order, fact.occurred_at_ms, restock=fact.restock, request_id=fact.fact_id)


def _review_accepted(order: Order, fact: ReviewAccepted, _: Given) -> Order:
    charges = _unreturned(order)
    if order.status != "REVIEW" or not charges:
        return order
    # The one that is most like the price stays: of its currency, and the largest.
    kept = max(charges, key=lambda charge: (charge.currency == order.currency, left_of(order.payments, charge)))
    left_minor = left_of(order.payments, kept)
    order = _with_all_refunded(replace(order, status="CONFIRMED"), fact.occurred_at_ms, but=[kept])
    if kept.currency == order.currency and left_minor >= order.total_minor:
        excess_minor = left_minor - order.total_minor
        if not excess_minor:
            return order
        return _with_part(order, kept, excess_minor, fact.occurred_at_ms, fact.fact_id)
    return replace(order, accepted_minor=left_minor, accepted_currency=kept.currency)


def refund_parts(order: Order, amount_minor: int, items: Iterable[Returned]) -> list[tuple[Payment, int]]:
    """The charges that give money back, and how much each: `amount_minor`, the price of `items`, or all of it.

    Empty when there is nothing to give back. Raises TooMuch.
    """
    charges = _unreturned(order)
    left = {charge.id: left_of(order.payments, charge) for charge in charges}
    currency = refund_currency(order)
    lines = {item.sku_id: item for item in order.items}
    still = valid(order) if order.status in BOUGHT and currency == order.currency else {}
    for returned in items:
        there = still.get(returned.sku_id, 0)
        if returned.quantity > there:
            raise TooMuch(f"{there} tickets of kind {returned.sku_id} may still be given back")
        amount_minor += lines[returned.sku_id].price_minor * returned.quantity
    if not amount_minor:
        return [(charge, left[charge.id]) for charge in charges]
    charges = [charge for charge in charges if charge.currency == currency]
    most_minor = sum(left[charge.id] for charge in charges)
    if charges and amount_minor > most_minor:
        raise TooMuch(f"{most_minor} (in minor units of {currency}) may still be given back")
    if order.status == "PENDING" and amount_minor < most_minor and deposit_of(order):
        raise TooMuch("of a deposit only all of it goes back, and with it the order")
    parts = []
    for charge in sorted(charges, key=lambda charge: -left[charge.id]):
        if part_minor := min(amount_minor, left[charge.id]):
            parts.append((charge, part_minor))
            amount_minor -= part_minor
    return parts


def refund_currency(order: Order) -> str:
    """The currency in which an amount of this order goes back: that of its price, if anything was paid in it."""
    currencies = {charge.currency for charge in _unreturned(order)}
    _, currency = price_of(order)
    return currency if currency in currencies or len(currencies) != 1 else currencies.pop()


def takes_all(order: Order, parts: Sequence[tuple[Payment, int]]) -> bool:
    """Whether nothing that was paid for the order stays once these parts are given back."""
    return sum(part for _, part in parts) == sum(left_of(order.payments, c) for c in _unreturned(order))


def _given_back(order: Order, at_ms: int, *, restock: bool, request_id: str | None = None) -> Order:
    """The order with all of its money on its way back, and all of its tickets void."""
    for charge in _unreturned(order):
        if request_id:
            order = _with_part(order, charge, left_of(order.payments, charge), at_ms, request_id)
        else:
            order = _with_refund(order, charge, at_ms, amount_minor=left_of(order.payments, charge))
    if order.status in (*BOUGHT, "REVIEW"):
        return _void(replace(order, status="REFUNDED"), restock=restock)
    if order.status == "PENDING":
        order = replace(order, status="CANCELED")
    return _void(order, restock=True) if order.status in ("CANCELED", "EXPIRED") and request_id else order


def _void(order: Order, *, restock: bool) -> Order:
    still = valid(order)
    return _with_back(order, [Returned(sku_id, still[sku_id]) for sku_id in still], restock=restock)


def _is_void(order: Order) -> bool:
    """Whether all of its tickets were taken back: money for it buys nothing any more."""
    return bool(order.back) and not valid(order)


def _with_back(order: Order, items: Iterable[Returned], *, restock: bool) -> Order:
    """The order with these tickets taken back."""
    back = {line.sku_id: line for line in order.back}
    for returned in items:
        was = back.get(returned.sku_id, Back(returned.sku_id, 0, 0))
        back[returned.sku_id] = replace(
            was,
            void=was.void + returned.quantity,
            restocked=was.restocked + (returned.quantity if restock else 0),
        )
    return replace(order, back=tuple(back[sku_id] for sku_id in sorted(back)))


def _with_part(order: Order, charge: Payment, amount_minor: int, at_ms: int, request_id: str) -> Order:
    """The order with a refund of a charge that is part of a decision."""
    refund_id = derived_id("refund", request_id, charge.id)
    return _with_refund(order, charge, at_ms, refund_id, amount_minor, request_id)


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


def _with_refund(
    order: Order,
    charge: Payment,
    at_ms: int,
    refund_id: str = "",
    amount_minor: int = 0,
    request_id: str | None = None,
) -> Order:
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
        request_id=request_id,
    )
    return replace(order, payments=(*order.payments, refund))


def _with_all_refunded(order: Order, at_ms: int, but: Sequence[Payment] = ()) -> Order:
    """The order with refunds of whatever is left of its charges, except of those that it keeps."""
    for charge in _unreturned(order):
        if charge not in but:
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
    RefundDecided: _refund_decided,
    OrderCalledOff: _order_called_off,
    ReviewAccepted: _review_accepted,
    HoldKept: _hold_kept,
}
