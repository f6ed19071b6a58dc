"""Callbacks arrive: through refusals, beside one that hangs, some at a time and in order."""

import msgspec

from app.ids import new_id, new_order_id
from app.payments.sandbox_messages import Callback, Payment
from app.units import now_ms
from sandbox.callbacks import AT_ONCE
from sandbox.outcomes import Played, Sending
from sandbox.store import KEEP_TRYING_MS, Store
from tests.stack.payments.shop import Shop, eventually


def test_a_callback_is_sent_again_until_the_merchant_confirms_it(shop: Shop) -> None:
    checkout = shop.checkout()
    shop.receiver.answer(checkout.attempt.payment_id, 503, 302)

    shop.press(checkout, "succeed")

    first, second, third = shop.calls(checkout, 3)
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == third.headers["webhook-id"]
    assert 250 <= second.at_ms - first.at_ms < third.at_ms - first.at_ms
    notices = shop.notices(checkout, 3)  # each is signed
    assert notices[0] == notices[1] == notices[2]
    eventually(lambda: shop.sandbox.pending_callbacks() == 0, "everything is delivered")
    assert len(shop.calls(checkout, 3)) == 3


def test_a_callback_that_hangs_delays_no_other(shop: Shop) -> None:
    hanging = [shop.checkout() for _ in range(5)]
    holds = [shop.receiver.hold(checkout.attempt.payment_id) for checkout in hanging]
    for checkout in hanging:
        shop.press(checkout, "succeed")
        shop.calls(checkout, 1)

    other = shop.checkout()
    notice = shop.pay(other)

    assert shop.calls(other, 1)[0].at_ms - notice.occurred_at_ms < 5_000
    assert shop.sandbox.pending_callbacks() >= len(hanging)
    for hold in holds:
        hold.set_result(None)
    eventually(lambda: shop.sandbox.pending_callbacks() == 0, "everything is delivered")


def test_a_callback_is_given_up_after_a_day(own_shop: Shop) -> None:
    [payment_id] = _left_behind(own_shop, now_ms() - KEEP_TRYING_MS)
    own_shop.receiver.answer(payment_id, *[500] * 1_000)

    own_shop.sandbox.start()

    eventually(lambda: own_shop.sandbox.pending_callbacks() == 0, "it is given up")
    assert len(own_shop.receiver.calls(payment_id, 1)) == 1


def test_callbacks_are_sent_some_at_a_time_in_the_order_they_fell_due(own_shop: Shop) -> None:
    an_hour_ago = now_ms() - 3_600_000
    hanging = _left_behind(own_shop, *[an_hour_ago] * AT_ONCE)
    holds = [own_shop.receiver.hold(payment_id) for payment_id in hanging]
    third, first, second = _left_behind(own_shop, *[an_hour_ago + late_ms for late_ms in (300, 100, 200)])

    own_shop.sandbox.start()

    for payment_id in hanging:
        own_shop.receiver.calls(payment_id, 1)
    assert own_shop.receiver.order_of(first, second, third) == []
    holds[0].set_result(None)  # the others now go one after the other
    eventually(lambda: own_shop.sandbox.pending_callbacks() == AT_ONCE - 1, "the others are delivered")
    assert own_shop.receiver.order_of(first, second, third) == [first, second, third]
    for hold in holds[1:]:
        hold.set_result(None)


def _left_behind(shop: Shop, *due_at_ms: int) -> list[str]:
    """Writes callbacks into the file of a sandbox that does not run; the payment ids they are of."""
    store = Store(shop.sandbox.settings.sandbox_data)
    payment_ids = [new_id() for _ in due_at_ms]
    for payment_id, due in zip(payment_ids, due_at_ms, strict=True):
        payment = Payment(
            order_id=new_order_id(7),
            payment_id=payment_id,
            amount_minor=4_500,
            currency="USD",
            occurred_at_ms=due,
            transaction_id=f"tx_of_{payment_id}",
        )
        body = msgspec.json.encode(Callback("payment.succeeded", payment)).decode()
        store.play("none", Played("paid", sendings=[Sending(new_id(), body, due)]))
    store.close()
    return payment_ids
