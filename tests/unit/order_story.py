"""An independent model of the lifecycle, written from what should be true rather than from the program's table."""

from collections import Counter

from app.orders.facts import (
    CancelRequested,
    Fact,
    HoldLapsed,
    OrderPlaced,
    PaymentStarted,
    PaymentSucceeded,
    RefundFailed,
    RefundRequested,
    RefundSucceeded,
)
from app.orders.lifecycle import UNKNOWN
from tests.unit.order_facts import HOLD_ENDS_MS, TOTAL, own_charge, own_refund


class Story:
    """What should have become of an order: sets of what is known, and a status worked out from them."""

    def __init__(self) -> None:
        self.is_placed = False
        self.gave_up = ""
        self.started: set[str] = set()
        self.charges: dict[str, tuple[int, str]] = {}
        self.transactions: set[str] = set()
        self.bought_with = ""  # the charge that the tickets were sold for
        self.is_odd = False  # somebody has to look at the money
        self.refunds: dict[str, tuple[str, int]] = {}  # id -> charge, amount
        self.returned: set[str] = set()
        self.refused: set[str] = set()
        self.is_dented = False
        self.is_empty = False

    @property
    def status(self) -> str:
        if not self.is_placed:
            return UNKNOWN
        if self.is_empty:
            return "REFUNDED"
        if self.is_odd:
            return "REVIEW"
        if self.bought_with:
            return "PARTIALLY_REFUNDED" if self.is_dented else "CONFIRMED"
        return self.gave_up or "PENDING"

    @property
    def kept(self) -> Counter[str]:
        """Minor units taken and not returned, by currency."""
        kept: Counter[str] = Counter()
        for amount, currency in self.charges.values():
            kept[currency] += amount
        for refund_id in self.returned:
            charge_id, amount = self.refunds[refund_id]
            kept[self.charges[charge_id][1]] -= amount
        return +kept

    def left_of(self, charge_id: str) -> int:
        """What of a charge is neither returned nor on its way back."""
        going = [
            amount
            for refund_id, (charge, amount) in self.refunds.items()
            if charge == charge_id and refund_id not in self.refused
        ]
        return self.charges[charge_id][0] - sum(going)

    def is_too_late(self, fact: PaymentSucceeded) -> bool:
        """Whether this is the right money for tickets that were given up."""
        is_right = (fact.amount_minor, fact.currency) == (TOTAL, "USD")
        return is_right and fact.transaction_id not in self.transactions and self.status == self.gave_up

    def hear(self, fact: Fact, is_reclaimed: bool) -> None:
        match fact:
            case OrderPlaced() if not self.is_placed:
                self.is_placed = True
                for charge_id in self.charges:
                    was_refused = any(self.refunds[refund][0] == charge_id for refund in self.refused)
                    if self.left_of(charge_id) and not was_refused:
                        self.refunds[own_refund(charge_id)] = (charge_id, self.left_of(charge_id))
            case CancelRequested() if self.status == "PENDING":
                self.gave_up = "CANCELED"
            case HoldLapsed() if self.status == "PENDING" and fact.expires_at_ms == HOLD_ENDS_MS:
                self.gave_up = "EXPIRED"
            case PaymentStarted() if self.is_placed:
                self.started.add(fact.payment_id)
            case PaymentSucceeded() if fact.transaction_id not in self.transactions:
                self._take(fact, is_reclaimed)
            case RefundRequested() if fact.payment_id in self.charges and fact.fact_id not in self.refunds:
                if 0 < fact.amount_minor <= self.left_of(fact.payment_id):
                    self.refunds[fact.fact_id] = (fact.payment_id, fact.amount_minor)
            case RefundSucceeded() if fact.refund_id in self.refunds.keys() - self.refused - self.returned:
                self.returned.add(fact.refund_id)
                if self.bought_with or self.is_odd:
                    self.is_empty |= not self.kept
                    self.is_dented |= self.kept["USD"] < TOTAL
            case RefundFailed() if fact.refund_id in self.refunds.keys() - self.returned:
                self.refused.add(fact.refund_id)

    def _take(self, fact: PaymentSucceeded, is_reclaimed: bool) -> None:
        has_attempt = fact.payment_id in self.started - self.charges.keys()
        charge_id = fact.payment_id if has_attempt else own_charge(fact.transaction_id)
        is_wanted = self.status in ("PENDING", self.gave_up)
        self.transactions.add(fact.transaction_id)
        self.charges[charge_id] = (fact.amount_minor, fact.currency)
        if self.status in (UNKNOWN, "REVIEW"):
            return
        if is_wanted and (fact.amount_minor, fact.currency) != (TOTAL, "USD"):
            self.is_odd = True
        elif is_wanted and (not self.gave_up or is_reclaimed):
            self.bought_with = charge_id
        else:
            self.refunds[own_refund(charge_id)] = (charge_id, fact.amount_minor)
