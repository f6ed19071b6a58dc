"""A buyer asks for a refund; the organiser decides."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.orders import refund_requests
from app.orders.refund_requests import may_ask
from app.tokens import Buyer
from app.units import now_ms
from app.web.buying import order_of
from app.web.callers import for_buyer
from app.web.http import Json, read_json
from app.web.problems import Problem
from app.web.promises import REFUND_KEY, promise
from app.web.refunding import REFUSALS, Reason, RefundRequested, ReturnedLines, key_of, refusal, shown, wanted_of
from app.web.services import services_of


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
    services = services_of(request)
    order = await order_of(request, buyer)
    event = await services.event_by_id(order.event_id)
    wish = await read_json(request, RefundWish, may_be_empty=True)
    wanted = wanted_of(wish.items, None, None, wish.reason)
    if refused := may_ask(order, event.refund_days, event.starts_at_ms, now_ms()):
        raise Problem("not_refundable", refused)
    key = key_of(request)
    try:
        asked = await refund_requests.ask(services.database, order.id, wanted, key)
    except REFUSALS as error:
        raise refusal(error) from None
    return Json(shown(asked), 202, {"Location": f"/api/v1/orders/{order.id}"})
