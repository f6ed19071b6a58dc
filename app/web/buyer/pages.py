"""The buyers' pages. Everything a page shows first is in its HTML; scripts only keep it true."""

import secrets
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.infra.mysql import DatabaseUnavailable
from app.infra.redis import first_time
from app.live.shapes import PlaceFacts, order_facts, place_facts
from app.orders.numbering import receipt_number
from app.orders.reading import orders_of
from app.sale.bands import number_of
from app.sale.catalog import SLUG, Event
from app.sale.events import check_not_over
from app.sale.gates.rules import JoinRequest
from app.sale.returning import look_again
from app.sale.waiting_room import NotJoined, SaleClosed
from app.tokens import RESUME_SECONDS, BadToken, Buyer
from app.units import iso, now_ms
from app.web.buyer.refunds import refund_of
from app.web.buyer.ticket_pages import good_tickets
from app.web.buying import join_event, link_of, readable_order
from app.web.callers import set_buyer_cookie, visitor
from app.web.http import read_form
from app.web.languages import language_of
from app.web.problems import Problem
from app.web.rendering import buyers_page, compressed, markdown, qr, takes_brotli, words_in
from app.web.services import services_of
from app.web.view import BOUGHT, view_of

MOST_EVENTS = 50


async def events_page(request: Request) -> Response:
    """The list of sales; or, for whom Queue-it's connector sends here, the one that is asked for."""
    if SLUG.fullmatch(slug := request.query_params.get("e", "")):
        target = urlencode({"t": request.query_params.get("t", "")})
        return RedirectResponse(f"/events/{slug}?{target}", 303)
    newest = await services_of(request).sales.newest(MOST_EVENTS)
    return buyers_page(request, "buyer/events.html", events=newest.facts.events, server_now=iso(now_ms()))


async def event_page(request: Request) -> Response:
    """The page of a sale, as this buyer sees it; one a second for all who are nobody yet."""
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    buyer = await visitor(request)
    if buyer is None and not request.scope["query_string"]:
        # All that a stranger's page depends on.
        seen_by = event.id, takes_brotli(request), language_of(request).code
        return await services.strangers_pages.get(seen_by, lambda: _event_page(request, event, None))
    return await _event_page(request, event, buyer)


async def _event_page(request: Request, event: Event, buyer: Buyer | None) -> Response:
    services = services_of(request)
    place, orders, resume_url = None, [], None
    if buyer:
        resume_url = f"{services.settings.public_url}/resume/{event.slug}/{services.tokens.of_resume(buyer)}"
        found = await orders_of(services.database, services.redis, event, buyer.id)
        orders = [order_facts(event, order) for order in found]
        try:
            check_not_over(event)
            place = place_facts(
                PlaceFacts, await look_again(services.redis, event.id, buyer.id, buyer.numbers.get(event.id))
            )
        except (NotJoined, SaleClosed):
            resume_url = resume_url if orders else None
    state: dict[str, Any] = msgspec.to_builtins(
        {"event": (await services.sales.one(event)).facts, "place": place, "orders": orders}
    )
    link = {"resume_url": resume_url, "resume_qr": qr(resume_url)} if resume_url else {}
    about = markdown(event.description) if event.description else ""
    return _buyer_page(request, "buyer/event.html", state, about=about, **link)


def _buyer_page(request: Request, template: str, state: dict[str, Any], **context: Any) -> Response:
    """A page that shows a state, with the state in it for its script."""
    at_ms = now_ms()
    state |= {"server_now": iso(at_ms), "returned": "paid" in request.query_params}  # from the provider's page
    view = view_of(state, at_ms, words_in(language_of(request)))
    answer = buyers_page(request, template, state=state, event=state["event"], v=view, **context)
    return compressed(request, answer)


async def join_form(request: Request) -> Response:
    """Joining without JavaScript."""
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    asked = await read_form(request, JoinRequest)
    token, _ = await join_event(request, event, await visitor(request), asked)
    response = RedirectResponse(f"/events/{event.slug}", 303)
    set_buyer_cookie(request, response, token)
    return response


def _buyer_of_link(request: Request) -> Buyer:
    """Whom the link in the path makes of its visitor. Raises Problem `link_expired`."""
    try:
        return services_of(request).tokens.resume(request.path_params["token"])
    except BadToken:
        raise Problem("link_expired") from None


async def resume_page(request: Request) -> Response:
    """Asks whether to go on as the same buyer on this device: looking at a link changes nobody."""
    event = await services_of(request).event(request.path_params["slug"])
    buyer, known = _buyer_of_link(request), await visitor(request)
    return buyers_page(
        request,
        "buyer/resume.html",
        event=event,
        number=number_of(buyer.numbers.get(event.id, 0)),
        same=known is not None and known.id == buyer.id,
        other=known is not None and known.id != buyer.id and bool(known.numbers),
    )


async def resume(request: Request) -> Response:
    """Goes on as the same buyer on this device: a link does that once."""
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    buyer, known = _buyer_of_link(request), await visitor(request)
    token: str = request.path_params["token"]
    # pressed twice is pressed once: whoever became the buyer by this link may do so again
    first = await first_time(services.redis, "resume", token, RESUME_SECONDS)
    if not first and (known is None or known.id != buyer.id):
        raise Problem("link_used")
    response = RedirectResponse(f"/events/{event.slug}", 303)
    set_buyer_cookie(request, response, services.tokens.of_buyer(buyer))
    return response


async def _unknown_order(request: Request) -> Response:
    """For an order that this browser's buyer did not place, and for one that does not exist: the same."""
    return buyers_page(request, "buyer/unknown_order.html", 404)


async def order_page(request: Request) -> Response:
    """An order, for its buyer; or, without their buttons, for whoever has its link."""
    buyer = await visitor(request)
    try:
        order = await readable_order(request, buyer)
    except Problem as problem:
        if problem.kind.code not in ("not_found", "unauthorized"):
            raise
        return await _unknown_order(request)
    event = await services_of(request).event_by_id(order.event_id)
    sale = await services_of(request).sales.one(event)
    state: dict[str, Any] = {
        "page": "order",
        "event": msgspec.to_builtins(sale.facts),
        "place": None,
        "orders": [msgspec.to_builtins(order_facts(event, order, await link_of(request, order)))],
        "linked": buyer is None or buyer.id != order.buyer_id,
    }
    bought: dict[str, Any] = {}
    if order.status in BOUGHT:
        bought["tickets"] = await good_tickets(request, event, order)
        with suppress(DatabaseUnavailable):  # shown the next time
            bought["receipt_number"] = await receipt_number(services_of(request).database, order.id)
        bought["refund"] = "" if state["linked"] else await refund_of(services_of(request), event, order)
    link_query = f"?{request.url.query}" if "key" in request.query_params else ""
    return _buyer_page(
        request, "buyer/order.html", state, link_query=link_query, request_key=secrets.token_hex(16), **bought
    )
