"""Webhooks of organisers: where they want to be told, what, and the signature that proves it is us."""

import base64
import secrets
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final

import msgspec
from standardwebhooks import Webhook as Signer

from app.infra.mysql import Connection, Database, in_list
from app.infra.outward import Forbidden, Network, check_url
from app.outbound.following import for_webhooks, webhooks_of
from app.outbound.outbox import Message, enqueue
from app.tickets.reading import Ticket
from app.units import iso, now_ms, to_datetime

EVERY_EVENT: Final = 0
KINDS: Final = ("order.confirmed", "order.refunded", "sale.sold_out", "ticket.used")
MOST: Final = 100  # of all events together
SECRET_BYTES: Final = 32


class BadWebhook(ValueError):
    """A webhook cannot be like this; the text says why."""


class Webhook(msgspec.Struct, frozen=True):
    """Where something is told. `kinds` is empty for all of KINDS; `event_id` is 0 for every event."""

    id: int
    event_id: int
    url: str
    secret: str
    kinds: tuple[str, ...]


async def add_webhook(
    database: Database, url: str, event_id: int, kinds: Collection[str], allowed: Collection[Network]
) -> Webhook:
    """A new webhook, with a secret of its own. Raises BadWebhook."""
    try:
        check_url(url, plain=bool(allowed))
    except Forbidden as error:
        raise BadWebhook(f"url: {error}") from None
    if unknown := set(kinds) - set(KINDS):
        raise BadWebhook(f"kinds: {', '.join(sorted(unknown))} is none of {', '.join(KINDS)}")
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    wanted = tuple(sorted(set(kinds)))
    async with database.connection() as connection:
        row = await connection.fetch_one("SELECT COUNT(*) AS there FROM webhooks")
        if row and row["there"] >= MOST:
            raise BadWebhook(f"there are {MOST} webhooks, which is as many as there may be: remove one first")
        id_ = await connection.execute(
            "INSERT INTO webhooks (event_id, url, secret, kinds, created_at) VALUES (%s, %s, %s, %s, %s)",
            (event_id, url, secret, " ".join(wanted), to_datetime(now_ms())),
        )
    return Webhook(id_, event_id, url, secret, wanted)


async def list_webhooks(database: Database, ids: Collection[int] | None = None) -> list[Webhook]:
    """All webhooks, or those with these ids."""
    if ids is not None and not ids:
        return []
    where = f" WHERE id IN {in_list(ids)}" if ids is not None else ""
    rows = await database.fetch_all(f"SELECT * FROM webhooks{where} ORDER BY id", [*(ids or ())])  # noqa: S608
    return [Webhook(r["id"], r["event_id"], r["url"], r["secret"], tuple(r["kinds"].split())) for r in rows]


async def remove_webhook(database: Database, id_: int) -> bool:
    """Tells it nothing any more, not even what is due; whether there was one."""
    async with database.transaction() as connection:
        gone = await connection.execute("DELETE FROM webhooks WHERE id = %s", (id_,))
        await connection.execute(
            "UPDATE messages SET status = 'SKIPPED', ended_at = %s, error = 'the webhook was removed'"
            " WHERE webhook_id = %s AND status = 'DUE'",
            (to_datetime(now_ms()), id_),
        )
    return bool(gone)


def signed(hook: Webhook, message: Message, at_ms: int) -> dict[str, str]:
    """The headers of a request, by the Standard Webhooks scheme: the id is the same in every attempt."""
    at = datetime.fromtimestamp(at_ms // 1000, UTC)
    return {
        "content-type": "application/json",
        "user-agent": "TicketCraze/1.0",
        "webhook-id": message.id,
        "webhook-timestamp": str(at_ms // 1000),
        "webhook-signature": Signer(hook.secret).sign(message.id, at, message.body),
    }


async def tell_used(connection: Connection, ticket: Ticket) -> None:
    """Tells the webhooks that a ticket was let in, in the door's transaction."""
    if hooks := await webhooks_of(connection, [ticket.event_id]):
        said = {
            "ticket_id": ticket.id,
            "order_id": ticket.order_id,
            "sku_id": ticket.sku_id,
            "used_at": iso(ticket.ended_at_ms or 0),
            "gate": ticket.gate,
        }
        at_ms = now_ms()
        told = for_webhooks(hooks, "ticket.used", ticket.event_id, ticket.order_id, ticket.id, said, at_ms)
        await enqueue(connection, told, at_ms)
