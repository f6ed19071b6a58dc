"""`ticketcraze messages` and `ticketcraze webhook`: what leaves the shop, what waits, what was given up."""

import argparse
from typing import Any

from app.cli.command import Answer, Commands, Failed
from app.infra.mysql import open_database
from app.organisers.privacy import erase_address
from app.outbound.outbox import Message, attempts_of, counts, list_messages, resend
from app.outbound.webhooks import EVERY_EVENT, KINDS, BadWebhook, add_webhook, list_webhooks, remove_webhook
from app.sale.events import find_event
from app.settings import Settings
from app.units import iso, now_ms, to_ms


def add(commands: Commands) -> None:
    """Adds the groups."""
    group = commands.group(
        "messages", "mail to buyers and webhooks to organisers: what waits and what was given up"
    )
    group.add("status", "How much waits, is late, or was given up.", _status, "ticketcraze messages status")
    listed = group.add("list", "Lists the newest messages.", _list, "ticketcraze messages list --status FAILED")
    listed.add_argument("--status", choices=("DUE", "SENT", "FAILED", "SKIPPED"), help="only these")
    listed.add_argument("--order", metavar="ID", help="only of this order")
    log = group.add(
        "log", "Every attempt at a message.", _log, "ticketcraze messages log 4f1c3a52-8a3e-5c0e-9d0c-0f6f3a1d2b7e"
    )
    log.add_argument("id", metavar="ID")
    again = group.add(
        "resend",
        "Sends a message once more.",
        _resend,
        "ticketcraze messages resend 4f1c3a52-8a3e-5c0e-9d0c-0f6f3a1d2b7e",
    )
    again.add_argument("id", metavar="ID")

    erased = group.add(
        "erase",
        "Erases an address, and what was written about its orders: nothing is mailed there any more.",
        _erase,
        "ticketcraze messages erase kim@example.com",
    )
    erased.add_argument("email", metavar="EMAIL")

    hooks = commands.group("webhook", "where organisers' programs are told what happens")
    made = hooks.add(
        "add",
        "Adds a webhook, and prints its secret: this once only.",
        _add,
        "ticketcraze webhook add https://example.com/hook --event night-of-lights --kind order.confirmed",
    )
    made.add_argument("url", metavar="URL")
    made.add_argument("--event", metavar="SLUG", help="of this event alone (every event)")
    made.add_argument("--kind", action="append", choices=KINDS, help="what is told; may be repeated (all)")
    hooks.add("list", "Lists the webhooks.", _hooks, "ticketcraze webhook list")
    gone = hooks.add("remove", "Removes a webhook.", _remove, "ticketcraze webhook remove 3")
    gone.add_argument("id", type=int, metavar="ID")
    deliveries = hooks.add("log", "The newest deliveries of a webhook.", _deliveries, "ticketcraze webhook log 3")
    deliveries.add_argument("id", type=int, metavar="ID")


def message_facts(message: Message) -> dict[str, Any]:
    """A message as JSON."""
    return {
        "id": message.id,
        "kind": message.kind,
        "channel": "mail" if message.is_mail else f"webhook {message.webhook_id}",
        "order_id": message.order_id,
        "status": message.status,
        "attempts": message.attempts,
        "created_at": iso(message.created_at_ms),
        "next_at": iso(message.next_at_ms) if message.status == "DUE" else None,
        "error": message.error,
    }


def _line(message: Message) -> str:
    channel = "mail" if message.is_mail else f"webhook {message.webhook_id}"
    why = f"  {message.error}" if message.error else ""
    return (
        f"{message.id}  {iso(message.created_at_ms)}  {message.status:<7} {message.attempts:>2}  {channel:<12}"
        f" {message.kind}  {message.order_id or ''}{why}"
    )


async def _status(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database:
        found = await counts(database, now_ms())
    return found, "  ".join(f"{name.replace('_', ' ')} {number}" for name, number in found.items())


async def _list(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database:
        found = await list_messages(database, status=arguments.status, order_id=arguments.order)
    return {"messages": [message_facts(m) for m in found]}, "\n".join(map(_line, found)) or "There are none."


async def _log(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database:
        rows = await attempts_of(database, arguments.id)
    found = [{**row, "at": iso(to_ms(row["at"]))} for row in rows]
    lines = [f"{a['attempt']:>3}  {a['at']}  {a['took_ms']:>6} ms  {a['outcome']}" for a in found]
    return {"attempts": found}, "\n".join(lines) or "There was no attempt."


async def _resend(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database:
        if not await resend(database, arguments.id, now_ms()):
            raise Failed(f"There is no message {arguments.id} that has ended.")
    return {"id": arguments.id}, "It is sent again."


async def _erase(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database:
        erased = await erase_address(database, arguments.email)
    orders = erased.addresses
    return {"orders": orders, "notes": erased.notes, "reasons": erased.reasons}, (
        f"Forgotten in {orders} {'order' if orders == 1 else 'orders'}."
    )


async def _add(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database:
        event_id = (await find_event(database, arguments.event)).id if arguments.event else EVERY_EVENT
        try:
            hook = await add_webhook(
                database, arguments.url, event_id, arguments.kind or (), settings.webhooks_private
            )
        except BadWebhook as error:
            raise Failed(str(error)) from None
    return {"id": hook.id, "url": hook.url, "secret": hook.secret, "kinds": [*hook.kinds]}, (
        f"webhook {hook.id}: {hook.url}\n{hook.secret}\n  Keep the secret now: it is not shown again."
    )


async def _hooks(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database:
        found = await list_webhooks(database)
    lines = [
        f"{h.id:>4}  event {h.event_id or 'any'}  {' '.join(h.kinds) or 'everything'}  {h.url}" for h in found
    ]
    return {
        "webhooks": [{"id": h.id, "event_id": h.event_id, "url": h.url, "kinds": [*h.kinds]} for h in found]
    }, "\n".join(lines) or "There are no webhooks: ticketcraze webhook add --help"


async def _remove(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database:
        if not await remove_webhook(database, arguments.id):
            raise Failed(f"There is no webhook {arguments.id}.")
    return {"id": arguments.id}, f"Webhook {arguments.id} is told nothing any more."


async def _deliveries(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database:
        found = await list_messages(database, webhook_id=arguments.id)
    return {"deliveries": [message_facts(m) for m in found]}, "\n".join(map(_line, found)) or "There are none yet."
