"""Where a buyer wants to be told about an order. Only the books have it; erasing it is deleting its row."""

import re

from app.ids import derived_id
from app.infra.mysql import Connection, Database, in_list
from app.orders.lifecycle import BOUGHT
from app.outbound.outbox import Message, due_again, enqueue
from app.units import now_ms, to_datetime
from app.words import ENGLISH, Language

MOST_EMAIL = 254  # characters, as SMTP has it
MOST_CHANGES = 5  # of one order: nobody has us write to strangers one after the other
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_EMAIL = re.compile(rf"[a-zA-Z0-9!#$%&'*+/=?^_`{{|}}~.-]{{1,64}}@(?:{_LABEL}\.)+[a-zA-Z]{{2,63}}")


class TooManyChanges(Exception):
    """The address of this order was given as often as it may be."""


def is_address(text: str) -> bool:
    """Whether mail can be sent there, by its form."""
    return len(text) <= MOST_EMAIL and _EMAIL.fullmatch(text) is not None


async def set_contact(
    database: Database, order_id: str, event_id: int, email: str, link: str, language: Language = ENGLISH
) -> None:
    """Where the buyer of an order is told about it; if it is bought already, its tickets are mailed there now.

    `link` is the key of the order's link, `language` what to write in. Raises TooManyChanges, DatabaseUnavailable.
    """
    now = now_ms()
    async with database.transaction() as connection:
        # Locked like the ledger does it: it sees the address, or this sees that the order is bought.
        order = await connection.fetch_one("SELECT status FROM orders WHERE id = %s FOR UPDATE", (order_id,))
        known = await connection.fetch_one("SELECT email, changes FROM contacts WHERE order_id = %s", (order_id,))
        same = known is not None and known["email"] == email
        refused = known is not None and not same and known["changes"] >= MOST_CHANGES
        if same:
            await connection.execute(
                "UPDATE contacts SET language = %s WHERE order_id = %s", (language.code, order_id)
            )
        elif not refused:
            await connection.execute(
                "INSERT INTO contacts (order_id, event_id, email, link, language, changes, updated_at)"
                " VALUES (%s, %s, %s, %s, %s, 1, %s) ON DUPLICATE KEY UPDATE email = VALUES(email),"
                " link = VALUES(link), language = VALUES(language), changes = changes + 1,"
                " updated_at = VALUES(updated_at)",
                (order_id, event_id, email, link, language.code, to_datetime(now)),
            )
            if order is not None and order["status"] in BOUGHT:
                changes = known["changes"] + 1 if known else 1
                await enqueue(connection, [confirmation(order_id, event_id, changes)], now)
    if refused:
        raise TooManyChanges


def confirmation(order_id: str, event_id: int, changes: int = 1) -> Message:
    """The mail with the tickets, once for each time that an address is given."""
    return Message(
        derived_id("mail", "order.confirmed", order_id, str(changes)), "order.confirmed", event_id, order_id
    )


async def confirm_again(database: Database, order_id: str) -> bool:
    """Mails the tickets of an order that is bought once more; whether there is an address to mail them to."""
    now = now_ms()
    async with database.transaction() as connection:
        contact = await connection.fetch_one(
            "SELECT event_id, changes FROM contacts WHERE order_id = %s FOR UPDATE", (order_id,)
        )
        if contact:
            message = confirmation(order_id, contact["event_id"], contact["changes"])
            await enqueue(connection, [message], now)
            await due_again(connection, message.id, now)
    return contact is not None


async def changes_of(connection: Connection, order_ids: list[str]) -> dict[str, int]:
    """Of those of these orders that have an address: how often it was given."""
    if not order_ids:
        return {}
    rows = await connection.fetch_all(
        f"SELECT order_id, changes FROM contacts WHERE order_id IN {in_list(order_ids)}",  # noqa: S608
        order_ids,
    )
    return {row["order_id"]: row["changes"] for row in rows}
