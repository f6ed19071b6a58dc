"""An independent model of the lifecycle, written from what should be true rather than from the program's table."""

from collections import Counter

from app.orders.facts import (
    CancelRequested,
    Fact,
    HoldExtended,
    HoldLapsed,
    OrderPlaced,
    PaymentStarted,
    PaymentSucceeded,
    RefundFailed,
    RefundRequested,
    RefundSucceeded,
)
from app.orders.lifecycle import REVIEW_TTL_MS, UNKNOWN
from tests.unit.order_facts import HOLD_ENDS_MS, TOTAL, own_charge, own_refund


class Story:
    """What should have become of an order: sets of what is known, and a status worked out from them."""

    def __init__(self) -> None:
        self.is_placed = False
        self.gave_up = ""
        self.hold_ends_ms = HOLD_ENDS_MS
        self.is_extended = False
        self.started: set[str] = set()
        self.charges: dict[str, tuple[int, str]] = {}
        self.transactions: dict[str, str] = {}  # id -> its charge
        self.known: list[str] = []  # attempts and charges, as they became known
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
        if self.bought_with:
            return "PARTIALLY_REFUNDED" if self.is_dented else "CONFIRMED"
        if self.is_odd:
            return "REVIEW"
        return self.gave_up or "PENDING"

    @property
    def review_ends_ms(self) -> int:
        """When a review of the order ends."""
        return self.hold_ends_ms + REVIEW_TTL_MS

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

    @property
    def loose(self) -> list[str]:
        """Charges of which something is not on its way back."""
        return [charge_id for charge_id in self.known if charge_id in self.charges and self.left_of(charge_id)]

    @property
    def open(self) -> list[str]:
        """Those of them that were never to go back."""
        refused = {self.refunds[refund][0] for refund in self.refused}
        return [charge_id for charge_id in self.loose if charge_id not in refused]

    def is_too_late(self, fact: PaymentSucceeded) -> bool:
        """Whether this money may buy back tickets that were given up."""
        is_open = (
            fact.transaction_id not in self.transactions or self.transactions[fact.transaction_id] in self.open
        )
        return self.status == self.gave_up and is_open

    def hear(self, fact: Fact, is_reclaimed: bool | None) -> None:
        match fact:
            case OrderPlaced() if not self.is_placed:
                self.is_placed = True
                self._give_back(self.loose)
            case CancelRequested() if self.status == "PENDING":
                self.gave_up = "CANCELED"
            case HoldExtended() if self.status == "PENDING" and not self.is_extended:
                self.hold_ends_ms, self.is_extended = fact.expires_at_ms, True
            case HoldLapsed() if self.status == "PENDING" and fact.expires_at_ms >= self.hold_ends_ms:
                self.gave_up = "EXPIRED"
            case HoldLapsed() if self.status == "REVIEW" and fact.expires_at_ms >= self.review_ends_ms:
                self.is_empty = True
                self._give_back(self.loose)
            case PaymentStarted() if self.is_placed:
                self.started.add(fact.payment_id)
                self._know(fact.payment_id)
            case PaymentSucceeded() if fact.transaction_id not in self.transactions:
                self._take(fact, is_reclaimed)
            case PaymentSucceeded() if self.is_too_late(fact):
                self._decide(is_reclaimed)
            case RefundRequested() if fact.payment_id in self.charges and fact.fact_id not in self.refunds:
                if 0 < fact.amount_minor <= self.left_of(fact.payment_id):
                    self.refunds[fact.fact_id] = (fact.payment_id, fact.amount_minor)
            case RefundSucceeded() if fact.refund_id in self.refunds.keys() - self.refused - self.returned:
                self.returned.add(fact.refund_id)
                if self.bought_with or self.is_odd:
                    self.is_empty |= not self.kept
                if self.bought_with:
                    self.is_dented |= self.kept["USD"] < TOTAL
            case RefundFailed() if fact.refund_id in self.refunds.keys() - self.returned:
                self.refused.add(fact.refund_id)

    def _know(self, payment_id: str) -> None:
        if payment_id not in self.known:
            self.known.append(payment_id)

    def _take(self, fact: PaymentSucceeded, is_reclaimed: bool | None) -> None:
        has_attempt = fact.payment_id in self.started - self.charges.keys()
        charge_id = fact.payment_id if has_attempt else own_charge(fact.transaction_id)
        was = self.status
        self._know(charge_id)
        self.transactions[fact.transaction_id] = charge_id
        self.charges[charge_id] = (fact.amount_minor, fact.currency)
        if was in ("PENDING", "REVIEW"):
            self._buy([charge_id])
        elif was == self.gave_up:
            self._decide(is_reclaimed)
        elif was != UNKNOWN:
            self._give_back([charge_id])

    def _decide(self, is_reclaimed: bool | None) -> None:
        """Money after the tickets were given up: they are there again, they are gone, or nobody knows yet."""
        if is_reclaimed:
            self._buy(self.open)
        elif is_reclaimed is False:
            self._give_back(self.loose)

    def _buy(self, charge_ids: list[str]) -> None:
        right = [c for c in charge_ids if (self.left_of(c), self.charges[c][1]) == (TOTAL, "USD")]
        if right:
            self.bought_with = right[0]
            self._give_back([charge_id for charge_id in self.loose if charge_id != right[0]])
        else:
            self.is_odd = True

    def _give_back(self, charge_ids: list[str]) -> None:
        for charge_id in charge_ids:
            refused = sum(self.refunds[refund][0] == charge_id for refund in self.refused)
            self.refunds[own_refund(charge_id, refused)] = (charge_id, self.left_of(charge_id))
