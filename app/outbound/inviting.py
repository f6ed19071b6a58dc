"""Mail to whoever is invited to become an admin: the one kind that is about no order."""

from dataclasses import dataclass
from email.message import EmailMessage
from typing import Final

import msgspec

from app.infra.mysql import Connection, Database
from app.outbound.mail import TEMPLATES, Letterhead, addressed
from app.outbound.outbox import Message
from app.units import now_ms, to_datetime, to_ms
from app.words import ENGLISH

INVITED: Final = "admin.invited"
SUBJECT: Final = "You are invited to Ticket Craze"
_OF_ROLE: Final = {
    "viewer": "watch sales",
    "door": "let ticket holders in",
    "box_office": "help buyers with their orders",
    "organiser": "run sales",
    "owner": "run everything, people too",
}


@dataclass(frozen=True)
class Invitation:
    """What the mail is made of."""

    message: Message
    email: str
    secret: str
    role: str
    event: str | None  # the name of the one it is for
    invited_by: str | None
    expires_at_ms: int

    async def compose(self, head: Letterhead) -> EmailMessage:
        """The mail, with the link."""
        said = {
            "subject": SUBJECT,
            "by": self.invited_by,
            "does": _OF_ROLE[self.role],
            "event": self.event,
            "until_ms": self.expires_at_ms,
            "link": link_of(head.public_url, self.secret),
        }
        mail = addressed(self.message, head.sender, self.email, SUBJECT)
        templates = TEMPLATES[ENGLISH.code]
        mail.set_content(templates.get_template(f"{INVITED}.txt").render(said))
        mail.add_alternative(templates.get_template(f"{INVITED}.html").render(said), subtype="html")
        return mail

    async def note_sent(self, connection: Connection, at_ms: int) -> None:
        """From now on only whoever got it has the link."""
        await connection.execute("UPDATE invitations SET secret = NULL WHERE id = %s", (_id_of(self.message),))


def link_of(public_url: str, secret: str) -> str:
    """Where whoever is invited chooses a name and a password."""
    return f"{public_url}/admin/invitations/{secret}"


async def read_invitation(database: Database, message: Message) -> Invitation | None:
    """What the mail is made of; None when it was sent, or the invitation has ended. Raises DatabaseUnavailable."""
    row = await database.fetch_one(
        "SELECT i.email, i.secret, i.role, i.invited_by, i.expires_at, e.name AS event FROM invitations i"
        " LEFT JOIN events e ON e.id = i.event_id WHERE i.id = %s AND i.expires_at > %s AND i.secret IS NOT NULL",
        (_id_of(message), to_datetime(now_ms())),
    )
    if row is None:
        return None
    expires_at_ms = to_ms(row.pop("expires_at"))
    return Invitation(message, **row, expires_at_ms=expires_at_ms)


def _id_of(message: Message) -> str:
    return str(msgspec.json.decode(message.body)["invitation"])
