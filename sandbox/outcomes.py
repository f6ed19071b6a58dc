"""What the sandbox does for each of its buttons: which charges it takes and which callbacks it sends, and when.

Nothing here talks to the outside.
"""

import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from app.payments.sandbox_messages import WRONG_BY_MINOR, Callback, CheckoutRequest, Payment

LATE_BY_MS = 3_000


@dataclass(frozen=True, slots=True)
class Sending:
    """A callback to deliver: once, at `due_at_ms`."""

    notice_id: str
    body: str
    due_at_ms: int


@dataclass(frozen=True, slots=True)
class Played:
    """What a press of a button leads to."""

    status: Literal["paid", "declined"]
    charges: list[Payment] = field(default_factory=list)
    sendings: list[Sending] = field(default_factory=list)


def made_at(at_ms: int, kind: str = "tx", name: str = "") -> str:
    """The id of a charge or a refund: ids sort by time. Without a name: before all ids of that time."""
    return f"{kind}_{at_ms:012x}" + (f"_{name}" if name else "")


def made_at_ms(id_: str) -> int:
    """When that was."""
    return int(id_.split("_")[1], 16)


def _charge(checkout: CheckoutRequest, at_ms: int) -> Payment:
    return Payment(
        order_id=checkout.order_id,
        payment_id=checkout.payment_id,
        amount_minor=checkout.amount_minor,
        currency=checkout.currency,
        occurred_at_ms=at_ms,
        transaction_id=made_at(at_ms, name=os.urandom(12).hex()),
    )


def _sending(kind: Literal["payment.succeeded", "payment.failed"], payment: Payment) -> Sending:
    body = msgspec.json.encode(Callback(type=kind, data=payment)).decode()
    return Sending(f"msg_{uuid.uuid4().hex}", body, payment.occurred_at_ms)


def _paid(charge: Payment) -> Played:
    return Played("paid", [charge], [_sending("payment.succeeded", charge)])


def _succeed(checkout: CheckoutRequest, now: int) -> Played:
    return _paid(_charge(checkout, now))


def _decline(checkout: CheckoutRequest, now: int) -> Played:
    refused = replace(_charge(checkout, now), transaction_id="", reason="declined")
    return Played("declined", sendings=[_sending("payment.failed", refused)])


def _late(checkout: CheckoutRequest, now: int) -> Played:
    return _paid(_charge(checkout, checkout.expires_at_ms + LATE_BY_MS))


def _twice(checkout: CheckoutRequest, now: int) -> Played:
    charges = [_charge(checkout, now), _charge(checkout, now)]
    first, second = (_sending("payment.succeeded", charge) for charge in charges)
    return Played("paid", charges, [first, first, second])


def _wrong_amount(checkout: CheckoutRequest, now: int) -> Played:
    charge = _charge(checkout, now)
    return _paid(replace(charge, amount_minor=charge.amount_minor + WRONG_BY_MINOR))


def _lost(checkout: CheckoutRequest, now: int) -> Played:
    return Played("paid", [_charge(checkout, now)])


# From the checkout and the present (UTC milliseconds) to what happens.
OUTCOMES: Final[dict[str, Callable[[CheckoutRequest, int], Played]]] = {
    "succeed": _succeed,
    "decline": _decline,
    "late": _late,
    "twice": _twice,
    "wrong_amount": _wrong_amount,
    "lost": _lost,
}
