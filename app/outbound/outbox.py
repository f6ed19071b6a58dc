"""Messages that are to leave: written down once, claimed by one sender, tried again, visibly given up."""

import random
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from app.ids import ID, new_id
from app.infra.mysql import Connection, Database, in_list
from app.units import HOUR_MS, MINUTE_MS, optional_ms, to_datetime, to_ms

GIVE_UP_MS: Final = 72 * HOUR_MS  # after it was written down
LEASE_MS: Final = 2 * MINUTE_MS  # of a claim: longer than any attempt; then somebody else may try
PAUSES_MS: Final = (
    5_000,
    30_000,
    2 * MINUTE_MS,
    10 * MINUTE_MS,
    30 * MINUTE_MS,
    HOUR_MS,
    2 * HOUR_MS,
    4 * HOUR_MS,
)
KEPT_MS: Final = 30 * 24 * HOUR_MS  # after it ended
FORGOTTEN_AT_ONCE: Final = 500
MOST_ERROR = 200
MOST_LISTED = 1_000


class Message(msgspec.Struct, frozen=True):
    """Something to be sent: by mail to the contact of its order, or to a webhook."""

    id: str
    kind: str
    event_id: int
    order_id: str | None = None
    webhook_id: int | None = None
    body: str = "{}"
    status: str = "DUE"  # DUE, SENT, FAILED, SKIPPED
    attempts: int = 0
    created_at_ms: int = 0
    next_at_ms: int = 0
    ended_at_ms: int | None = None
    error: str | None = None

    @property
    def is_mail(self) -> bool:
        """Whether it goes to a buyer."""
        return self.webhook_id is None


def pause_ms(attempts: int) -> int:
    """How long one that failed so often waits: longer each time, and never all of them to the same instant."""
    pause = PAUSES_MS[min(attempts, len(PAUSES_MS)) - 1]
    return int(pause * random.uniform(0.9, 1.1))  # noqa: S311  # spreads, hides nothing


async def enqueue(connection: Connection, messages: Sequence[Message], at_ms: int) -> None:
    """Writes messages down, to be sent from now on; one that is there already stays as it is."""
    now = to_datetime(at_ms)
    await connection.insert_many(
        "INSERT INTO messages (id, kind, event_id, order_id, webhook_id, body, status, created_at, next_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, 'DUE', %s, %s) ON DUPLICATE KEY UPDATE id = VALUES(id)",
        [(m.id, m.kind, m.event_id, m.order_id, m.webhook_id, m.body, now, now) for m in messages],
    )


async def claim(
    database: Database, most: int, at_ms: int, *, mail: bool = True, but: Sequence[int] = ()
) -> list[Message]:
    """Takes up to `most` messages that are due: nobody else gets them before LEASE_MS have passed.

    Without `mail` only webhooks, and none of `but`.
    """
    token = new_id()
    channels = [] if mail else ["webhook_id IS NOT NULL"]
    if but:
        channels.append(f"(webhook_id IS NULL OR webhook_id NOT IN {in_list(but)})")
    taken = await database.execute(
        "UPDATE messages SET claim = %s, next_at = %s, attempts = attempts + 1"  # noqa: S608
        f" WHERE {' AND '.join(['status = %s', 'next_at <= %s', *channels])} ORDER BY next_at LIMIT %s",
        (token, to_datetime(at_ms + LEASE_MS), "DUE", to_datetime(at_ms), *but, most),
    )
    if not taken:
        return []
    async with database.connection() as connection:
        return await read_messages(connection, "claim = %s AND status = 'DUE' ORDER BY created_at", (token,))


async def ended(
    connection: Connection, message: Message, status: str, outcome: str, began_ms: int, at_ms: int
) -> None:
    """Notes that a message is SENT, FAILED for good, or SKIPPED, for there is nobody to send it to."""
    await connection.execute(
        "UPDATE messages SET status = %s, claim = NULL, ended_at = %s, error = %s WHERE id = %s",
        (status, to_datetime(at_ms), None if status == "SENT" else outcome[:MOST_ERROR], message.id),
    )
    await _note(connection, message, outcome, began_ms, at_ms)


async def failed(connection: Connection, message: Message, why: str, began_ms: int, at_ms: int) -> bool:
    """Notes that an attempt failed: it is tried again later, or given up for good. Whether it was given up."""
    next_at_ms = at_ms + pause_ms(message.attempts)
    if next_at_ms > message.created_at_ms + GIVE_UP_MS:
        await ended(connection, message, "FAILED", why, began_ms, at_ms)
        return True
    await connection.execute(
        "UPDATE messages SET claim = NULL, next_at = %s, error = %s WHERE id = %s",
        (to_datetime(next_at_ms), why[:MOST_ERROR], message.id),
    )
    await _note(connection, message, why, began_ms, at_ms)
    return False


async def hold_back(connection: Connection, messages: Sequence[Message], until_ms: int) -> None:
    """Gives claimed messages back that were not tried, for what they need is down until then."""
    if messages:
        await connection.execute(
            "UPDATE messages SET claim = NULL, next_at = %s, attempts = attempts - 1"  # noqa: S608
            f" WHERE status = 'DUE' AND id IN {in_list(messages)}",
            [to_datetime(until_ms), *(message.id for message in messages)],
        )


async def resend(database: Database, message_id: str, at_ms: int, webhook_id: int | None = None) -> bool:
    """Sends a message that ended once more, with a new time to try; whether there is such one, of this webhook."""
    if not ID.fullmatch(message_id):
        return False
    async with database.connection() as connection:
        return await due_again(connection, message_id, at_ms, webhook_id)


async def resend_mail(database: Database, message_id: str, event_id: int, at_ms: int) -> bool:
    """Sends a mail of an event that ended once more; whether there is such one."""
    async with database.connection() as connection:
        row = await connection.fetch_one("SELECT event_id, webhook_id FROM messages WHERE id = %s", (message_id,))
        if row is None or (row["event_id"], row["webhook_id"]) != (event_id, None):
            return False
        return await due_again(connection, message_id, at_ms)


async def due_again(connection: Connection, message_id: str, at_ms: int, webhook_id: int | None = None) -> bool:
    """The same on a connection."""
    now = to_datetime(at_ms)
    return bool(
        await connection.execute(
            "UPDATE messages SET status = 'DUE', next_at = %s, created_at = %s, ended_at = NULL, error = NULL"
            " WHERE id = %s AND status <> 'DUE' AND (%s IS NULL OR webhook_id = %s)",
            (now, now, message_id, webhook_id, webhook_id),
        )
    )


async def give_up_old(database: Database, at_ms: int) -> int:
    """Gives up what could not even be tried any more, for its channel is down for too long: how many, at most."""
    return await database.execute(
        "UPDATE messages SET status = 'FAILED', claim = NULL, ended_at = %s,"
        " error = COALESCE(error, 'what it goes through is down')"
        " WHERE status = 'DUE' AND created_at < %s AND next_at > %s LIMIT %s",
        (to_datetime(at_ms), to_datetime(at_ms - GIVE_UP_MS), to_datetime(at_ms), FORGOTTEN_AT_ONCE),
    )


async def forget(database: Database, at_ms: int) -> int:
    """Deletes what ended long ago, a few at a time: how many."""
    async with database.connection() as connection:
        rows = await connection.fetch_all(
            "SELECT id FROM messages WHERE status <> 'DUE' AND ended_at < %s LIMIT %s",
            (to_datetime(at_ms - KEPT_MS), FORGOTTEN_AT_ONCE),
        )
        if rows:
            ids = [row["id"] for row in rows]
            await connection.execute(f"DELETE FROM message_attempts WHERE message_id IN {in_list(ids)}", ids)  # noqa: S608
            await connection.execute(f"DELETE FROM messages WHERE id IN {in_list(ids)}", ids)  # noqa: S608
    return len(rows)


async def counts(database: Database, at_ms: int) -> dict[str, int]:
    """How many mails and webhooks are due, how many are late by more than a minute, how many were given up."""
    row = await database.fetch_one(
        "SELECT COALESCE(SUM(status = 'DUE' AND webhook_id IS NULL), 0) AS mails_due,"
        " COALESCE(SUM(status = 'DUE' AND webhook_id IS NOT NULL), 0) AS webhooks_due,"
        " COALESCE(SUM(status = 'DUE' AND created_at < %s), 0) AS late,"
        " COALESCE(SUM(status = 'FAILED'), 0) AS failed FROM messages WHERE status IN ('DUE', 'FAILED')",
        (to_datetime(at_ms - MINUTE_MS),),
    )
    return {name: int(number) for name, number in (row or {}).items()}


async def list_messages(
    database: Database,
    *,
    webhook_id: int | None = None,
    order_id: str | None = None,
    status: str | None = None,
    most: int = 100,
) -> list[Message]:
    """The newest messages, of one webhook, one order or one status where given."""
    if order_id is not None and not ID.fullmatch(order_id):
        return []
    async with database.connection() as connection:
        return await read_messages(
            connection,
            "(%s IS NULL OR webhook_id = %s) AND (%s IS NULL OR order_id = %s) AND (%s IS NULL OR status = %s)"
            " ORDER BY created_at DESC, id LIMIT %s",
            (webhook_id, webhook_id, order_id, order_id, status, status, min(most, MOST_LISTED)),
        )


async def attempts_of(database: Database, message_id: str) -> list[dict[str, Any]]:
    """Every attempt at a message, oldest first: when, how long it took, what came of it."""
    if not ID.fullmatch(message_id):
        return []
    return await database.fetch_all(
        "SELECT attempt, at, took_ms, outcome FROM message_attempts WHERE message_id = %s ORDER BY attempt",
        (message_id,),
    )


async def read_messages(connection: Connection, where: str, args: Sequence[Any]) -> list[Message]:
    """The messages for which a condition on `messages` holds."""
    rows = await connection.fetch_all(f"SELECT * FROM messages WHERE {where}", args)  # noqa: S608  # no input in it
    return [
        Message(
            id=row["id"],
            kind=row["kind"],
            event_id=row["event_id"],
            order_id=row["order_id"],
            webhook_id=row["webhook_id"],
            body=row["body"],
            status=row["status"],
            attempts=row["attempts"],
            created_at_ms=to_ms(row["created_at"]),
            next_at_ms=to_ms(row["next_at"]),
            ended_at_ms=optional_ms(row["ended_at"]),
            error=row["error"],
        )
        for row in rows
    ]


async def _note(connection: Connection, message: Message, outcome: str, began_ms: int, at_ms: int) -> None:
    await connection.execute(
        "REPLACE INTO message_attempts (message_id, attempt, at, took_ms, outcome) VALUES (%s, %s, %s, %s, %s)",
        (message.id, message.attempts, to_datetime(began_ms), max(0, at_ms - began_ms), outcome[:MOST_ERROR]),
    )
