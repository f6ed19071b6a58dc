"""The Kafka topic `orders`: every fact there is, and how it is written and read.

A fact is something that happened to an order, in the past tense. Records are JSON, keyed by order id.
`type` names the fact and `version` its form; bytes written once decode for ever, so a form is never changed,
only a new version added with its own decoding.
"""

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from app.ids import event_of

TimeMs = Annotated[int, Meta(ge=0, le=253_402_300_799_999)]  # to the end of year 9999, where DATETIME ends


class Item(msgspec.Struct, frozen=True):
    """One line of an order: `quantity` tickets of a sku at the price that was shown, in minor units."""

    sku_id: int
    quantity: int
    price_minor: int


class _Fact(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    fact_id: str
    order_id: str
    occurred_at_ms: TimeMs
    version: int = 1


class OrderPlaced(_Fact, frozen=True, kw_only=True, tag="OrderPlaced"):
    """Stock is held for a new order. `outbox_id` is the outbox entry to delete once MySQL has it."""

    event_id: int
    buyer_id: str
    items: tuple[Item, ...]
    total_minor: int
    currency: str
    expires_at_ms: TimeMs
    idempotency_key: str
    request_hash: str
    outbox_id: str


class CancelRequested(_Fact, frozen=True, kw_only=True, tag="CancelRequested"):
    """The buyer gives the tickets back. Travels through the outbox, so it never overtakes OrderPlaced."""

    outbox_id: str


class HoldExtended(_Fact, frozen=True, kw_only=True, tag="HoldExtended"):
    """The buyer got more time to pay: the hold ends at `expires_at_ms`. Travels through the outbox."""

    expires_at_ms: TimeMs
    outbox_id: str


class HoldKept(_Fact, frozen=True, kw_only=True, tag="HoldKept"):
    """A payment begins: the hold ends at `expires_at_ms` at the earliest. Travels through the outbox."""

    expires_at_ms: TimeMs
    outbox_id: str


class PaymentStarted(_Fact, frozen=True, kw_only=True, tag="PaymentStarted"):
    """The buyer was sent to the provider: one attempt at paying."""

    payment_id: str
    provider: str
    amount_minor: int
    currency: str


class PaymentSucceeded(_Fact, frozen=True, kw_only=True, tag="PaymentSucceeded"):
    """The provider took money: `amount_minor` in `currency`, as the provider reports it."""

    payment_id: str
    provider: str
    transaction_id: str
    amount_minor: int
    currency: str


class PaymentFailed(_Fact, frozen=True, kw_only=True, tag="PaymentFailed"):
    """The provider could not take the money; the hold stands and the buyer may try again."""

    payment_id: str
    provider: str
    reason: str


class HoldLapsed(_Fact, frozen=True, kw_only=True, tag="HoldLapsed"):
    """The end of the hold passed. `expires_at_ms` is the end that passed."""

    expires_at_ms: TimeMs


class RefundRequested(_Fact, frozen=True, kw_only=True, tag="RefundRequested"):
    """Somebody decided that `amount_minor` of the charge `payment_id` goes back."""

    payment_id: str
    amount_minor: int
    reason: str


class RefundSucceeded(_Fact, frozen=True, kw_only=True, tag="RefundSucceeded"):
    """The provider gave the money of refund `refund_id` back, as its transaction `transaction_id`."""

    refund_id: str
    transaction_id: str


class RefundFailed(_Fact, frozen=True, kw_only=True, tag="RefundFailed"):
    """The provider refused refund `refund_id`; somebody has to look at it."""

    refund_id: str
    reason: str


class Returned(msgspec.Struct, frozen=True):
    """Tickets of a line that are taken back."""

    sku_id: int
    quantity: int


class RefundDecided(_Fact, frozen=True, kw_only=True, tag="RefundDecided"):
    """Somebody decided that money of the order goes back, and with it these tickets: `fact_id` is the decision's.

    `amount_minor` of it, or the price of `items`, or all of it where neither is given. With `restock` the tickets
    that come back are sold again.
    """

    amount_minor: int = 0
    items: tuple[Returned, ...] = ()
    restock: bool
    reason: str


class OrderCalledOff(_Fact, frozen=True, kw_only=True, tag="OrderCalledOff"):
    """The organiser takes the whole order back: what was paid for it goes back, and whatever comes later too."""

    restock: bool
    reason: str


class ReviewAccepted(_Fact, frozen=True, kw_only=True, tag="ReviewAccepted"):
    """The organiser takes what was paid wrongly for the price: the buyer has the tickets."""

    reason: str


Fact = (
    OrderPlaced
    | CancelRequested
    | HoldExtended
    | PaymentStarted
    | PaymentSucceeded
    | PaymentFailed
    | HoldLapsed
    | RefundRequested
    | RefundSucceeded
    | RefundFailed
    | RefundDecided
    | OrderCalledOff
    | ReviewAccepted
    | HoldKept
)


# What the buyer asked Redis for travels through the outbox, and ends its entry once it is in the books.
OUTBOX_FACTS = (OrderPlaced, CancelRequested, HoldExtended, HoldKept)

# What msgspec raises on bytes that are no JSON, not UTF-8, of another form, or nested without end.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class UndecodableFact(Exception):
    """The bytes are not a fact of a known type and version; the text says why."""


class _Codec:
    encoder: ClassVar = msgspec.json.Encoder()
    decoder: ClassVar = msgspec.json.Decoder(Fact)


def encode(fact: Fact) -> bytes:
    """A fact as the bytes of a Kafka record."""
    encoded: bytes = _Codec.encoder.encode(fact)
    return encoded


def records(*facts: Fact) -> list[tuple[str, bytes]]:
    """Facts as Kafka takes them: (order id, encoded fact)."""
    return [(fact.order_id, encode(fact)) for fact in facts]


def decode(record: bytes | None) -> Fact:
    """The fact in a Kafka record, which may have no value. Raises UndecodableFact."""
    try:
        fact: Fact = _Codec.decoder.decode(record or b"")
        event_of(fact.order_id)
    except (*UNREADABLE, ValueError) as error:
        raise UndecodableFact(str(error)) from error
    if fact.version != 1:
        raise UndecodableFact(f"{type(fact).__name__} version {fact.version} is not known")
    return fact
