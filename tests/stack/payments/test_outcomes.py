"""Each button of the sandbox's page: what is charged, what is reported, and where the buyer goes."""

import pytest

from app.orders.facts import PaymentFailed, PaymentSucceeded
from app.payments.provider import fact_of
from tests.stack.payments.shop import Shop, eventually


def test_a_payment_is_charged_once_and_reported_at_once(shop: Shop) -> None:
    checkout = shop.checkout(total_minor=13_500)

    answer = shop.press(checkout, "succeed")

    assert (answer.status_code, answer.headers["location"]) == (303, f"{checkout.attempt.return_url}?paid=1")
    [call] = shop.calls(checkout, 1)
    assert call.path == "/api/v1/payments/callbacks/sandbox"
    [notice] = shop.notices(checkout, 1)
    assert fact_of(notice) == PaymentSucceeded(
        fact_id=fact_of(notice).fact_id,
        order_id=checkout.order.id,
        occurred_at_ms=notice.occurred_at_ms,
        payment_id=checkout.attempt.payment_id,
        provider="sandbox",
        transaction_id=notice.transaction_id,
        amount_minor=13_500,
        currency="USD",
    )
    assert 0 <= call.at_ms - notice.occurred_at_ms < 5_000


def test_the_list_of_transactions_tells_the_same_fact_as_the_callback(shop: Shop) -> None:
    checkout = shop.checkout()
    notice = shop.pay(checkout)
    [listed] = shop.listed(checkout)
    assert fact_of(listed) == fact_of(notice)


@pytest.mark.parametrize("outcome", ["succeed", "decline", "twice"])
def test_a_paid_checkout_charges_nothing_more(shop: Shop, outcome: str) -> None:
    checkout = shop.checkout()
    first = shop.press(checkout, "succeed")
    again = shop.press(checkout, outcome)
    assert (again.status_code, again.headers["location"]) == (first.status_code, first.headers["location"])
    eventually(lambda: shop.sandbox.pending_callbacks() == 0, "everything is delivered")
    assert len(shop.calls(checkout, 1)) == len(shop.listed(checkout)) == 1


def test_a_declined_payment_charges_nothing_and_may_be_tried_again(shop: Shop) -> None:
    checkout = shop.checkout()

    answer = shop.press(checkout, "decline")

    assert answer.headers["location"] == checkout.attempt.return_url
    [declined] = shop.notices(checkout, 1)
    assert fact_of(declined) == PaymentFailed(
        fact_id=fact_of(declined).fact_id,
        order_id=checkout.order.id,
        occurred_at_ms=declined.occurred_at_ms,
        payment_id=checkout.attempt.payment_id,
        provider="sandbox",
        reason="declined",
    )
    assert shop.listed(checkout) == []

    shop.press(checkout, "succeed")
    _, paid = shop.notices(checkout, 2)
    assert paid.outcome == "succeeded"
    assert len(shop.listed(checkout)) == 1


def test_late_money_comes_three_seconds_after_the_end_and_is_not_seen_before(shop: Shop) -> None:
    checkout = shop.checkout(lasts_ms=300)

    assert shop.press(checkout, "late").headers["location"].endswith("?paid=1")

    assert shop.listed(checkout) == []
    assert shop.receiver.now(checkout.attempt.payment_id) == []
    [call] = shop.calls(checkout, 1)
    [notice] = shop.notices(checkout, 1)
    due_at_ms = checkout.attempt.expires_at_ms + 3_000
    assert notice.occurred_at_ms == due_at_ms
    assert due_at_ms <= call.at_ms < due_at_ms + 5_000
    assert len(shop.listed(checkout)) == 1


def test_paid_twice_is_two_charges_and_the_first_is_reported_twice(shop: Shop) -> None:
    checkout = shop.checkout()

    shop.press(checkout, "twice")

    notices = shop.notices(checkout, 3)
    charged = {notice.transaction_id for notice in shop.listed(checkout)}
    assert len(charged) == 2
    assert {notice.transaction_id for notice in notices} == charged
    repeated = [notice for notice in notices if [n.notice_id for n in notices].count(notice.notice_id) == 2]
    assert len(repeated) == 2
    assert repeated[0] == repeated[1]
    assert len({fact_of(notice).fact_id for notice in notices}) == 2


def test_a_wrong_amount_is_reported_as_it_was_charged(shop: Shop) -> None:
    checkout = shop.checkout(total_minor=4_500)
    shop.press(checkout, "wrong_amount")
    [notice] = shop.notices(checkout, 1)
    [listed] = shop.listed(checkout)
    assert notice.amount_minor == listed.amount_minor == 4_600


def test_a_lost_payment_is_never_reported_but_listed(shop: Shop) -> None:
    checkout = shop.checkout()
    shop.press(checkout, "lost")
    [listed] = shop.listed(checkout)
    assert (listed.order_id, listed.amount_minor) == (checkout.order.id, 4_500)
    eventually(lambda: shop.sandbox.pending_callbacks() == 0, "everything is delivered")
    assert shop.receiver.now(checkout.attempt.payment_id) == []


def test_an_expired_checkout_takes_no_payment(shop: Shop) -> None:
    checkout = shop.checkout(lasts_ms=-1)
    answer = shop.browser.post(checkout.url, json={"outcome": "succeed"}, headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (410, "checkout_expired")
    page = shop.press(checkout, "succeed")
    assert (page.status_code, 'data-state="expired"' in page.text) == (410, True)
    assert shop.listed(checkout) == []


def test_a_client_that_asks_for_json_is_told_the_outcome(shop: Shop) -> None:
    checkout = shop.checkout()
    wants_json = {"accept": "application/json"}
    declined = shop.browser.post(checkout.url, json={"outcome": "decline"}, headers=wants_json)
    paid = shop.browser.post(checkout.url, data={"outcome": "succeed"}, headers=wants_json)
    assert (declined.status_code, declined.json()["status"]) == (200, "declined")
    assert (paid.status_code, paid.json()["status"]) == (200, "paid")
    assert paid.json()["return_url"] == f"{checkout.attempt.return_url}?paid=1"


def test_the_page_says_what_is_paid_and_what_became_of_it(shop: Shop) -> None:
    checkout = shop.checkout(total_minor=450_000)

    page = shop.browser.get(checkout.url)

    assert "$4,500.00" in page.text
    assert "2 tickets for &lt;Night of Lights&gt;" in page.text
    assert 'data-state="open"' in page.text
    policy = page.headers["content-security-policy"]
    assert f"form-action 'self' {shop.sandbox.settings.public_url};" in policy
    assert "frame-ancestors 'none'" in policy
    assert shop.browser.get("/static/sandbox.css").status_code == 200

    shop.press(checkout, "decline")
    assert 'data-state="declined"' in shop.browser.get(checkout.url).text
    shop.press(checkout, "succeed")
    assert 'data-state="paid"' in shop.browser.get(checkout.url).text
