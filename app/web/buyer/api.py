"""The buyer's API: the waiting room, orders, payments. JSON under /api/v1."""

import logging
from contextlib import suppress
from typing import Annotated

import msgspec
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import Response

from app.ids import ORDER_ID, derived_id, new_id, short_code
from app.infra import traces
from app.infra.redis import NotReady
from app.live.shapes import (
    CanceledOrder,
    EventFacts,
    EventList,
    Extension,
    HeldOrder,
    JoinedPlace,
    OrderFacts,
    OrderLink,
    OrderList,
    QueuePlace,
    StartedPayment,
    end_of,
    order_facts,
    place_facts,
)
from app.orders import more_time
from app.orders.facts import PaymentStarted, records
from app.orders.lifecycle import due_minor
from app.orders.links import renew_link
from app.orders.reading import held_order, newest_orders, read_order_to_pay
from app.orders.reservations import Refused, hold_ends, request_cancel, request_hash, reserve
from app.payments.checkouts import open_checkout
from app.payments.provider import Attempt, ProviderUnavailable
from app.payments.providers import UnknownProvider
from app.sale import waiting_room
from app.sale.catalog import MAX_QUANTITY, MAX_SKUS
from app.sale.events import check_not_over
from app.sale.gates.rules import JoinRequest
from app.sale.returning import look_again
from app.tokens import Buyer
from app.units import iso, now_ms
from app.web.buying import (
    held_again,
    join_event,
    link_address,
    link_of,
    order_id_of,
    order_of,
    readable_order,
    receipt_from,
    refuse_blocked,
    signed_receipt,
)
from app.web.callers import buyer_of, for_buyer, set_buyer_cookie, visitor
from app.web.http import Json, idempotency_key, read_cursor, read_json, read_limit
from app.web.problems import Problem, invalid, refusal_of
from app.web.promises import (
    CURSOR,
    IF_NONE_MATCH,
    KEY,
    LINK_KEY,
    OPTIONAL_KEY,
    RECEIPT,
    REPEAT_KEY,
    limit,
    promise,
)
from app.web.sales import MAX_EVENTS
from app.web.services import services_of

log = logging.getLogger(__name__)

DEFAULT_ORDERS = 20
MAX_ORDERS = 50


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """So many tickets of a sku."""

    sku_id: Annotated[int, msgspec.Meta(ge=1, le=2**32 - 1)]
    quantity: Annotated[int, msgspec.Meta(ge=1, le=MAX_QUANTITY)]


class PlaceOrder(msgspec.Struct, forbid_unknown_fields=True):
    """The body of an order."""

    items: Annotated[list[Line], msgspec.Meta(min_length=1, max_length=MAX_SKUS)]


@promise(
    "The public facts of all sales, those that open last first.",
    {200: EventList, 304: None},
    "invalid",
    parameters=(limit(MAX_EVENTS, MAX_EVENTS), CURSOR, IF_NONE_MATCH),
)
async def get_events(request: Request) -> Response:
    most = read_limit(request, MAX_EVENTS, MAX_EVENTS)
    made = await services_of(request).sales.newest(most, request.query_params.get("cursor", ""))
    return made.answer(request)


@promise(
    "The public facts of a sale: its state, its kinds of tickets, how many are left.",
    {200: EventFacts, 304: None},
    parameters=(IF_NONE_MATCH,),
)
async def get_event(request: Request) -> Response:
    services = services_of(request)
    made = await services.sales.one(await services.event(request.path_params["slug"]))
    return made.answer(request)


@promise(
    "Joins the queue, or finds the place one has. Without a token one is a new buyer, and the answer has it.",
    {200: JoinedPlace},
    "unauthorized",
    "closed",
    "blocked",
    "invalid",
    "too_many",
    "captcha_required",
    "captcha_refused",
    "work_required",
    "work_refused",
    "identity_required",
    "identity_refused",
    "code_required",
    "bad_code",
    "code_used",
    parameters=(OPTIONAL_KEY,),
    body=JoinRequest,
    body_is_optional=True,
)
async def join(request: Request) -> Response:
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    asked = await read_json(request, JoinRequest, may_be_empty=True)
    token, place = await join_event(request, event, await buyer_of(request), asked)
    response = Json(place_facts(JoinedPlace, place, token=token))
    set_buyer_cookie(request, response, token)
    return response


@promise("Where one stands, for polling: ask again after `poll_after_ms`.", {200: QueuePlace}, "not_joined")
@for_buyer
async def get_place(request: Request, buyer: Buyer) -> Response:
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    check_not_over(event)
    place = await look_again(services.redis, event.id, buyer.id, buyer.numbers.get(event.id))
    if not place.number or buyer.numbers.get(event.id) == place.standing:
        return Json(place_facts(QueuePlace, place))
    token = services.tokens.of_buyer(buyer.standing_at(event.id, place.standing))
    response = Json(place_facts(QueuePlace, place, token=token))
    set_buyer_cookie(request, response, token)
    return response


@promise("Leaves the queue for good. Orders stay.", {204: None})
@for_buyer
async def leave(request: Request, buyer: Buyer) -> Response:
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    await waiting_room.leave(services.redis, event.id, buyer.id)
    return Response(status_code=204)


@promise(
    "Gives more time to choose, once: by as long as the pass was given for.",
    {200: Extension},
    "already_extended",
    "no_pass",
    "closed",
    "invalid",
    parameters=(REPEAT_KEY,),
)
@for_buyer
async def extend_pass(request: Request, buyer: Buyer) -> Response:
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    check_not_over(event)
    key = idempotency_key(request) if "idempotency-key" in request.headers else ""
    try:
        end_ms = await more_time.extend_pass(services.redis, event.id, buyer.id, key)
    except Refused as refused:
        raise refusal_of(refused) from None
    return Json(Extension(iso(end_ms)))


@promise(
    "Places an order: its tickets are held until `expires_at`. All of it or nothing.",
    {202: HeldOrder},
    "no_pass",
    "blocked",
    "sold_out",
    "closed",
    "limit",
    "sku_limit",
    "sku_not_on_sale",
    "key_reused",
    "too_many",
    "paused",
    parameters=(KEY, RECEIPT),
    body=PlaceOrder,
    says_where=True,
)
@for_buyer
async def place_order(request: Request, buyer: Buyer) -> Response:
    began_ns = traces.began()
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    check_not_over(event)
    refuse_blocked(request, event, buyer)
    key = idempotency_key(request)
    order = await read_json(request, PlaceOrder)
    items = [(line.sku_id, line.quantity) for line in order.items]
    if len({sku_id for sku_id, _ in items}) != len(items):
        raise invalid("items: each sku once")
    receipt = receipt_from(request, buyer)
    if receipt and (receipt.idempotency_key, receipt.request_hash) != (key, request_hash(items)):
        raise invalid("Order-Receipt: it is of another order")
    try:
        hold = receipt and await held_again(request, receipt)
        hold = hold or await reserve(
            services.redis,
            event.id,
            buyer.id,
            key,
            items,
            outbox_cap=services.settings.outbox_cap,
            max_orders=services.settings.max_orders_per_buyer,
            copies=services.settings.redis_wait_replicas,
        )
    except Refused as refused:
        raise refusal_of(refused) from None
    traces.tell("place order", hold.order_id, began_ns, traces.REQUEST, event=event.slug)
    return Json(
        HeldOrder(
            hold.order_id,
            "HELD",
            hold.total_minor,
            event.currency,
            iso(hold.expires_at_ms),
            signed_receipt(request, event, hold, buyer, key, items),
        ),
        202,
        {"Location": f"/api/v1/orders/{hold.order_id}"},
    )


@promise(
    "An order with its items and payments: for its buyer, or for whoever has its link's `key`.",
    {200: OrderFacts},
    "unauthorized",
    "link_expired",
    "invalid",
    parameters=(LINK_KEY, RECEIPT),
)
async def get_order(request: Request) -> Response:
    buyer = await (visitor if "key" in request.query_params else buyer_of)(request)
    order = await readable_order(request, buyer)
    event = await services_of(request).event_by_id(order.event_id)
    return Json(order_facts(event, order, await link_of(request, order)))


@promise(
    "One's own orders in all sales, newest first.",
    {200: OrderList},
    "invalid",
    parameters=(limit(DEFAULT_ORDERS, MAX_ORDERS), CURSOR),
)
@for_buyer
async def get_orders(request: Request, buyer: Buyer) -> Response:
    services = services_of(request)
    most, cursor = read_limit(request, DEFAULT_ORDERS, MAX_ORDERS), read_cursor(request, ORDER_ID)
    found = await newest_orders(services.database, services.redis, buyer.id, list(buyer.numbers), most + 1, cursor)
    shown = found[:most]
    facts = [order_facts(await services.event_by_id(order.event_id), order) for order in shown]
    return Json(OrderList(facts, shown[-1].id if len(found) > most else None))


@promise("Makes a new link to the order; the one before is void.", {200: OrderLink})
@for_buyer
async def renew_order_link(request: Request, buyer: Buyer) -> Response:
    order = await order_of(request, buyer)
    version = await renew_link(services_of(request).database, order.id)
    return Json(OrderLink(order.id, link_address(request, order.id, version)))


@promise(
    "Gives the tickets of an order back. The next person in the queue gets them.",
    {202: CanceledOrder},
    "not_cancelable",
    says_where=True,
)
@for_buyer
async def cancel_order(request: Request, buyer: Buyer) -> Response:
    services = services_of(request)
    order = await order_of(request, buyer)
    if order.status != "CANCELED":  # asked twice is asked once
        try:
            await request_cancel(services.redis, order.id, order.buyer_id)
        except Refused:
            raise Problem("not_cancelable") from None
    return Json(CanceledOrder(order.id, order.status), 202, {"Location": f"/api/v1/orders/{order.id}"})


@promise(
    "Gives more time to pay an order, once: by as long as it was held for at first.",
    {200: Extension},
    "already_extended",
    "not_extendable",
    "invalid",
    parameters=(REPEAT_KEY,),
)
@for_buyer
async def extend_order(request: Request, buyer: Buyer) -> Response:
    key = idempotency_key(request) if "idempotency-key" in request.headers else ""
    order = await order_of(request, buyer)
    try:
        end_ms = await more_time.extend_hold(services_of(request).redis, order.id, order.buyer_id, key)
    except Refused as refused:
        raise refusal_of(refused) from None
    return Json(Extension(iso(end_ms)))


@promise(
    "Starts the payment of what is due, or goes on with the one under way: it is paid at `redirect_url`.",
    {201: StartedPayment},
    "unauthorized",
    "link_expired",
    "not_payable",
    "too_many",
    "provider_unavailable",
    parameters=(LINK_KEY,),
    says_where=True,
)
async def start_payment(request: Request) -> Response:
    services, order_id = services_of(request), order_id_of(request)
    by_link = "key" in request.query_params  # the rest may be due after the buyer's cookie has ended
    buyer = await (visitor if by_link else buyer_of)(request)
    buyer_id = (await readable_order(request, buyer)).buyer_id if by_link or buyer is None else buyer.id
    found = await read_order_to_pay(services.database, order_id)
    order, ended = found or (await held_order(services.redis, order_id), 0)
    if order is None or order.buyer_id != buyer_id:
        raise Problem("not_found")
    if by_link and not (order.status == "PENDING" and order.deposit_id):
        raise Problem("unauthorized")  # a link shows what is bought, and no more
    event = await services.event_by_id(order.event_id)
    end_ms = end_of(event, order)
    if end_ms <= now_ms() and not event.purged:  # a pause that has just begun is known to Redis first
        end_ms = (await hold_ends(services.redis, event.id, [order.id])).get(order.id, end_ms)
    if found is None or order.status != "PENDING" or end_ms <= now_ms():
        raise Problem("not_payable", order_status=order.status)
    if ended >= services.settings.max_payment_attempts:
        raise Problem("too_many", "This order was declined too often. Please place it again.")
    with suppress(Refused, RedisError, NotReady):  # then it ends when it would have
        least_ms = services.settings.payment_seconds * 1000
        end_ms = await more_time.keep_hold(services.redis, order.id, order.buyer_id, least_ms)
    # Until an attempt comes to an end, paying again goes on with it: two clicks are not two payments.
    payment_id = derived_id("payment", order.id, str(ended))
    attempt = Attempt(
        payment_id=payment_id,
        amount_minor=due_minor(order),
        return_url=f"{services.settings.public_url}/orders/{order.id}{f'?{request.url.query}' if by_link else ''}",
        description=f"Order {short_code(order.id)}",
        expires_at_ms=end_ms,
    )
    try:
        provider = services.providers.named(event.provider)
        checkout = await open_checkout(services.database, provider, order, attempt)
    except (ProviderUnavailable, UnknownProvider) as error:
        log.warning("order %s cannot be paid now: %s", order.id, error)
        raise Problem("provider_unavailable") from None
    await services.producer.send(
        records(
            PaymentStarted(
                fact_id=new_id(),
                order_id=order.id,
                occurred_at_ms=now_ms(),
                payment_id=payment_id,
                provider=provider.name,
                amount_minor=attempt.amount_minor,
                currency=order.currency,
            )
        )
    )
    return Json(
        StartedPayment(payment_id, "PENDING", attempt.amount_minor, checkout.url),
        201,
        {"Location": f"/api/v1/orders/{order.id}"},  # where the payment is found
    )
