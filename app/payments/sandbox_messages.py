"""What the sandbox and its merchant say to each other, as JSON. Decoding checks types, lengths and bounds."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from app.units import MAX_MINOR

WRONG_BY_MINOR = 100  # how much more than asked the outcome `wrong_amount` charges
CALLBACK_PATH = "/api/v1/payments/callbacks/sandbox"

Printable = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[!-~]+\Z")]
Currency = Annotated[str, Meta(min_length=3, max_length=3, pattern="[A-Z]{3}")]
TimeMs = Annotated[int, Meta(ge=0, lt=1 << 47)]  # UTC


class CheckoutRequest(Struct, frozen=True):
    """POST /v1/checkouts: a page where a buyer can pay `amount_minor`, until `expires_at_ms`."""

    payment_id: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[!-~]+\Z")]
    order_id: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[!-~]+\Z")]
    amount_minor: Annotated[int, Meta(ge=1, le=MAX_MINOR - WRONG_BY_MINOR)]
    currency: Currency
    description: Annotated[str, Meta(max_length=200)]
    return_url: Annotated[str, Meta(max_length=2_000, pattern=r"^[!-~]+\Z")]
    expires_at_ms: TimeMs


class Checkout(Struct, frozen=True):
    """Its answer: `url` is where to send the buyer."""

    id: str
    url: str


class RefundRequest(Struct, frozen=True):
    """POST /v1/refunds: give `amount_minor` of a charge back, once per `idempotency_key`."""

    transaction_id: Printable
    amount_minor: Annotated[int, Meta(ge=1, le=MAX_MINOR)]
    currency: Currency
    idempotency_key: Printable


class Refund(Struct, frozen=True):
    """Its answer: the refund's own transaction id."""

    id: str


class Outcome(Struct, frozen=True):
    """POST /checkout/{id} as JSON: what shall become of the payment."""

    outcome: str


class Payment(Struct, frozen=True, omit_defaults=True):
    """What became of a payment: in callbacks, and for successful ones in the list of transactions."""

    order_id: str
    payment_id: str
    amount_minor: int
    currency: str
    occurred_at_ms: int
    transaction_id: str = ""  # empty: nothing was charged
    reason: str = ""


class Transactions(Struct, frozen=True):
    """GET /v1/transactions: one page, oldest first. `after` asks for the next one; None: this was the last."""

    transactions: list[Payment]
    after: str | None


class ListedRefund(Struct, frozen=True):
    """A refund that was carried out; `transaction_id` is the charge's."""

    id: str
    transaction_id: str
    amount_minor: int
    currency: str
    occurred_at_ms: int


class Refunds(Struct, frozen=True):
    """GET /v1/refunds: one page, oldest first. `after` asks for the next one; None: this was the last."""

    refunds: list[ListedRefund]
    after: str | None


class Callback(Struct, frozen=True):
    """The body of a callback."""

    type: Literal["payment.succeeded", "payment.failed"]
    data: Payment


class Problem(Struct, frozen=True):
    """The part of a problem+json answer that a client acts on."""

    code: str = ""
    detail: str = ""
