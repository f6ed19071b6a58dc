"""Which refused refunds still wait for somebody, and how much of each may be asked for again."""

from app.ids import new_id
from app.orders.lifecycle import Payment
from app.orders.refused import refused_of

ORDER = "01941200-0000-7000-8000-000000000001"


def charge(amount_minor: int = 4_500) -> Payment:
    return Payment(new_id(), "CHARGE", "COMPLETED", "sandbox", amount_minor, "USD", 1)


def refund(of: Payment, amount_minor: int, status: str = "REFUND_FAILED", id_: str = "") -> Payment:
    return Payment(id_ or new_id(), "REFUND", status, "sandbox", amount_minor, "USD", 2, parent_id=of.id)


def amounts(*payments: Payment) -> list[int]:
    return [refused.amount_minor for refused in refused_of(ORDER, payments)]


def test_a_refused_refund_is_asked_for_again_and_no_more_of_its_charge() -> None:
    paid = charge()
    part = refund(paid, 700)
    (refused,) = refused_of(ORDER, [paid, part])
    fact = refused.again()
    assert (fact.order_id, fact.payment_id, fact.amount_minor) == (ORDER, paid.id, 700)
    assert refused.again().fact_id == fact.fact_id, "asked for twice, it has its effect once"


def test_what_was_asked_for_again_is_found_only_if_it_is_refused_again() -> None:
    paid = charge()
    part = refund(paid, 700)
    again_id = refused_of(ORDER, [paid, part])[0].again().fact_id
    for status in ("REFUND_PENDING", "REFUNDED"):
        assert amounts(paid, part, refund(paid, 700, status, again_id)) == []
    (refused,) = refused_of(ORDER, [paid, part, refund(paid, 700, id_=again_id)])
    assert refused.refund.id == again_id


def test_never_more_than_is_left_of_a_charge_is_asked_for() -> None:
    paid = charge()
    assert amounts(paid, refund(paid, 4_500), refund(paid, 4_500)) == [4_500]
    assert amounts(paid, refund(paid, 3_000), refund(paid, 3_000)) == [3_000, 1_500]
    assert amounts(paid, refund(paid, 4_500), refund(paid, 4_000, "REFUNDED")) == [500]
    assert amounts(paid, refund(paid, 4_500), refund(paid, 4_500, "REFUND_PENDING")) == []


def test_one_charge_does_not_pay_for_the_refund_of_another() -> None:
    first, second = charge(1_000), charge(2_000)
    assert amounts(first, second, refund(first, 1_000), refund(second, 2_000, "REFUNDED")) == [1_000]
