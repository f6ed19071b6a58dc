"""What a buyer's API and a buyer's pages do alike: joining, and finding an order that is the buyer's own."""

import time
from collections.abc import Sequence
from contextlib import suppress
from math import ceil

import msgspec
from starlette.requests import Request

from app.ids import event_of
from app.infra.mysql import DatabaseUnavailable
from app.orders.facts import UNREADABLE
from app.orders.lifecycle import Order
from app.orders.links import GOOD_FOR_MS, LASTING, link_version
from app.orders.reading import find_order, held_order
from app.orders.receipts import Receipt, hold_again, receipt_of
from app.orders.reservations import Hold, Refused
from app.sale import waiting_room
from app.sale.catalog import Event
from app.sale.events import check_not_over
from app.sale.gates.addresses import address_prefix
from app.sale.gates.rules import JoinRequest
from app.sale.returning import come_back
from app.sale.waiting_room import Place
from app.tokens import BadToken, Buyer, new_buyer
from app.units import now_ms
from app.web.addresses import address_of
from app.web.gates import pass_gates
from app.web.http import idempotency_key
from app.web.problems import Problem, invalid
from app.web.services import services_of

LEAST_KEY = 8  # characters of an Idempotency-Key that may speak for a buyer
SAME_KEY_SECONDS = 600  # for this long at least, for twice as long at most


async def join_event(request: Request, event: Event, buyer: Buyer | None, asked: JoinRequest) -> tuple[str, Place]:
    """Joins, as somebody new if need be; the buyer's token and place."""
    services = services_of(request)
    check_not_over(event)
    if services.pressure.is_shut and (buyer is None or event.id not in buyer.numbers):
        raise Problem("busy", "So many people are arriving that the door opens in turns.")
    refuse_blocked(request, event, buyer)
    passed = await pass_gates(request, event, buyer, asked)
    buyer = passed.buyer or await _stranger(request, event)
    refuse_blocked(request, event, buyer)  # whose account says who they are
    settings = services.settings
    if event.id in buyer.numbers:  # Redis may have lost the place
        await come_back(services.redis, event.id, [(buyer.id, buyer.numbers[event.id])])
    try:
        place = await waiting_room.join(
            services.redis,
            event.id,
            buyer.id,
            settings.max_waiting,
            address_prefix(address_of(request, settings.trusted_proxies)),
            settings.join_limit,
            passed.code_hashes,
        )
    except waiting_room.TooManyJoins as error:
        detail = f"{settings.join_limit} buyers a minute may join from one address."
        if error.of_codes:
            detail = f"{waiting_room.WRONG_CODES} wrong codes a minute may be tried from one address."
        raise Problem("too_many", detail, retry_seconds=ceil(error.retry_ms / 1000)) from None
    return services.tokens.of_buyer(buyer.standing_at(event.id, place.standing)), place


def refuse_blocked(request: Request, event: Event, buyer: Buyer | None) -> None:
    """Raises Problem `blocked` for whom the organiser keeps out, by their id or the address they come from."""
    if not event.blocked:
        return
    address = address_prefix(address_of(request, services_of(request).settings.trusted_proxies))
    if address in event.blocked or (buyer and buyer.id in event.blocked):
        raise Problem("blocked")


async def _stranger(request: Request, event: Event) -> Buyer:
    """Somebody new; or whoever joined a few minutes ago with the same Idempotency-Key and lost the answer.

    See docs/decisions/0040-joining-again-without-a-cookie.md.
    """
    if "idempotency-key" not in request.headers:
        return new_buyer()
    services, key = services_of(request), idempotency_key(request)
    address = address_of(request, services.settings.trusted_proxies)
    if len(key) < LEAST_KEY or not address:
        return new_buyer()
    period = int(time.time()) // SAME_KEY_SECONDS
    now, before = (
        services.tokens.derived_buyer("join", str(event.id), address, key, str(number))
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


async def readable_order(request: Request, buyer: Buyer | None) -> Order:
    """The order in the path, for its buyer or for whoever has its link (`?key=`).

    Raises Problem `unauthorized` where neither is there, `not_found`, and `link_expired` for a link that is void.
    """
    services, order_id = services_of(request), order_id_of(request)
    key = request.query_params.get("key", "")
    if buyer is None and not key:
        raise Problem("unauthorized")
    version = None
    if key:
        with suppress(BadToken):
            version = services.tokens.link(key, order_id)
    order = await find_order(services.database, services.redis, order_id) if buyer or version else None
    if order is None and buyer and (receipt := receipt_from(request, buyer)) and receipt.order_id == order_id:
        with suppress(Refused):  # then the order is gone, with its tickets or its time
            await held_again(request, receipt)
            order = await held_order(services.redis, order_id)
    if order and buyer and order.buyer_id == buyer.id:
        return order
    if not key:
        raise Problem("not_found")
    if (
        order is None
        or version != await link_version(services.database, order_id)
        or now_ms() > order.placed_at_ms + GOOD_FOR_MS
    ):
        raise Problem("link_expired", "Ask whoever gave you this link for a new one.")
    return order


def receipt_from(request: Request, buyer: Buyer) -> Receipt | None:
    """The receipt that comes with a request, of an order of this buyer; None without. Raises Problem `invalid`."""
    token = request.headers.get("order-receipt", "")
    if not token:
        return None
    try:
        receipt = msgspec.json.decode(services_of(request).tokens.receipt(token), type=Receipt)
    except (BadToken, *UNREADABLE):
        raise invalid("Order-Receipt: it is not ours, or was changed") from None
    if receipt.buyer_id != buyer.id:
        raise invalid("Order-Receipt: it is another buyer's")
    return receipt


def signed_receipt(
    request: Request, event: Event, hold: Hold, buyer: Buyer, key: str, items: Sequence[tuple[int, int]]
) -> str:
    """The receipt of an order that is being answered; empty where there can be none."""
    prices = {sku.id: sku.price_minor for sku in event.skus}
    receipt = receipt_of(hold, buyer.id, key, [(sku_id, n, prices.get(sku_id, 0)) for sku_id, n in items])
    return services_of(request).tokens.of_receipt(msgspec.json.encode(receipt)) if receipt else ""


async def held_again(request: Request, receipt: Receipt) -> Hold | None:
    """What the receipt says, held again if it was lost; None when its time is over. Raises Refused."""
    try:
        return await hold_again(services_of(request).redis, receipt)
    except Refused as refused:
        if refused.answer == ("LAPSED",):
            return None
        raise


def link_address(request: Request, order_id: str, version: int) -> str:
    """The address that shows this order to whoever has it."""
    services = services_of(request)
    return f"{services.settings.public_url}/orders/{order_id}?key={services.tokens.of_link(order_id, version)}"


async def link_of(request: Request, order: Order) -> str | None:
    """The link to an order worth coming back to; None for others, and while the books cannot say which is good."""
    if order.status not in LASTING and not order.deposit_id:
        return None
    try:
        version = await link_version(services_of(request).database, order.id)
    except DatabaseUnavailable:
        return None
    return link_address(request, order.id, version)
