"""A buyer's tickets: their codes, and handing one on."""

from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.live.shapes import HandedOnTicket, OrderContact, TicketFacts, TicketKey, TicketKeySet, TicketStatus
from app.orders.links import link_version
from app.outbound.contacts import MOST_EMAIL, TooManyChanges, is_address, set_contact
from app.sale.catalog import Event
from app.tickets.door import Ended, NotYours, hand_on
from app.tickets.reading import Ticket, tickets_of
from app.tokens import BadToken, Buyer
from app.units import iso
from app.web.buying import order_id_of, order_of, readable_order
from app.web.callers import buyer_of, for_buyer, visitor
from app.web.http import Json, idempotency_key, read_json
from app.web.languages import language_of
from app.web.problems import Problem, invalid
from app.web.promises import KEY, LINK_KEY, promise
from app.web.services import Services, services_of
from app.web.tickets import ended_problem

STATUSES: dict[str, TicketStatus] = {"VALID": "valid", "USED": "used", "VOID": "void"}
HOLDER = 1  # the version of the link to a ticket: a new issue has a new id, so one is enough


def ticket_facts(services: Services, event: Event, ticket: Ticket, *, for_buyer: bool = True) -> TicketFacts:
    """A ticket as its holder is told of it; the buyer is not told the code of one that was handed on."""
    names = {sku.id: sku.name for sku in event.skus}
    used = ticket.status == "USED" and ticket.ended_at_ms
    hidden = for_buyer and ticket.handed_on
    return TicketFacts(
        ticket_id=ticket.id,
        code=None if hidden else services.ticket_keys.code(ticket.id, ticket.event_id, ticket.sku_id),
        sku_id=ticket.sku_id,
        name=names.get(ticket.sku_id, ""),
        status=STATUSES[ticket.status],
        handed_on=ticket.handed_on,
        used_at=iso(ticket.ended_at_ms) if used and ticket.ended_at_ms else None,
        gate=ticket.gate,
    )


def holder_link(services: Services, ticket: Ticket) -> str:
    """The address that shows a ticket to whoever it was handed to, and lets them hand it on."""
    key = services.tokens.of_link(ticket.id, HOLDER)
    return f"{services.settings.public_url}/orders/{ticket.order_id}/tickets/{ticket.id}?key={key}"


@promise(
    "The tickets of an order, with the codes that a door reads: for its buyer, or for whoever has its link.",
    {200: list[TicketFacts]},
    "unauthorized",
    "link_expired",
    parameters=(LINK_KEY,),
)
async def get_tickets(request: Request) -> Response:
    services = services_of(request)
    buyer = await (visitor if "key" in request.query_params else buyer_of)(request)
    order = await readable_order(request, buyer)
    event = await services.event_by_id(order.event_id)
    found = await tickets_of(services.database, order.id)
    return Json([ticket_facts(services, event, ticket) for ticket in found])


def is_holder(request: Request) -> bool:
    """Whether the link's key says that the ticket in the path was handed to whoever asks."""
    ticket_id = request.path_params["ticket_id"]
    try:
        return services_of(request).tokens.link(request.query_params.get("key", ""), ticket_id) == HOLDER
    except BadToken:
        return False


@promise(
    "Hands a ticket to somebody else: its code is void, and whoever gets the link has the new one. For the buyer,"
    " or for whoever has the ticket by such a link, with its `key`.",
    {201: HandedOnTicket},
    "unauthorized",
    "void",
    "already_used",
    "invalid",
    parameters=(KEY, LINK_KEY),
)
async def hand_on_ticket(request: Request) -> Response:
    ticket = await hand_on_as_asked(request, idempotency_key(request))
    return Json(HandedOnTicket(ticket.id, holder_link(services_of(request), ticket)), 201)


async def hand_on_as_asked(request: Request, request_key: str) -> Ticket:
    """Hands on the ticket in the path, for its buyer or its holder; its next issue. Raises Problem."""
    services, order_id = services_of(request), order_id_of(request)
    ticket_id = request.path_params["ticket_id"]
    if not is_holder(request):
        buyer = await buyer_of(request)
        if buyer is None:
            raise Problem("unauthorized")
        await order_of(request, buyer)
        found = [ticket for ticket in await tickets_of(services.database, order_id) if ticket.id == ticket_id]
        if not found or found[0].handed_on:  # it is somebody else's
            raise Problem("not_found")
    try:
        return await hand_on(services.database, order_id, ticket_id, request_key)
    except NotYours:
        raise Problem("not_found") from None
    except Ended as ended:
        raise ended_problem(ended.ticket) from None


@promise(
    "The public keys that codes of tickets are signed with, for doors that check without a network.",
    {200: TicketKeySet},
)
async def get_ticket_keys(request: Request) -> Response:
    keys = services_of(request).ticket_keys.public
    body = msgspec.json.encode(TicketKeySet([TicketKey(key.id, key.x) for key in keys]))
    return Json(body, headers={"Cache-Control": "public, max-age=300"})


class Contact(msgspec.Struct, forbid_unknown_fields=True):
    """Where a buyer wants to be told about an order."""

    email: Annotated[str, msgspec.Meta(min_length=3, max_length=MOST_EMAIL)]


@promise(
    "Says where the buyer is told about an order: the tickets, a refund, a change of the event. Once it is bought,"
    " its tickets are mailed there now."
    " Mail is written in the language of `Accept-Language`. An address may be changed a few times.",
    {200: OrderContact},
    "invalid",
    "too_many",
    "unsupported_media_type",
    "too_large",
    body=Contact,
)
@for_buyer
async def put_contact(request: Request, buyer: Buyer) -> Response:
    services = services_of(request)
    order = await order_of(request, buyer)
    email = (await read_json(request, Contact)).email.strip()
    if not is_address(email):
        raise invalid("email: an address, like kim@example.com")
    version = await link_version(services.database, order.id)
    try:
        link = services.tokens.of_link(order.id, version)
        await set_contact(services.database, order.id, order.event_id, email, link, language_of(request))
    except TooManyChanges:
        raise Problem("too_many", "The address of this order was changed as often as it may be.") from None
    return Json(OrderContact(order.id, email))
