"""What organisers and buyers say alike when money is to go back."""

from typing import Annotated

import msgspec
from starlette.requests import Request

from app.ids import new_id
from app.orders import refund_requests
from app.orders.facts import Returned
from app.orders.lifecycle import TooMuch
from app.orders.refund_requests import KeyReused, NoSuchRequest, NotRefundable, Wanted
from app.sale.catalog import MAX_QUANTITY, MAX_SKUS
from app.units import iso
from app.web.http import idempotency_key
from app.web.problems import Problem, invalid

MOST_REASON = 200
Reason = Annotated[str, msgspec.Meta(max_length=MOST_REASON)]


class ReturnedLine(msgspec.Struct, forbid_unknown_fields=True):
    """So many tickets of a sku that are taken back."""

    sku_id: Annotated[int, msgspec.Meta(ge=1, le=2**32 - 1)]
    quantity: Annotated[int, msgspec.Meta(ge=1, le=MAX_QUANTITY)]


ReturnedLines = Annotated[list[ReturnedLine], msgspec.Meta(min_length=1, max_length=MAX_SKUS)]


class NumberedTicket(msgspec.Struct, frozen=True):
    """A ticket of an order by its number among those of its kind: the same in whosever hands it is."""

    sku_id: int
    number: int


class RefundRequested(msgspec.Struct, frozen=True):
    """A refund that was decided on, or asked for: `status` is ASKED, DECLINED, DECIDED, BOOKED or VOID.

    `amount` is null where it is what the items cost, or everything. `tickets` are those that were named.
    """

    request_id: str
    order_id: str
    status: str
    amount: int | None
    items: list[ReturnedLine]
    restock: bool
    reason: str
    asked_by: str
    created_at: str
    tickets: list[NumberedTicket] = []


def shown(request: refund_requests.Request) -> RefundRequested:
    """A refund request as the API has it."""
    return RefundRequested(
        request_id=request.id,
        order_id=request.order_id,
        status=request.status,
        amount=request.amount_minor or None,
        items=[ReturnedLine(item.sku_id, item.quantity) for item in request.items],
        restock=request.restock,
        reason=request.reason,
        asked_by=request.asked_by,
        created_at=iso(request.created_at_ms),
        tickets=[NumberedTicket(*ticket) for ticket in request.tickets],
    )


def wanted_of(items: list[ReturnedLine] | None, amount: int | None, restock: bool | None, reason: str) -> Wanted:
    """What is to go back. Raises Problem `invalid`."""
    if amount is not None and items is not None:
        raise invalid("amount, items: one of them, or neither for everything")
    lines = tuple(Returned(line.sku_id, line.quantity) for line in items or ())
    if len({line.sku_id for line in lines}) != len(lines):
        raise invalid("items: each sku once")
    return Wanted(amount or 0, lines, restock, reason.strip())


def key_of(request: Request) -> str:
    """The Idempotency-Key; a new one where none is sent."""
    return idempotency_key(request) if "idempotency-key" in request.headers else new_id()


def refusal(error: Exception) -> Problem:
    """Why money does not go back, as a problem."""
    match error:
        case NotRefundable():
            return Problem("not_refundable", str(error))
        case TooMuch():
            return Problem("too_much", str(error))
        case KeyReused():
            return Problem("key_reused", "This Idempotency-Key was used with another refund.")
        case NoSuchRequest():
            return Problem("not_found", "No refund request of this id waits for a decision.")
    return invalid(str(error))


REFUSALS = (NotRefundable, TooMuch, KeyReused, NoSuchRequest, ValueError)
