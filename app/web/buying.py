"""What a buyer's API and a buyer's pages do alike: joining, and finding an order that is the buyer's own."""

import time
from contextlib import suppress

from starlette.requests import Request

from app.ids import event_of
from app.orders.lifecycle import Order
from app.orders.reading import find_order
from app.sale import waiting_room
from app.sale.catalog import Event
from app.sale.events import check_not_over
from app.sale.waiting_room import Place
from app.tokens import Buyer, new_buyer
from app.web.http import idempotency_key
from app.web.problems import Problem
from app.web.services import services_of

LEAST_KEY = 8  # characters of an Idempotency-Key that may speak for a buyer
SAME_KEY_SECONDS = 600  # for this long at least, for twice as long at most


async def join_event(request: Request, event: Event, buyer: Buyer | None) -> tuple[str, Place]:
    """Joins, as somebody new if need be; the buyer's token and place."""
    services = services_of(request)
    check_not_over(event)
    buyer = buyer or await _stranger(request, event)
    place = await waiting_room.join(services.redis, event.id, buyer.id, services.settings.max_waiting)
    return services.tokens.of_buyer(buyer.with_number(event.id, place.number)), place


async def _stranger(request: Request, event: Event) -> Buyer:
    """Somebody new; or whoever joined a few minutes ago with the same Idempotency-Key and lost the answer.

    See docs/decisions/0040-joining-again-without-a-cookie.md.
    """
    if "idempotency-key" not in request.headers:
        return new_buyer()
    services, key = services_of(request), idempotency_key(request)
    if len(key) < LEAST_KEY or request.client is None:
        return new_buyer()
    period = int(time.time()) // SAME_KEY_SECONDS
    now, before = (
        services.tokens.derived_buyer("join", str(event.id), request.client.host, key, str(number))
        for number in (period, period - 1)
    )
    with suppress(waiting_room.NotJoined):
        await waiting_room.look(services.redis, event.id, before.id)
        return before
    return now


def order_id_of(request: Request) -> str:
    """The order id in the path. Raises Problem `not_found` when it is none."""
    order_id: str = request.path_params["order_id"]
    try:
        event_of(order_id)
    except ValueError:
        raise Problem("not_found") from None
    return order_id


def owned(order: Order | None, buyer: Buyer) -> Order:
    """The order, if it is the buyer's. Raises Problem `not_found`, also for another buyer's."""
    if order is None or order.buyer_id != buyer.id:
        raise Problem("not_found")
    return order


async def order_of(request: Request, buyer: Buyer) -> Order:
    """The order in the path, if it is the buyer's. Raises Problem `not_found`."""
    services = services_of(request)
    return owned(await find_order(services.database, services.redis, order_id_of(request)), buyer)
