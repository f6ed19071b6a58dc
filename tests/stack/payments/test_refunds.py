"""Refunds: once per key, never more than the charge."""

import asyncio

import pytest

from app.ids import new_id
from app.payments.provider import ListedRefund, RefundRefused
from app.payments.reconciliation import refunds_since
from app.payments.sandbox import SandboxProvider
from app.units import now_ms
from tests.stack.payments.shop import Shop


def test_parts_of_a_charge_go_back_until_nothing_is_left(shop: Shop) -> None:
    charge = shop.pay(shop.checkout(total_minor=4_500)).transaction_id
    assert shop.refund(charge, 4_000, new_id()) != shop.refund(charge, 500, new_id())
    with pytest.raises(RefundRefused, match="exceeds_charge"):
        shop.refund(charge, 1, new_id())


def test_more_than_the_charge_is_refused_and_changes_nothing(shop: Shop) -> None:
    charge = shop.pay(shop.checkout(total_minor=4_500)).transaction_id
    with pytest.raises(RefundRefused, match="exceeds_charge"):
        shop.refund(charge, 4_501, new_id())
    assert shop.refund(charge, 4_500, new_id())


def test_the_same_key_gives_money_back_once(shop: Shop) -> None:
    charge = shop.pay(shop.checkout(total_minor=4_500)).transaction_id
    key = new_id()

    async def many_at_once(provider: SandboxProvider) -> list[str]:
        return await asyncio.gather(*(provider.refund(charge, 4_500, "USD", key) for _ in range(20)))

    answers = {*shop.sandbox.ask(many_at_once), shop.refund(charge, 4_500, key)}
    assert len(answers) == 1


def test_a_key_is_for_one_refund(shop: Shop) -> None:
    charge = shop.pay(shop.checkout()).transaction_id
    key = new_id()
    shop.refund(charge, 100, key)
    with pytest.raises(RefundRefused, match="key_reused"):
        shop.refund(charge, 200, key)


def test_an_unknown_charge_or_another_currency_is_refused(shop: Shop) -> None:
    with pytest.raises(RefundRefused, match="unknown_transaction"):
        shop.refund("tx_none", 100, new_id())
    charge = shop.pay(shop.checkout()).transaction_id
    with pytest.raises(RefundRefused, match="currency_differs"):
        shop.refund(charge, 100, new_id(), currency="EUR")


@pytest.mark.parametrize("amount_minor", [0, -1, 10**12, 10**30])
def test_an_amount_that_cannot_be_is_refused(shop: Shop, amount_minor: int) -> None:
    with pytest.raises(RefundRefused, match="invalid"):
        shop.refund("tx_none", amount_minor, new_id())


def test_refunds_are_listed_by_the_time_they_were_made(shop: Shop) -> None:
    charge = shop.pay(shop.checkout(total_minor=4_500)).transaction_id
    since_ms = now_ms() - 1
    made = [shop.refund(charge, amount_minor, new_id()) for amount_minor in (100, 200)]

    async def pages(provider: SandboxProvider) -> list[ListedRefund]:
        return [one async for refunds in refunds_since(provider, since_ms) for one in refunds]

    listed = [one for one in shop.sandbox.ask(pages) if one.transaction_id == charge]
    assert sorted((one.refund_id, one.amount_minor) for one in listed) == sorted(
        zip(made, (100, 200), strict=True)
    )
    assert all(since_ms <= one.occurred_at_ms <= now_ms() and not one.failed for one in listed)
