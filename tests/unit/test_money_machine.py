"""A buyer, a clock, a provider and an organiser do what they like to one order; a model of money keeps count.

The model knows charges and refunds as the provider carries them out, and what was decided. However it went: nobody
gets more back than was paid, what is kept has its tickets, and what has no tickets keeps nothing.
"""

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import structs

from app.orders.facts import Fact, OrderCalledOff, PaymentSucceeded, RefundDecided, Returned, ReviewAccepted
from app.orders.lifecycle import (
    BOUGHT,
    UNKNOWN,
    Order,
    Payment,
    Terms,
    TooMuch,
    apply,
    claim,
    left_of,
    money_kept,
    needs_reclaim,
    price_of,
    refund_parts,
    taken,
    undecided,
    valid,
)
from tests.unit.order_facts import (
    AT_MS,
    HOLD_ENDS_MS,
    ITEMS,
    ORDER_ID,
    TOTAL,
    canceled,
    lapsed,
    paid,
    placed,
    refund_asked,
    refund_refused,
    refunded,
    started,
)

WHOLE = {item.sku_id: item.quantity for item in ITEMS}
TERMS = Terms(deposit_percent=20, rest_due_days=14)
DEPOSIT = TOTAL // 5
PARTS = [(DEPOSIT, "USD"), (TOTAL - DEPOSIT, "USD")]
AMOUNTS = st.sampled_from(
    [(TOTAL, "USD")] * 4 + PARTS * 2 + [(TOTAL - 1, "USD"), (TOTAL + 500, "USD"), (TOTAL, "EUR")]
)


class Night(RuleBasedStateMachine):
    """One order, and all that may happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self.order = Order(ORDER_ID, UNKNOWN, event_id=7)
        self.told: list[Fact] = []
        self.number = 0
        self.on_its_way: list[PaymentSucceeded] = []  # the provider took it; nobody told us yet
        self.taken_minor: Counter[str] = Counter()  # told us, by currency
        self.given_minor: Counter[str] = Counter()
        self.of_charge: Counter[str] = Counter()  # given back, by charge
        self.goodwill_minor = 0  # decided as an amount or as tickets while the order was bought
        self.can_reclaim: bool | None = True
        self.terms: Terms | None = None

    def tell(self, *facts: Fact) -> None:
        for fact in facts:
            reclaimed = needs_reclaim(self.order, fact) and self.can_reclaim
            after = apply(self.order, fact, reclaimed, terms=self.terms)
            if after is not self.order:
                self.told.append(fact)
            self.order = after

    def next(self, name: str) -> str:
        self.number += 1
        return f"{name} {self.number}"

    @initialize(
        how=st.sampled_from(
            [
                "bought",
                "wrong",
                "wrong",
                "expired",
                "canceled",
                "called off",
                "pending",
                "deposit",
                "deposit",
                "both",
            ]
        )
    )
    def buy(self, how: str) -> None:
        """An order as far as it often comes; what is rare is done from there."""
        self.terms = TERMS if how in ("deposit", "both") else None
        self.tell(placed(), started("try 1"))
        match how:
            case "deposit" | "both":
                for amount in PARTS[: 1 if how == "deposit" else 2]:
                    self.pay(1, amount)
                    self.call_back(0, 1, True)
                assert self.order.status == ("PENDING" if how == "deposit" else "CONFIRMED")
            case "bought":
                self.pay(1, (TOTAL, "USD"))
                self.call_back(0, 1, True)
            case "wrong":
                self.pay(1, (TOTAL + 500, "USD"))
                self.call_back(0, 1, True)
            case "expired":
                self.lapse(HOLD_ENDS_MS)
            case "canceled":
                self.give_up()
            case "called off":
                self.call_off(True)

    @rule(number=st.integers(1, 3))
    def start(self, number: int) -> None:
        self.tell(started(f"try {number}"))

    @precondition(lambda self: len(self.on_its_way) + sum(self.taken_minor.values()) // TOTAL < 5)
    @rule(number=st.integers(1, 3), amount=AMOUNTS)
    def pay(self, number: int, amount: tuple[int, str]) -> None:
        self.on_its_way.append(paid(self.next("tx"), f"try {number}", *amount))

    @precondition(lambda self: self.on_its_way)
    @rule(which=st.integers(0, 9), times=st.integers(1, 3), can_reclaim=st.sampled_from([True, False, None]))
    def call_back(self, which: int, times: int, can_reclaim: bool | None) -> None:
        fact = self.on_its_way.pop(which % len(self.on_its_way))
        self.can_reclaim = can_reclaim
        self.taken_minor[fact.currency] += fact.amount_minor
        self.tell(*[fact] * times)

    @precondition(lambda self: self.told)
    @rule(before_last=st.integers(0, 4))
    def tell_again(self, before_last: int) -> None:
        fact = self.told[-1 - before_last % len(self.told)]
        before = self.order
        if not (isinstance(fact, PaymentSucceeded) and needs_reclaim(self.order, fact)) and not isinstance(
            fact, OrderCalledOff | ReviewAccepted
        ):
            self.order = apply(self.order, fact)
            assert self.order is before, f"{type(fact).__name__} had its effect twice"

    @rule(can_reclaim=st.booleans())
    def ask_about_late_money(self, can_reclaim: bool) -> None:
        self.can_reclaim = can_reclaim
        for charge in undecided(self.order):
            fact = paid(charge.transaction_id or "", charge.id, charge.amount_minor, charge.currency)
            self.tell(fact)

    @rule(end_ms=st.sampled_from([HOLD_ENDS_MS - 1, HOLD_ENDS_MS, HOLD_ENDS_MS, 2**40]))
    def lapse(self, end_ms: int) -> None:
        self.tell(lapsed(end_ms))

    @rule()
    def give_up(self) -> None:
        self.tell(canceled())

    @precondition(lambda self: len(self.told) > 6)  # it ends most of what could happen
    @rule(restock=st.booleans())
    def call_off(self, restock: bool) -> None:
        facts = {"fact_id": self.next("off"), "order_id": ORDER_ID, "occurred_at_ms": AT_MS}
        self.tell(OrderCalledOff(**facts, restock=restock, reason="storm"))  # type: ignore[arg-type]
        assert self.order.status not in ("PENDING", "REVIEW", *BOUGHT)

    @rule()
    def accept(self) -> None:
        was = self.order.status
        self.tell(ReviewAccepted(fact_id=self.next("ok"), order_id=ORDER_ID, occurred_at_ms=AT_MS, reason=""))
        if was == "REVIEW" and self.order.status == "CONFIRMED":
            self.goodwill_minor = 0

    @rule(
        amount=st.sampled_from([0, 1, 500, TOTAL // 2, TOTAL, 2 * TOTAL]),
        items=st.lists(st.builds(Returned, st.sampled_from([1, 2]), st.integers(1, 2)), max_size=2),
        restock=st.booleans(),
    )
    def decide(self, amount: int, items: list[Returned], restock: bool) -> None:
        lines = tuple({line.sku_id: line for line in items}.values())
        amount = 0 if lines else amount
        before = self.order
        try:
            parts = refund_parts(before, amount, lines)
        except TooMuch:
            parts = []
        self.tell(
            RefundDecided(
                fact_id=self.next("back"),
                order_id=ORDER_ID,
                occurred_at_ms=AT_MS,
                amount_minor=amount,
                items=lines,
                restock=restock,
                reason="",
            )
        )
        assert (self.order is before) == (not parts), "what is not allowed changes nothing, and the rest does"
        for charge, part_minor in parts:
            assert left_of(self.order.payments, charge) == left_of(before.payments, charge) - part_minor
        if parts and self.order.status in BOUGHT:
            self.goodwill_minor += sum(part_minor for _, part_minor in parts)
            assert sum(valid(before).values()) - sum(valid(self.order).values()) == sum(i.quantity for i in lines)

    @precondition(lambda self: self.pending())
    @rule(which=st.integers(0, 9), works=st.sampled_from([True, True, True, False]))
    def carry_out(self, which: int, works: bool) -> None:
        refund = self.pending()[which % len(self.pending())]
        if works:
            self.given_minor[refund.currency] += refund.amount_minor
            self.of_charge[refund.parent_id or ""] += refund.amount_minor
            self.tell(refunded(refund.id))
        else:
            self.tell(refund_refused(refund.id))

    def pending(self) -> list[Payment]:
        return [payment for payment in self.order.payments if payment.status == "REFUND_PENDING"]

    @invariant()
    def the_books_count_what_the_provider_did(self) -> None:
        for currency in self.taken_minor | self.given_minor:
            kept_minor = self.taken_minor[currency] - self.given_minor[currency]
            assert money_kept(self.order)[currency] == kept_minor >= 0

    @invariant()
    def no_charge_gives_more_than_it_took(self) -> None:
        for payment in self.order.payments:
            if payment.status == "COMPLETED":
                assert self.of_charge[payment.id] <= payment.amount_minor
                assert 0 <= left_of(self.order.payments, payment) <= payment.amount_minor

    @invariant()
    def tickets_are_there_once(self) -> None:
        for back in self.order.back:
            assert 0 <= back.restocked <= back.void <= WHOLE[back.sku_id]
        assert (claim(self.order) == "none") == (not taken(self.order))
        if self.order.status in BOUGHT:
            assert all(taken(self.order).get(sku_id, 0) >= n for sku_id, n in valid(self.order).items())
        if self.order.status == "REFUNDED":
            assert not valid(self.order)

    def teardown(self) -> None:
        """The night ends: what is on its way arrives, what was refused is asked for again and succeeds."""
        self.can_reclaim = False
        while self.on_its_way:
            self.call_back(0, 1, False)
        self.ask_about_late_money(False)
        for _ in range(60):
            while self.pending():
                self.carry_out(0, True)
            again = [
                refund_asked(self.next("again"), charge.id, amount_minor)
                for charge in self.order.payments
                if charge.status == "COMPLETED" and (amount_minor := self.to_ask_again_minor(charge)) > 0
            ]
            if not again:
                break
            self.tell(again[0])
        self.make_up_for_what_was_refused()
        kept = +money_kept(self.order)
        price_minor, currency = price_of(self.order)
        match self.order.status:
            case "CONFIRMED" | "PARTIALLY_REFUNDED":
                assert kept == Counter({currency: price_minor - self.goodwill_minor})
            case "REVIEW":
                assert kept
            case "PENDING" if self.order.deposit_id:
                assert kept == Counter({currency: DEPOSIT})
                assert self.order.expires_at_ms >= self.order.rest_due_at_ms > HOLD_ENDS_MS
            case _:
                assert not kept, "money for no ticket"

    def make_up_for_what_was_refused(self) -> None:
        """A refund was refused, and another one took what was left of its charge: the other charges pay for it."""
        refused_minor = sum(self.refused_minor(p) for p in self.order.payments if p.status == "COMPLETED")
        owed_minor = self.owed_minor(price_of(self.order)[1])
        if self.order.status in BOUGHT and 0 < owed_minor <= refused_minor:
            self.decide(owed_minor, [], False)
            self.goodwill_minor -= owed_minor  # it was decided before
            while self.pending():
                self.carry_out(0, True)

    def owed_minor(self, currency: str) -> int:
        """What should go back yet, of all that is kept in a currency."""
        price_minor, price_currency = price_of(self.order)
        keeps = self.order.status in BOUGHT and currency == price_currency
        return money_kept(self.order)[currency] - (price_minor - self.goodwill_minor if keeps else 0)

    def to_ask_again_minor(self, charge: Payment) -> int:
        left_minor = left_of(self.order.payments, charge)
        return min(self.refused_minor(charge), left_minor, self.owed_minor(charge.currency))

    def refused_minor(self, charge: Payment) -> int:
        """What of a charge was to go back, was refused, and was not asked for again."""
        of_charge = [payment for payment in self.order.payments if payment.parent_id == charge.id]
        refused_minor = sum(p.amount_minor for p in of_charge if p.status == "REFUND_FAILED")
        return refused_minor - sum(p.amount_minor for p in of_charge if p.id.startswith("again"))


Night.TestCase.settings = settings(max_examples=2 * settings().max_examples, stateful_step_count=12, deadline=None)
TestNight = Night.TestCase


@pytest.mark.parametrize("succeeds_first", [True, False])
def test_a_thousand_races_of_success_against_lapse_have_one_winner_each(succeeds_first: bool) -> None:
    """Whatever order the facts reach the log in: sold and paid, or given up and the money on its way back."""
    for number in range(1_000):
        order = apply(Order(ORDER_ID, UNKNOWN, event_id=7), placed())
        money = structs.replace(paid(f"tx {number}"), occurred_at_ms=AT_MS + number)
        race: list[Fact] = [money, lapsed()] if succeeds_first else [lapsed(), money]
        for fact in race * 2:
            order = apply(order, fact, needs_reclaim(order, fact) and number % 2 == 0)
        going_back = [p.amount_minor for p in order.payments if p.status == "REFUND_PENDING"]
        if order.status == "CONFIRMED":
            assert (claim(order), going_back) == ("sold", [])
        else:
            assert (order.status, claim(order), going_back) == ("EXPIRED", "none", [TOTAL])
