"""The buyers' pages. Everything a page shows first is in its HTML; scripts only keep it true."""

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.live.shapes import order_shape, place_shape
from app.orders.ledger import read_orders
from app.orders.lifecycle import Order
from app.orders.reservations import held_order, order_ids_of
from app.sale.catalog import Event
from app.sale.events import event_by_id
from app.sale.waiting_room import NotJoined, look
from app.tokens import BadToken, Buyer
from app.units import iso, now_ms
from app.web.buyer.api import event_facts, find_order, join_event, newest_events, order_id_of
from app.web.http import buyer_of, known_buyer, set_buyer_cookie
from app.web.problems import NOT_FOUND, Problem
from app.web.rendering import page, qr
from app.web.services import Services, services_of

MOST_EVENTS = 50


def visitor(request: Request) -> Buyer | None:
    """Who looks at a page; somebody new where the cookie is no good."""
    try:
        return buyer_of(request)
    except Problem:
        return None


async def events_page(request: Request) -> Response:
    events = await newest_events(services_of(request), MOST_EVENTS)
    return page("buyer/events.html", events=events, server_now=iso(now_ms()))


async def orders_of(services: Services, event: Event, buyer: Buyer) -> list[Order]:
    """A buyer's orders in an event, newest first: from the books, or from Redis where those do not have it yet."""
    ids = await order_ids_of(services.redis, event.id, buyer.id)
    if not ids:
        return []
    async with services.database.connection() as connection:
        written = {
            order.id: order
            for order in await read_orders(connection, "event_id = %s AND buyer_id = %s", (event.id, buyer.id))
        }
    orders = [written.get(order_id) or await held_order(services.redis, order_id) for order_id in ids]
    return [order for order in orders if order]


async def event_page(request: Request) -> Response:
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    buyer = visitor(request)
    place, orders, resume_url = None, [], None
    if buyer:
        resume_url = f"{services.settings.public_url}/resume/{event.slug}/{services.tokens.of_resume(buyer)}"
        orders = [order_shape(event, order) for order in await orders_of(services, event, buyer)]
        try:
            place = place_shape(await look(services.redis, event.id, buyer.id))
        except NotJoined:
            resume_url = resume_url if orders else None
    state: dict[str, Any] = {
        "event": await event_facts(services, event),
        "place": place,
        "orders": orders,
        "server_now": iso(now_ms()),
    }
    return page(
        "buyer/event.html", state=state, **state, resume_url=resume_url, resume_qr=resume_url and qr(resume_url)
    )


async def join_form(request: Request) -> Response:
    """Joining without JavaScript."""
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    token, _ = await join_event(services, event, visitor(request))
    response = RedirectResponse(f"/events/{event.slug}", 303)
    set_buyer_cookie(services, response, token)
    return response


async def resume(request: Request) -> Response:
    """Goes on as the same buyer on this device."""
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    try:
        buyer = services.tokens.resume(request.path_params["token"])
    except BadToken:
        raise Problem(
            403, "link_expired", "This link is too old or was changed. Open a new one on your first device."
        ) from None
    response = RedirectResponse(f"/events/{event.slug}", 303)
    set_buyer_cookie(services, response, services.tokens.of_buyer(buyer))
    return response


async def order_of_request(request: Request) -> tuple[Event, Order]:
    services = services_of(request)
    try:
        buyer = known_buyer(request)
    except Problem:
        raise NOT_FOUND from None
    order = await find_order(services, buyer, order_id_of(request))
    return await event_by_id(services.database, order.event_id), order


async def order_page(request: Request) -> Response:
    event, order = await order_of_request(request)
    return page(
        "buyer/order.html",
        order=order_shape(event, order),
        event=await event_facts(services_of(request), event),
        server_now=iso(now_ms()),
        ticket_qr=qr(order.id) if order.status == "CONFIRMED" else None,
    )
