"""The buyer's API: the waiting room, orders, payments. JSON under /api/v1."""

from contextlib import suppress
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.ids import derived_id, event_of, new_id
from app.infra.redis import NotReady
from app.live.shapes import event_shape, order_shape, place_shape
from app.orders.facts import PaymentStarted, records
from app.orders.lifecycle import Order
from app.orders.reading import find_order, held_order, read_order_to_pay
from app.orders.reservations import Refused, request_cancel, reserve
from app.payments.provider import Attempt, ProviderUnavailable
from app.sale import waiting_room
from app.sale.catalog import MAX_QUANTITY, MAX_SKUS, Event, public_state
from app.sale.events import list_events, read_sale
from app.sale.waiting_room import Place
from app.tokens import Buyer, new_buyer
from app.units import iso, now_ms
from app.web.http import Json, buyer_of, known_buyer, read_json, set_buyer_cookie
from app.web.problems import NOT_FOUND, Problem, invalid, refusal_of
from app.web.services import Services, services_of

MAX_KEY = 255
MAX_EVENTS = 100


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """So many tickets of a sku."""

    sku_id: Annotated[int, msgspec.Meta(ge=1, le=2**32 - 1)]
    quantity: Annotated[int, msgspec.Meta(ge=1, le=MAX_QUANTITY)]


class PlaceOrder(msgspec.Struct, forbid_unknown_fields=True):
    """The body of an order."""

    items: Annotated[list[Line], msgspec.Meta(min_length=1, max_length=MAX_SKUS)]


async def event_facts(services: Services, event: Event) -> dict[str, Any]:
    """The public facts of a sale as it stands. Raises NotReady."""
    state, stock, notice = await read_sale(services.redis, event.id)
    shape = event_shape(event, public_state(state, stock), stock)
    return {**shape, "notice": notice if state == "paused" else None}


async def newest_events(services: Services, most: int) -> list[dict[str, Any]]:
    """The public facts of the newest sales; one that is not ready does not hide the others."""
    shapes = []
    for event in await list_events(services.database, most):
        with suppress(NotReady):
            shapes.append(await event_facts(services, event))
    return shapes


async def get_events(request: Request) -> Response:
    return Json({"events": await newest_events(services_of(request), MAX_EVENTS)})


async def get_event(request: Request) -> Response:
    services = services_of(request)
    return Json(await event_facts(services, await services.event(request.path_params["slug"])))


async def join_event(services: Services, event: Event, buyer: Buyer | None) -> tuple[str, Place]:
    """Joins, as somebody new if need be; the buyer's token and place."""
    buyer = buyer or new_buyer()
    place = await waiting_room.join(services.redis, event.id, buyer.id, services.settings.max_waiting)
    return services.tokens.of_buyer(buyer.with_number(event.id, place.number)), place


async def join(request: Request) -> Response:
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    token, place = await join_event(services, event, buyer_of(request))
    response = Json({"token": token, **place_shape(place)})
    set_buyer_cookie(services, response, token)
    return response


async def get_place(request: Request) -> Response:
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    buyer = known_buyer(request)
    place = await waiting_room.look(services.redis, event.id, buyer.id)
    response = Json(place_shape(place))
    if place.number and buyer.numbers.get(event.id) != place.number:
        token = services.tokens.of_buyer(buyer.with_number(event.id, place.number))
        response = Json({"token": token, **place_shape(place)})
        set_buyer_cookie(services, response, token)
    return response


async def leave(request: Request) -> Response:
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    await waiting_room.leave(services.redis, event.id, known_buyer(request).id)
    return Response(status_code=204)


def idempotency_key(request: Request) -> str:
    """The Idempotency-Key. Raises Problem `invalid`."""
    key = request.headers.get("idempotency-key", "")
    if not (1 <= len(key) <= MAX_KEY and key.isascii() and key.isprintable()):
        raise invalid(f"Idempotency-Key: 1 to {MAX_KEY} printable ASCII characters are needed")
    return key


async def place_order(request: Request) -> Response:
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    buyer = known_buyer(request)
    key = idempotency_key(request)
    order = await read_json(request, PlaceOrder)
    items = [(line.sku_id, line.quantity) for line in order.items]
    if len({sku_id for sku_id, _ in items}) != len(items):
        raise invalid("items: each sku once")
    try:
        hold = await reserve(
            services.redis,
            event.id,
            buyer.id,
            key,
            items,
            outbox_cap=services.settings.outbox_cap,
            max_orders=services.settings.max_orders_per_buyer,
        )
    except Refused as refused:
        raise refusal_of(refused) from None
    return Json(
        {
            "order_id": hold.order_id,
            "status": "HELD",
            "total": hold.total_minor,
            "currency": event.currency,
            "expires_at": iso(hold.expires_at_ms),
        },
        202,
    )


def owned(order: Order | None, buyer: Buyer) -> Order:
    """The order, if it is the buyer's. Raises Problem `not_found`, also for another buyer's."""
    if order is None or order.buyer_id != buyer.id:
        raise NOT_FOUND
    return order


def order_id_of(request: Request) -> str:
    """The order id in the path. Raises Problem `not_found` when it is none."""
    order_id: str = request.path_params["order_id"]
    try:
        event_of(order_id)
    except ValueError:
        raise NOT_FOUND from None
    return order_id


async def order_of(request: Request) -> Order:
    """The order in the path, if it is the caller's. Raises Problem `not_found`."""
    services, buyer = services_of(request), known_buyer(request)
    return owned(await find_order(services.database, services.redis, order_id_of(request)), buyer)


async def get_order(request: Request) -> Response:
    order = await order_of(request)
    return Json(order_shape(await services_of(request).event_by_id(order.event_id), order))


async def cancel_order(request: Request) -> Response:
    services = services_of(request)
    order = await order_of(request)
    if order.status != "CANCELED":  # asked twice is asked once
        try:
            await request_cancel(services.redis, order.id, order.buyer_id)
        except Refused:
            raise Problem(409, "not_cancelable", "This order holds nothing that could be given back.") from None
    return Json({"order_id": order.id, "status": order.status}, 202)


async def start_payment(request: Request) -> Response:
    services = services_of(request)
    buyer, order_id = known_buyer(request), order_id_of(request)
    found = await read_order_to_pay(services.database, order_id)
    order, declined = found or (await held_order(services.redis, order_id), 0)
    order = owned(order, buyer)
    if found is None or order.status != "PENDING" or order.expires_at_ms <= now_ms():
        raise Problem(409, "not_payable", "This order cannot be paid now.", order_status=order.status)
    if declined >= services.settings.max_payment_attempts:
        raise Problem(429, "too_many", "This order was declined too often. Please place it again.")
    # Until an attempt was declined, paying again goes on with it: two clicks are not two payments.
    payment_id = derived_id("payment", order.id, str(declined))
    attempt = Attempt(
        payment_id=payment_id,
        return_url=f"{services.settings.public_url}/orders/{order.id}",
        description=f"Order {order.id[:8]}",
        expires_at_ms=order.expires_at_ms,
    )
    try:
        redirect_url = await services.providers.preferred.create_checkout(order, attempt)
    except ProviderUnavailable:
        raise Problem(
            503, "provider_unavailable", "The payment provider does not answer. Your tickets stay held."
        ) from None
    await services.producer.send(
        records(
            PaymentStarted(
                fact_id=new_id(),
                order_id=order.id,
                occurred_at_ms=now_ms(),
                payment_id=payment_id,
                provider=services.providers.preferred.name,
                amount_minor=order.total_minor,
                currency=order.currency,
            )
        )
    )
    return Json(
        {
            "payment_id": payment_id,
            "status": "PENDING",
            "amount": order.total_minor,
            "redirect_url": redirect_url,
        },
        201,
    )
