"""A buyer asks for a refund, by API and on the order's page; the organiser decides."""

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.infra.mysql import DatabaseUnavailable
from app.orders import refund_requests
from app.orders.lifecycle import Order
from app.orders.refund_requests import ASKED, DECIDED, DECLINED, Wanted, may_ask
from app.sale.catalog import Event
from app.tokens import Buyer
from app.units import now_ms
from app.web.buying import order_of
from app.web.callers import for_buyer
from app.web.http import Json, checked_key, read_form, read_json
from app.web.problems import Problem
from app.web.promises import REFUND_KEY, promise
from app.web.refunding import (
    MOST_REASON,
    REFUSALS,
    Reason,
    RefundRequested,
    ReturnedLines,
    key_of,
    refusal,
    shown,
    wanted_of,
)
from app.web.services import Services, services_of

ANSWERS = {ASKED: "asked", DECIDED: "granted", DECLINED: "declined"}


class RefundWish(msgspec.Struct, forbid_unknown_fields=True):
    """What a buyer wants to give back: these tickets, or all of them."""

    items: ReturnedLines | None = None
    reason: Reason = ""


@promise(
    "Asks for a refund, of some tickets or of all. The organiser decides.",
    {202: RefundRequested},
    "not_refundable",
    "too_much",
    "key_reused",
    parameters=(REFUND_KEY,),
    body=RefundWish,
    says_where=True,
)
@for_buyer
async def post_refund_request(request: Request, buyer: Buyer) -> Response:
    order = await order_of(request, buyer)
    wish = await read_json(request, RefundWish, may_be_empty=True)
    wanted = wanted_of(wish.items, None, None, wish.reason)
    asked = await _ask(request, order, wanted, key_of(request))
    return Json(shown(asked), 202, {"Location": f"/api/v1/orders/{order.id}"})


@for_buyer
async def refund_form(request: Request, buyer: Buyer) -> Response:
    """Asks for a refund of all that an order still has, from its page."""
    order = await order_of(request, buyer)
    form = await read_form(request, dict[str, str])
    reason = form.get("reason", "").strip()[:MOST_REASON]
    await _ask(request, order, Wanted(reason=reason), checked_key("request_key", form.get("request_key", "")))
    return RedirectResponse(f"/orders/{order.id}", 303)


async def _ask(request: Request, order: Order, wanted: Wanted, key: str) -> refund_requests.Request:
    services = services_of(request)
    event = await services.event_by_id(order.event_id)
    if refused := may_ask(order, event.refund_days, event.starts_at_ms, now_ms()):
        raise Problem("not_refundable", refused)
    try:
        return await refund_requests.ask(services.database, order.id, wanted, key)
    except REFUSALS as error:
        raise refusal(error) from None


async def refund_of(services: Services, event: Event, order: Order) -> str:
    """What a paid order's page says of a refund: "may" (it be asked for), "asked", "granted", "declined" or ""."""
    may = not may_ask(order, event.refund_days, event.starts_at_ms, now_ms())
    try:
        asked = (
            await refund_requests.asked_of(services.database, order.id) if event.refund_days is not None else None
        )
    except DatabaseUnavailable:
        return ""
    return ANSWERS.get(asked.status if asked else "", "may" if may else "")
