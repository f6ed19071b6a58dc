"""Tickets as pages and files: to show at a door, to print, to keep in a calendar, to give to somebody else."""

import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.infra.mysql import DatabaseUnavailable
from app.live.shapes import TicketFacts
from app.orders.lifecycle import Order
from app.sale.catalog import Event
from app.tickets.documents import Shown, calendar, make_pdf
from app.tickets.reading import Ticket, find_ticket, tickets_of
from app.web.buyer.tickets import hand_on_as_asked, holder_link, is_holder, ticket_facts
from app.web.buying import order_id_of, readable_order
from app.web.callers import visitor
from app.web.http import checked_key, read_form
from app.web.problems import Problem
from app.web.rendering import buyers_page, qr
from app.web.services import services_of


def shown(facts: TicketFacts) -> dict[str, Any]:
    """A ticket as templates have it: with its code to scan, while it is good."""
    good = facts.status == "valid" and facts.code is not None
    return {
        "id": facts.ticket_id,
        "name": facts.name,
        "status": facts.status,
        "handed_on": facts.handed_on,
        "used_at": facts.used_at,
        "gate": facts.gate,
        "code": facts.code,
        "qr": qr(facts.code) if good and facts.code else None,
    }


async def good_tickets(request: Request, event: Event, order: Order) -> list[dict[str, Any]]:
    """The buyer's own that are good; none while the books do not answer."""
    services = services_of(request)
    try:
        found = await tickets_of(services.database, order.id)
    except DatabaseUnavailable:
        return []
    every = [shown(ticket_facts(services, event, ticket)) for ticket in found]
    return [ticket for ticket in every if ticket["qr"]]


def _link_key(request: Request) -> str:
    key = request.query_params.get("key", "")
    return f"?key={key}" if key else ""


async def tickets_page(request: Request) -> Response:
    """All tickets of an order: for its buyer, or for whoever has its link."""
    services = services_of(request)
    buyer = await visitor(request)
    order = await readable_order(request, buyer)
    event = await services.event_by_id(order.event_id)
    found = [ticket_facts(services, event, ticket) for ticket in await tickets_of(services.database, order.id)]
    listed = [shown(facts) for facts in found if facts.status != "void"]
    return buyers_page(
        request,
        "buyer/tickets.html",
        event=(await services.sales.one(event)).facts,
        order_id=order.id,
        tickets=listed,
        query=_link_key(request),
        request_key=secrets.token_hex(16),
        may_hand_on=buyer is not None and buyer.id == order.buyer_id,
    )


async def _of_holder(request: Request) -> tuple[Event, Ticket]:
    """The ticket in the path, for whoever has its link. Raises Problem `link_expired`, `not_found`."""
    services, order_id = services_of(request), order_id_of(request)
    if not is_holder(request):
        raise Problem("link_expired", "Ask whoever gave you this link for a new one.")
    ticket = await find_ticket(services.database, request.path_params["ticket_id"])
    if ticket is None or ticket.order_id != order_id:
        raise Problem("not_found")
    return await services.event_by_id(ticket.event_id), ticket


async def holder_page(request: Request) -> Response:
    """One ticket, for whoever it was handed to."""
    services = services_of(request)
    event, ticket = await _of_holder(request)
    return buyers_page(
        request,
        "buyer/tickets.html",
        event=(await services.sales.one(event)).facts,
        order_id=ticket.order_id,
        tickets=[shown(ticket_facts(services, event, ticket, for_buyer=False))],
        query=_link_key(request),
        request_key=secrets.token_hex(16),
        may_hand_on=True,
        of_holder=True,
    )


async def tickets_pdf(request: Request) -> Response:
    """The buyer's own good tickets as a PDF, a page each."""
    services = services_of(request)
    order = await readable_order(request, await visitor(request))
    event = await services.event_by_id(order.event_id)
    found = [ticket for ticket in await tickets_of(services.database, order.id) if not ticket.handed_on]
    return await _pdf(request, event, order.id, found)


async def holder_pdf(request: Request) -> Response:
    """One ticket as a PDF, for whoever it was handed to."""
    event, ticket = await _of_holder(request)
    return await _pdf(request, event, ticket.order_id, [ticket])


async def _pdf(request: Request, event: Event, order_id: str, tickets: list[Ticket]) -> Response:
    services = services_of(request)
    good = [ticket for ticket in tickets if ticket.status == "VALID"]
    if not good:
        raise Problem("not_found", "There is no good ticket to print.")
    names = {sku.id: sku.name for sku in event.skus}
    pages = [
        Shown(t.id, services.ticket_keys.code(t.id, t.event_id, t.sku_id), names.get(t.sku_id, "")) for t in good
    ]
    made = await make_pdf(event, order_id, pages)
    name = f"tickets-{event.slug}.pdf"
    headers = {"Content-Disposition": f'inline; filename="{name}"'}
    return Response(made, media_type="application/pdf", headers=headers)


async def calendar_file(request: Request) -> Response:
    """The event for a calendar; there is none before its start is announced."""
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    if event.starts_at_ms is None:
        raise Problem("not_found", "It is not announced yet when this starts.")
    made = calendar(event, f"{services.settings.public_url}/events/{event.slug}")
    headers = {"Content-Disposition": f'attachment; filename="{event.slug}.ics"'}
    return Response(made, media_type="text/calendar", headers=headers)


async def hand_on_form(request: Request) -> Response:
    """Hands a ticket on, and shows the link for whoever gets it: this once."""
    form = await read_form(request, dict[str, str])
    services = services_of(request)
    ticket = await hand_on_as_asked(request, checked_key("request_key", form.get("request_key", "")))
    event = await services.event_by_id(ticket.event_id)
    return buyers_page(
        request,
        "buyer/handed_on.html",
        event=(await services.sales.one(event)).facts,
        link=holder_link(services, ticket),
        back=f"/orders/{ticket.order_id}/tickets" if not is_holder(request) else "/",
    )
