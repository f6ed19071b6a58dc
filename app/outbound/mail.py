"""Mail to buyers: what each kind says, as text and as HTML, with the tickets where they belong."""

import io
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Any, Protocol, cast

import msgspec
import segno
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from app.ids import short_code
from app.infra.mysql import Connection, Database, in_list
from app.orders.lifecycle import Order
from app.orders.numbering import receipt_number
from app.orders.reading import read_orders
from app.outbound.outbox import Message
from app.sale.catalog import Event
from app.sale.events import event_by_id
from app.tickets.codes import TicketKeys
from app.tickets.documents import Shown, calendar, make_pdf
from app.tickets.reading import Ticket, read_tickets
from app.units import iso, to_datetime
from app.words import ENGLISH, LANGUAGES, Language, Words

FOLDER = Path(__file__).parents[2] / "templates" / "mail"
MOST_SHOWN = 10  # codes inside of a mail; the PDF has all of them


WORDS = {code: Words(language, "shared", "pages", "mail") for code, language in LANGUAGES.items()}


def _environment(language: Language) -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = WORDS[language.code]

    def when(at_ms: int) -> str:
        return words.long_day_and_hour(iso(at_ms))

    globals_: dict[str, Any] = made.globals
    globals_ |= {"words": words, "language": language}
    made.filters |= {"money": words.money, "code": short_code, "when": when}
    return made


TEMPLATES = {code: _environment(language) for code, language in LANGUAGES.items()}


@dataclass(frozen=True)
class Letterhead:
    """What all letters have in common: who writes, where links lead, and what signs the codes of tickets."""

    sender: str
    public_url: str
    keys: TicketKeys


class Letter(Protocol):
    """What a mail is made of, as it was read from the books."""

    async def compose(self, head: Letterhead) -> EmailMessage:
        """The mail itself. The same message has the same Message-ID every time: a mailbox tells a repetition."""

    async def note_sent(self, connection: Connection, at_ms: int) -> None:
        """Writes down what follows from its being sent, in the transaction in which it ends."""


@dataclass(frozen=True)
class OrderLetter:
    """What a mail about an order is made of."""

    message: Message
    email: str
    language: Language
    link: str  # of the order
    event: Event
    order: Order
    tickets: tuple[Ticket, ...]  # good, and the buyer's own
    receipt_number: int | None

    async def compose(self, head: Letterhead) -> EmailMessage:
        """The mail, with the tickets where they belong."""
        message, event, order = self.message, self.event, self.order
        names = {sku.id: sku.name for sku in event.skus}
        codes = [head.keys.code(t.id, t.event_id, t.sku_id) for t in self.tickets]
        shown = [Shown(t.id, code, names.get(t.sku_id, "")) for t, code in zip(self.tickets, codes, strict=True)]
        with_tickets = shown if message.kind in ("order.confirmed", "event.changed") else []
        sale = f"{head.public_url}/events/{event.slug}"
        pictures = {f"ticket-{n}": _png(ticket.code) for n, ticket in enumerate(with_tickets[:MOST_SHOWN], 1)}
        said: dict[str, Any] = {
            "event": event,
            "order": order,
            "lines": [(item.quantity, names.get(item.sku_id, "")) for item in order.items],
            "receipt_number": self.receipt_number,
            "link": self.link,
            "sale": sale,
            "tickets": list(zip(pictures, with_tickets, strict=False)),
            "all_tickets": len(with_tickets),
            **msgspec.json.decode(message.body),
        }
        said["subject"] = subject_of(message.kind, event, self.language)
        mail = addressed(message, head.sender, self.email, said["subject"])
        templates = TEMPLATES[self.language.code]
        mail.set_content(templates.get_template(f"{message.kind}.txt").render(said))
        mail.add_alternative(templates.get_template(f"{message.kind}.html").render(said), subtype="html")
        html = cast(list[EmailMessage], mail.get_payload())[1]
        for cid, picture in pictures.items():
            html.add_related(picture, "image", "png", cid=f"<{cid}>")
        if with_tickets:
            pdf = await make_pdf(event, order.id, with_tickets)
            mail.add_attachment(pdf, maintype="application", subtype="pdf", filename="tickets.pdf")
        if with_tickets and event.starts_at_ms is not None:
            mail.add_attachment(calendar(event, sale), maintype="text", subtype="calendar", filename="event.ics")
        mail["Content-Language"] = self.language.code  # of the whole: parts that come later would take it
        return mail

    async def note_sent(self, connection: Connection, at_ms: int) -> None:
        """The tickets that it confirmed were mailed then."""
        if self.message.kind == "order.confirmed":
            ids = [ticket.id for ticket in self.tickets]
            await connection.execute(
                f"UPDATE tickets SET mailed_at = %s WHERE id IN {in_list(ids)} AND status <> 'VOID'",  # noqa: S608
                [to_datetime(at_ms), *ids],
            )


async def read_order_letter(database: Database, message: Message, public_url: str) -> OrderLetter | None:
    """What a mail about an order is made of, as the books have it now; None when nobody wants it any more.

    Raises DatabaseUnavailable.
    """
    async with database.connection() as connection:
        contact = await connection.fetch_one(
            "SELECT email, link, language FROM contacts WHERE order_id = %s", (message.order_id,)
        )
        orders = await read_orders(connection, "id = %s", (message.order_id,))
        tickets = await read_tickets(
            connection,
            "order_id = %s AND issue = 1 AND status = 'VALID' ORDER BY sku_id, number",
            (message.order_id,),
        )
        number = await receipt_number(connection, orders[0].id) if orders else None
    if contact is None or not orders:
        return None
    if message.kind == "order.confirmed" and not tickets:  # given back before it could be told
        return None
    if message.kind in ("deposit.paid", "rest.due") and orders[0].status != "PENDING":  # paid, or given back
        return None
    event = await event_by_id(database, message.event_id)
    link = f"{public_url}/orders/{message.order_id}?key={contact['link']}"
    return OrderLetter(
        message,
        contact["email"],
        LANGUAGES.get(contact["language"], ENGLISH),
        link,
        event,
        orders[0],
        tuple(tickets),
        number,
    )


def addressed(message: Message, sender: str, email: str, subject: str) -> EmailMessage:
    """A mail with its headers, and nothing in it yet."""
    mail = EmailMessage(policy=SMTP)
    name, address = parseaddr(sender)
    mail["From"] = Address(name, addr_spec=address)
    mail["To"] = Address(addr_spec=email)
    mail["Subject"] = subject
    mail["Date"] = format_datetime(datetime.fromtimestamp(message.created_at_ms // 1000, UTC))
    mail["Message-ID"] = f"<{message.id}.{message.created_at_ms}@{address.partition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    return mail


def subject_of(kind: str, event: Event, language: Language) -> str:
    """One line, whatever the event is called."""
    return " ".join(WORDS[language.code](f"mail.subject.{kind}", event=event.name).split())


def _png(code: str) -> bytes:
    out = io.BytesIO()
    segno.make(code, error="m").save(out, kind="png", scale=5, border=4)
    return out.getvalue()
