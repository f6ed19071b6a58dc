"""What leaves the shop, for organisers: an event's webhooks and their deliveries, an order's mail once more."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from app.ids import ID
from app.infra.mysql import Database
from app.infra.outward import MOST_URL
from app.live.shapes import Time
from app.orders.lifecycle import BOUGHT
from app.organisers.access import Admin
from app.outbound.contacts import confirm_again
from app.outbound.outbox import Message, list_messages, resend, resend_mail
from app.outbound.webhooks import KINDS, BadWebhook, Webhook, add_webhook, list_webhooks, remove_webhook
from app.sale.catalog import Event
from app.units import iso, now_ms
from app.web.admin.access import allowed, record
from app.web.admin.repeating import repeatable
from app.web.buying import order_id_of
from app.web.http import Json, read_json, read_limit
from app.web.problems import Problem, invalid
from app.web.promises import REPEAT_KEY, limit, promise
from app.web.services import services_of

DEFAULT_DELIVERIES, MOST_DELIVERIES = 50, 500
Kind = Literal["order.confirmed", "order.refunded", "sale.sold_out", "ticket.used"]


class WebhookFacts(msgspec.Struct, frozen=True):
    """Where a program is told of an event. `kinds` is empty for all there are."""

    id: int
    url: str
    kinds: list[str]


class NewWebhook(WebhookFacts, frozen=True, kw_only=True):
    """A webhook that was just made. Its `secret`, shown this once, checks signatures (Standard Webhooks)."""

    secret: str


class WebhookList(msgspec.Struct, frozen=True):
    """The webhooks of an event."""

    webhooks: list[WebhookFacts]


class AddWebhook(msgspec.Struct, forbid_unknown_fields=True):
    """Where to tell, and what: everything unless `kinds` says otherwise."""

    url: Annotated[str, Meta(min_length=8, max_length=MOST_URL)]
    kinds: Annotated[list[Kind], Meta(max_length=len(KINDS))] = []


class Delivery(msgspec.Struct, frozen=True):
    """A message: how often it was tried, what came of it last, and when it is tried again."""

    message_id: str
    kind: str
    order_id: str | None
    status: Literal["DUE", "SENT", "FAILED", "SKIPPED"]
    attempts: int
    created_at: Time
    next_at: Time | None
    error: str | None


class Deliveries(msgspec.Struct, frozen=True):
    """The newest messages, newest first."""

    deliveries: list[Delivery]


class Resent(msgspec.Struct, frozen=True):
    """It is sent again."""

    status: Literal["due"] = "due"


def delivery_of(message: Message) -> Delivery:
    """A message as organisers see it: never an address."""
    return Delivery(
        message.id,
        message.kind,
        message.order_id,
        message.status,  # type: ignore[arg-type]  # one of them: see app/outbound/outbox.py
        message.attempts,
        iso(message.created_at_ms),
        iso(message.next_at_ms) if message.status == "DUE" else None,
        message.error,
    )


async def _event(request: Request) -> Event:
    return await services_of(request).event_for_organisers(request.path_params["slug"])


async def _webhook(request: Request) -> Webhook:
    """The webhook in the path, if it is the event's. Raises Problem `not_found`."""
    event, text = await _event(request), request.path_params["webhook_id"]
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Problem("not_found")
    found = await list_webhooks(services_of(request).database, [int(text)])
    if not found or found[0].event_id != event.id:
        raise Problem("not_found")
    return found[0]


@promise("The webhooks of an event: where programs are told what happens.", {200: WebhookList})
@allowed("run")
async def get_webhooks(request: Request, admin: Admin) -> Response:
    event = await _event(request)
    return Json(WebhookList(await webhooks_of_event(services_of(request).database, event)))


async def webhooks_of_event(database: Database, event: Event) -> list[WebhookFacts]:
    """The webhooks that are told of this event alone."""
    found = await list_webhooks(database)
    return [WebhookFacts(hook.id, hook.url, [*hook.kinds]) for hook in found if hook.event_id == event.id]


@promise(
    "Adds a webhook, and shows the secret that its calls are signed with.",
    {201: NewWebhook},
    "invalid",
    "unsupported_media_type",
    "too_large",
    "key_reused",
    parameters=(REPEAT_KEY,),
    body=AddWebhook,
)
@allowed("run")
@repeatable
async def post_webhook(request: Request, admin: Admin) -> Response:
    services, event = services_of(request), await _event(request)
    wanted = await read_json(request, AddWebhook)
    try:
        hook = await add_webhook(
            services.database, wanted.url, event.id, wanted.kinds, services.settings.webhooks_private
        )
    except BadWebhook as error:
        raise invalid(str(error)) from None
    await record(request, admin, "webhook added", event.id, subject=str(hook.id), became={"url": hook.url})
    return Json(NewWebhook(hook.id, hook.url, [*hook.kinds], secret=hook.secret), 201)


@promise("Removes a webhook: it is told nothing any more.", {204: None})
@allowed("run")
async def delete_webhook(request: Request, admin: Admin) -> Response:
    hook = await _webhook(request)
    await remove_webhook(services_of(request).database, hook.id)
    await record(request, admin, "webhook removed", hook.event_id, subject=str(hook.id), was={"url": hook.url})
    return Response(status_code=204)


@promise(
    "What a webhook was told, newest first: each call, how often it was tried, and what came of it.",
    {200: Deliveries},
    "invalid",
    parameters=(limit(DEFAULT_DELIVERIES, MOST_DELIVERIES),),
)
@allowed("run")
async def get_deliveries(request: Request, admin: Admin) -> Response:
    hook = await _webhook(request)
    most = read_limit(request, DEFAULT_DELIVERIES, MOST_DELIVERIES)
    found = await list_messages(services_of(request).database, webhook_id=hook.id, most=most)
    return Json(Deliveries([delivery_of(message) for message in found]))


@promise(
    "Tells a webhook once more what it was told, with the same id.",
    {202: Resent},
    "key_reused",
    parameters=(REPEAT_KEY,),
)
@allowed("run")
@repeatable
async def resend_delivery(request: Request, admin: Admin) -> Response:
    hook, database = await _webhook(request), services_of(request).database
    message_id = request.path_params["message_id"]
    if not ID.fullmatch(message_id) or not await resend(database, message_id, now_ms(), webhook_id=hook.id):
        raise Problem("not_found", "There is no such delivery, or it is under way.")
    return Json(Resent(), 202)


@promise(
    "Sends a mail of an event once more that ended, or was given up.",
    {202: Resent},
    "key_reused",
    parameters=(REPEAT_KEY,),
)
@allowed("orders")
@repeatable
async def resend_message(request: Request, admin: Admin) -> Response:
    event, message_id = await _event(request), request.path_params["message_id"]
    database = services_of(request).database
    if not ID.fullmatch(message_id) or not await resend_mail(database, message_id, event.id, now_ms()):
        raise Problem("not_found", "There is no such mail, or it is under way.")
    await record(request, admin, "mailed again", event.id, subject=message_id)
    return Json(Resent(), 202)


@promise(
    "Mails an order's tickets to its buyer once more, where they gave an address.",
    {202: Resent},
    "no_contact",
    "not_found",
    "key_reused",
    parameters=(REPEAT_KEY,),
)
@allowed("orders")
@repeatable
async def resend_tickets(request: Request, admin: Admin) -> Response:
    order_id = order_id_of(request)
    row = await services_of(request).database.fetch_one(
        "SELECT event_id, status FROM orders WHERE id = %s", (order_id,)
    )
    if row is None:
        raise Problem("not_found")
    if row["status"] not in BOUGHT or not await confirm_again(services_of(request).database, order_id):
        raise Problem("no_contact")
    await record(request, admin, "tickets mailed again", row["event_id"], subject=order_id)
    return Json(Resent(), 202)
