"""The buyers' pages. Everything a page shows first is in its HTML; scripts only keep it true."""

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.live.shapes import order_shape, place_shape
from app.orders.lifecycle import Order
from app.orders.reading import orders_of
from app.sale.catalog import Event
from app.sale.waiting_room import NotJoined, look
from app.tokens import BadToken, Buyer
from app.units import iso, now_ms
from app.web.buyer.api import event_facts, join_event, newest_events, order_of
from app.web.http import buyer_of, set_buyer_cookie
from app.web.problems import NOT_FOUND, Problem
from app.web.rendering import page, qr
from app.web.services import services_of

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


async def event_page(request: Request) -> Response:
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    buyer = visitor(request)
    place, orders, resume_url = None, [], None
    if buyer:
        resume_url = f"{services.settings.public_url}/resume/{event.slug}/{services.tokens.of_resume(buyer)}"
        found = await orders_of(services.database, services.redis, event.id, buyer.id)
        orders = [order_shape(event, order) for order in found]
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
    try:
        order = await order_of(request)
    except Problem:
        raise NOT_FOUND from None
    return await services_of(request).event_by_id(order.event_id), order


async def order_page(request: Request) -> Response:
    event, order = await order_of_request(request)
    return page(
        "buyer/order.html",
        order=order_shape(event, order),
        event=await event_facts(services_of(request), event),
        server_now=iso(now_ms()),
        ticket_qr=qr(order.id) if order.status == "CONFIRMED" else None,
    )
