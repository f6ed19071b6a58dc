"""What every payment provider does for us, and what it tells us, in our own words.

A notice is what a provider says became of one attempt to pay: in a callback, or in its list of transactions.
"""

import re
from collections.abc import Mapping
from typing import Literal, Protocol

import msgspec

from app.ids import derived_id, event_of
from app.orders.facts import PaymentFailed, PaymentSucceeded
from app.orders.lifecycle import Order
from app.units import MAX_MINOR

MAX_ID_LENGTH = 128
MAX_REASON_LENGTH = 200
MAX_TIME_MS = 253_402_300_799_999  # the end of year 9999, where DATETIME ends

_ID = re.compile(rf"[!-~]{{1,{MAX_ID_LENGTH}}}")
_CURRENCY = re.compile(r"[A-Z]{3}")


class BadSignature(Exception):
    """The callback is not from the provider, or its stamp is over 300 seconds old: 401."""


class BadNotice(Exception):
    """The provider signed it, but it cannot be understood: 422."""


class RefundRefused(Exception):
    """The provider will never carry out this refund; the text says why."""


class ProviderUnavailable(Exception):
    """The provider gave no usable answer. The same call may be made again: it has its effect once."""


class Attempt(msgspec.Struct, frozen=True):
    """One attempt to pay an order, or an instalment of it."""

    payment_id: str
    amount_minor: int
    return_url: str  # where the provider sends the buyer afterwards
    description: str  # what the buyer reads on the provider's page
    expires_at_ms: int  # the provider takes no payment after that


class Checkout(msgspec.Struct, frozen=True):
    """Where the buyer pays: the provider's name for it, its address, and until when it takes a payment."""

    ref: str
    url: str
    expires_at_ms: int


class PaymentNotice(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider says of an attempt to pay. Making one of values that cannot be raises BadNotice."""

    notice_id: str
    outcome: Literal["succeeded", "failed"]
    provider: str
    order_id: str
    payment_id: str
    transaction_id: str  # empty when nothing was charged
    amount_minor: int
    currency: str
    occurred_at_ms: int
    reason: str = ""
    fee_minor: int | None = None  # what the provider kept for itself, where it says so

    def __post_init__(self) -> None:
        try:
            event_of(self.order_id)
        except ValueError:
            raise BadNotice("order_id is not an order id") from None
        for name in ("notice_id", "payment_id", "transaction_id"):
            value = getattr(self, name)
            may_be_empty = name == "transaction_id" and self.outcome == "failed"
            if not _ID.fullmatch(value) and (value or not may_be_empty):
                raise BadNotice(f"{name} is not 1 to {MAX_ID_LENGTH} printable ASCII characters")
        if not 1 <= self.amount_minor <= MAX_MINOR:
            raise BadNotice(f"amount_minor is not from 1 to {MAX_MINOR}")
        if not _CURRENCY.fullmatch(self.currency):
            raise BadNotice("currency is not three capital letters")
        if not 0 <= self.occurred_at_ms <= MAX_TIME_MS:
            raise BadNotice(f"occurred_at_ms is not from 0 to {MAX_TIME_MS}")
        if len(self.reason) > MAX_REASON_LENGTH:
            raise BadNotice(f"reason is longer than {MAX_REASON_LENGTH} characters")


class TransactionPage(msgspec.Struct, frozen=True):
    """A page of a provider's charges. `after` asks for the next one; empty: this was the last."""

    notices: list[PaymentNotice]
    after: str


class ListedRefund(msgspec.Struct, frozen=True):
    """A refund as a provider lists it. `transaction_id` is the charge's; `failed`: the money did not go back."""

    refund_id: str
    transaction_id: str
    amount_minor: int
    currency: str
    occurred_at_ms: int
    failed: bool = False


class RefundPage(msgspec.Struct, frozen=True):
    """A page of a provider's refunds. `after` asks for the next one; empty: this was the last."""

    refunds: list[ListedRefund]
    after: str


def fact_of(notice: PaymentNotice) -> PaymentSucceeded | PaymentFailed:
    """The fact a notice reports.

    A transaction is one fact, however often and by whichever way the provider speaks of it.
    """
    if notice.outcome == "failed":
        return PaymentFailed(
            fact_id=derived_id("payment failed", notice.provider, notice.notice_id),
            order_id=notice.order_id,
            occurred_at_ms=notice.occurred_at_ms,
            payment_id=notice.payment_id,
            provider=notice.provider,
            reason=notice.reason,
        )
    return PaymentSucceeded(
        fact_id=derived_id("payment succeeded", notice.provider, notice.transaction_id),
        order_id=notice.order_id,
        occurred_at_ms=notice.occurred_at_ms,
        payment_id=notice.payment_id,
        provider=notice.provider,
        transaction_id=notice.transaction_id,
        amount_minor=notice.amount_minor,
        currency=notice.currency,
    )


class PaymentProvider(Protocol):
    """A payment provider. Calls that talk to it raise ProviderUnavailable when it gives no usable answer."""

    @property
    def name(self) -> str:
        """The provider's name in facts, in `payments.provider` and in the address of its callbacks."""

    async def create_checkout(self, order: Order, attempt: Attempt) -> Checkout:
        """The page where the attempt's amount is paid: the same for the same payment id, with a later end."""

    async def close_checkout(self, ref: str) -> None:
        """Ends a checkout before its time, as far as the provider can; one that is over stays so."""

    def verify_callback(self, headers: Mapping[str, str], body: bytes) -> PaymentNotice | None:
        """What a callback says; None for one that is about nothing of ours. Raises BadSignature or BadNotice."""

    async def refund(self, transaction_id: str, amount_minor: int, currency: str, idempotency_key: str) -> str:
        """Gives money of a charge back, once per key; the transaction id of the refund. Raises RefundRefused."""

    async def list_transactions(self, since_ms: int, after: str = "") -> TransactionPage:
        """A page of the successful charges since then by the provider's clock, in its own order of time.

        `after` is what the page before said. So that a callback that was lost is found.
        """

    async def list_refunds(self, since_ms: int, after: str = "") -> RefundPage:
        """A page of the refunds since then by the provider's clock, whoever asked for them; `after` as above."""
