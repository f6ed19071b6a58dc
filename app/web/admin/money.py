"""The organiser's API for the money of an order and of an event: refunds, reviews, cancelling, calling off."""

import logging
from dataclasses import replace
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.ids import ID, event_of, new_id, short_code
from app.infra.kafka import KafkaUnavailable
from app.orders import calling_off, refund_requests
from app.orders.facts import OrderCalledOff, RefundDecided, ReviewAccepted, records
from app.orders.lifecycle import Order
from app.orders.reading import find_order
from app.orders.reservations import Refused, request_cancel
from app.organisers.access import Admin
from app.sale.events import note_once
from app.units import MAX_MINOR, now_ms, optional_iso
from app.web.admin.access import allowed, record
from app.web.buying import order_id_of
from app.web.http import Json, read_cursor, read_json
from app.web.problems import Problem, invalid
from app.web.promises import CURSOR, REFUND_KEY, promise
from app.web.refunding import REFUSALS, Reason, RefundRequested, ReturnedLines, key_of, refusal, shown, wanted_of
from app.web.services import services_of

log = logging.getLogger(__name__)


MOST_NAMED = 50
TicketIds = Annotated[
    list[Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]],
    msgspec.Meta(max_length=MOST_NAMED),
]


class Refund(msgspec.Struct, forbid_unknown_fields=True):
    """What goes back: `amount` in minor units, or the price of `items`, or of the tickets of `ticket_ids`.

    Exactly those tickets become void; of `items` those with the highest numbers. Everything goes back where none
    of the three is given. With `restock`, as usual, tickets that are taken back are sold again.
    """

    amount: Annotated[int, msgspec.Meta(ge=1, le=MAX_MINOR)] | None = None
    items: ReturnedLines | None = None
    ticket_ids: TicketIds | None = None
    restock: bool | None = None
    reason: Reason = ""


class Because(msgspec.Struct, forbid_unknown_fields=True):
    """Why: written down, and shown where buyers ask."""

    reason: Reason = ""


class Answered(msgspec.Struct, forbid_unknown_fields=True):
    """Whether the tickets that are taken back are sold again."""

    restock: bool | None = None


class RefundRequestList(msgspec.Struct, frozen=True):
    """Refund requests that wait for a decision, by id. `next` is the cursor of the next ones."""

    requests: list[RefundRequested]
    next: str | None


class OrderTold(msgspec.Struct, frozen=True):
    """What was asked for is under way; `status` is the order's at that moment."""

    order_id: str
    status: str


class CallingOff(msgspec.Struct, frozen=True):
    """How far it has come to call off an event. What was refused needs people: `ticketcraze refunds list`."""

    slug: str
    called_off_at: str | None
    orders: int
    to_call_off: int
    refunds_pending: int
    refunds_done: int
    refunds_refused: int
    done: bool


@promise(
    "Gives money of an order back: an amount, the price of tickets, or all of it.",
    {202: RefundRequested},
    "not_refundable",
    "too_much",
    "key_reused",
    parameters=(REFUND_KEY,),
    body=Refund,
    says_where=True,
)
@allowed("orders")
async def post_refund(request: Request, admin: Admin) -> Response:
    services, order_id = services_of(request), order_id_of(request)
    asked = await read_json(request, Refund, may_be_empty=True)
    if asked.ticket_ids == []:
        raise invalid("ticket_ids: at least one ticket")
    if asked.ticket_ids is not None and (asked.amount is not None or asked.items is not None):
        raise invalid("amount, items, ticket_ids: one of them, or none for everything")
    wanted = wanted_of(asked.items, asked.amount, asked.restock, asked.reason)
    wanted = replace(wanted, ticket_ids=tuple(sorted(asked.ticket_ids or ())))
    key = key_of(request)
    await _known(request, order_id)
    try:
        decided = await refund_requests.decide(services.database, order_id, wanted, str(admin), key)
    except REFUSALS as error:
        raise refusal(error) from None
    await _tell(request, decided.fact())
    await record(request, admin, "refund", event_of(order_id), subject=order_id, became=shown(decided))
    await _note(request, decided, f"{admin} refunds order {short_code(order_id)}")
    return _accepted(shown(decided), order_id)


@promise(
    "Takes what was paid wrongly for the price: the buyer has the tickets, and what is too much goes back.",
    {202: OrderTold},
    "not_in_review",
    body=Because,
    says_where=True,
)
@allowed("orders")
async def post_accept(request: Request, admin: Admin) -> Response:
    because = await read_json(request, Because, may_be_empty=True)
    order = await _known(request, order_id_of(request))
    if order.status != "REVIEW":
        raise Problem("not_in_review", order_status=order.status)
    fact = ReviewAccepted(
        fact_id=new_id(), order_id=order.id, occurred_at_ms=now_ms(), reason=_said(str(admin), because.reason)
    )
    await services_of(request).producer.send(records(fact))
    await record(request, admin, "accept", order.event_id, subject=order.id, became=because)
    return _accepted(OrderTold(order.id, order.status), order.id)


@promise(
    "Takes an order back: its tickets are sold again, and what was paid for it, or comes later, goes back.",
    {202: OrderTold},
    "not_cancelable",
    body=Because,
    says_where=True,
)
@allowed("orders")
async def post_cancel(request: Request, admin: Admin) -> Response:
    services = services_of(request)
    because = await read_json(request, Because, may_be_empty=True)
    order = await _known(request, order_id_of(request))
    if order.status not in ("HELD", *calling_off.LIVE):
        raise Problem("not_cancelable", order_status=order.status)
    if order.status == "HELD":  # not in the books yet, and not paid
        try:
            await request_cancel(services.redis, order.id, order.buyer_id)
        except Refused:
            raise Problem("not_cancelable") from None
    else:
        fact = OrderCalledOff(
            fact_id=new_id(),
            order_id=order.id,
            occurred_at_ms=now_ms(),
            restock=True,
            reason=_said(str(admin), because.reason),
        )
        await services.producer.send(records(fact))
    await record(request, admin, "cancel", order.event_id, subject=order.id, was=order.status, became=because)
    return _accepted(OrderTold(order.id, order.status), order.id)


@promise(
    "Calls an event off: its sale closes, and everybody who paid gets all of it back. Again: how far it has come.",
    {202: CallingOff},
    body=Because,
    says_where=True,
)
@allowed("run")
async def post_event_cancel(request: Request, admin: Admin) -> Response:
    services = services_of(request)
    because = await read_json(request, Because, may_be_empty=True)
    event = await services.event(request.path_params["slug"])
    await calling_off.call_off(services.database, services.redis, event, str(admin), because.reason.strip())
    await record(request, admin, "call off", event.id, became=because)
    await services.events.refresh(event.slug)
    where = {"Location": f"/api/v1/admin/events/{event.slug}/cancel"}
    return Json(await progress_of(request), 202, where)


@promise("How far it has come to call an event off.", {200: CallingOff})
@allowed("view")
async def get_event_cancel(request: Request, admin: Admin) -> Response:
    return Json(await progress_of(request))


@promise(
    "The refunds that buyers of an event ask for, and that wait for a decision.",
    {200: RefundRequestList},
    "invalid",
    parameters=(CURSOR,),
)
@allowed("orders_view")
async def get_refund_requests(request: Request, admin: Admin) -> Response:
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    after = read_cursor(request, ID)
    found = await refund_requests.requests_of(services.database, event.id, refund_requests.ASKED, after)
    more = len(found) == refund_requests.MOST_LISTED
    return Json(RefundRequestList([shown(one) for one in found], found[-1].id if more else None))


@promise(
    "Gives the money back that a buyer asked for.",
    {202: RefundRequested},
    "not_refundable",
    "too_much",
    body=Answered,
)
@allowed("orders")
async def post_grant(request: Request, admin: Admin) -> Response:
    services = services_of(request)
    answered = await read_json(request, Answered, may_be_empty=True)
    event = await services.event(request.path_params["slug"])
    try:
        granted = await refund_requests.grant(
            services.database, event.id, _request_id(request), str(admin), answered.restock
        )
    except REFUSALS as error:
        raise refusal(error) from None
    await _tell(request, granted.fact())
    await record(request, admin, "refund", event.id, subject=granted.order_id, became=shown(granted))
    await _note(request, granted, f"{admin} grants the refund of order {short_code(granted.order_id)}")
    return _accepted(shown(granted), granted.order_id)


@promise("Keeps the money that a buyer asked for.", {200: RefundRequested})
@allowed("orders")
async def post_decline(request: Request, admin: Admin) -> Response:
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    try:
        declined = await refund_requests.decline(services.database, event.id, _request_id(request), str(admin))
    except REFUSALS as error:
        raise refusal(error) from None
    await record(request, admin, "no refund", event.id, subject=declined.order_id)
    await _note(request, declined, f"{admin} declines the refund of order {short_code(declined.order_id)}")
    return Json(shown(declined))


async def _note(request: Request, decided: refund_requests.Request, text: str) -> None:
    """A line of the feed for each decision, however often its call is repeated."""
    database = services_of(request).database
    await note_once(database, event_of(decided.order_id), f"refund {decided.id}", text)


def _request_id(request: Request) -> str:
    """The refund request's id in the path. Raises Problem `not_found` when it is none."""
    request_id: str = request.path_params["request_id"]
    if not ID.fullmatch(request_id):
        raise Problem("not_found")
    return request_id


async def _known(request: Request, order_id: str) -> Order:
    """The order, whoever's it is. Raises Problem `not_found`."""
    services = services_of(request)
    order = await find_order(services.database, services.redis, order_id)
    if order is None:
        raise Problem("not_found")
    return order


async def _tell(request: Request, fact: RefundDecided) -> None:
    """Tells the ledger now. It is decided: where Kafka is unavailable a worker tells it later."""
    try:
        await services_of(request).producer.send(records(fact))
    except KafkaUnavailable as error:
        log.warning("refund %s of order %s is decided, and told later: %s", fact.fact_id, fact.order_id, error)


async def progress_of(request: Request) -> CallingOff:
    """How far it has come to call the event off that the address names. Raises UnknownEvent."""
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    stands = await calling_off.progress(services.database, event.id)
    return CallingOff(
        slug=event.slug,
        called_off_at=optional_iso(event.called_off_at_ms),
        orders=stands.orders,
        to_call_off=stands.to_call_off,
        refunds_pending=stands.refunds_pending,
        refunds_done=stands.refunds_done,
        refunds_refused=stands.refunds_refused,
        done=stands.done,
    )


def _accepted(body: RefundRequested | OrderTold, order_id: str) -> Response:
    return Json(body, 202, {"Location": f"/api/v1/admin/orders/{order_id}"})


def _said(admin: str, reason: str) -> str:
    return f"{admin}: {reason}" if reason else admin
