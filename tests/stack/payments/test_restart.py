"""A sandbox that was killed goes on where it was."""

import pytest

from app.ids import new_id
from app.payments.provider import RefundRefused
from tests.stack.payments.shop import Shop, eventually


def test_a_killed_sandbox_delivers_what_was_pending_and_forgets_no_money(own_shop: Shop) -> None:
    own_shop.sandbox.start()
    pending = [own_shop.checkout() for _ in range(3)]
    for checkout in pending:
        own_shop.receiver.answer(checkout.attempt.payment_id, *[500] * 1_000)
        own_shop.press(checkout, "succeed")
    sent_before = [own_shop.calls(checkout, 1)[0] for checkout in pending]
    charge = own_shop.pay(own_shop.checkout(total_minor=4_500)).transaction_id
    refund_key = new_id()
    refund = own_shop.refund(charge, 4_500, refund_key)

    own_shop.sandbox.kill()
    for checkout in pending:
        own_shop.receiver.answer(checkout.attempt.payment_id, 200)
    own_shop.sandbox.start()

    eventually(lambda: own_shop.sandbox.pending_callbacks() == 0, "everything is delivered")
    for checkout, call in zip(pending, sent_before, strict=True):
        sent = own_shop.calls(checkout, 2)
        assert {again.headers["webhook-id"] for again in sent} == {call.headers["webhook-id"]}
        own_shop.press(checkout, "succeed")  # it was paid
        assert len(own_shop.listed(checkout)) == 1
    assert own_shop.refund(charge, 4_500, refund_key) == refund
    with pytest.raises(RefundRefused, match="exceeds_charge"):
        own_shop.refund(charge, 1, new_id())
