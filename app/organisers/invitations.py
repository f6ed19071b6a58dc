"""Invitations: whoever gets one by mail chooses a name and a password, once, within some days.

The books have the hash of an invitation's secret; the secret itself only until its mail is sent. An invitation
ends when whoever sent it is removed, or is no owner any more.
"""

import hashlib
import re
import secrets
from typing import Final

from app.ids import SHORT_ID, derived_id, new_short_id
from app.infra.mysql import Database, Row, in_list
from app.organisers.access import Role
from app.outbound.contacts import is_address
from app.outbound.inviting import INVITED
from app.outbound.outbox import Message, enqueue
from app.units import DAY_MS, now_ms, to_datetime

DAYS: Final = 7
MOST_INVITATIONS: Final = 200  # that stand
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


class BadInvitation(ValueError):
    """Nobody can be invited like this; the text says why."""


class NameTaken(Exception):
    """An admin is called that already."""


class InvitationGone(Exception):
    """It was used, withdrawn, or is too old; or it never was one."""


async def invite(
    database: Database, email: str, role: Role, event_id: int, invited_by: str | None
) -> tuple[str, str]:
    """Invites somebody by mail: the invitation's id, and the secret of its link. Raises BadInvitation."""
    if not is_address(email):
        raise BadInvitation("email: an address like kim@example.com")
    id_, secret, now = new_short_id(), secrets.token_urlsafe(32), now_ms()
    async with database.transaction() as connection:
        await connection.execute("DELETE FROM invitations WHERE expires_at <= %s", (to_datetime(now),))
        row = await connection.fetch_one("SELECT COUNT(*) AS there FROM invitations")
        full = row is not None and row["there"] >= MOST_INVITATIONS
        if not full:
            await connection.execute(
                "INSERT INTO invitations (id, secret_hash, secret, email, role, event_id, invited_by, created_at,"
                " expires_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (
                    id_,
                    _hash(secret),
                    secret,
                    email,
                    role,
                    event_id,
                    invited_by,
                    to_datetime(now),
                    to_datetime(now + DAYS * DAY_MS),
                ),
            )
            await enqueue(connection, [_mail(id_, event_id)], now)
    if full:
        raise BadInvitation(f"There are {MOST_INVITATIONS} invitations, as many as there may be: withdraw one.")
    return id_, secret


def _mail(id_: str, event_id: int) -> Message:
    body = f'{{"invitation": "{id_}"}}'
    return Message(derived_id("mail", INVITED, id_), INVITED, event_id, body=body)


async def find_invitation(database: Database, secret: str) -> Row:
    """The invitation of a link: id, email, role, event_id. Raises InvitationGone."""
    found = None
    if _SECRET.fullmatch(secret):
        found = await database.fetch_one(
            "SELECT id, email, role, event_id FROM invitations WHERE secret_hash = %s AND expires_at > %s",
            (_hash(secret), to_datetime(now_ms())),
        )
    if found is None:
        raise InvitationGone
    return found


async def list_invitations(database: Database) -> list[Row]:
    """The invitations that stand, newest first; `mail` is what became of theirs, `slug` the event's."""
    rows = await database.fetch_all(
        "SELECT i.id, i.email, i.role, e.slug, i.invited_by, i.created_at, i.expires_at FROM invitations i"
        " LEFT JOIN events e ON e.id = i.event_id WHERE i.expires_at > %s"
        " ORDER BY i.created_at DESC, i.id LIMIT %s",
        (to_datetime(now_ms()), MOST_INVITATIONS),
    )
    mails = {derived_id("mail", INVITED, row["id"]): row for row in rows}
    if mails:
        statement = f"SELECT id, status, error FROM messages WHERE id IN {in_list(mails)}"  # noqa: S608
        for mail in await database.fetch_all(statement, list(mails)):
            mails[mail["id"]] |= {"mail": mail["status"], "error": mail["error"]}
    return rows


async def withdraw(database: Database, id_: str) -> bool:
    """Ends an invitation; whether there was one."""
    return bool(
        SHORT_ID.fullmatch(id_) and await database.execute("DELETE FROM invitations WHERE id = %s", (id_,))
    )


async def accept(database: Database, secret: str, name: str, password_hash: str) -> Row:
    """Makes an admin of whoever was invited and uses the invitation up, whose row it returns.

    Raises InvitationGone, NameTaken.
    """
    invitation = await find_invitation(database, secret)
    async with database.transaction() as connection:
        there = await connection.fetch_one(
            "SELECT id FROM invitations WHERE id = %s FOR UPDATE", (invitation["id"],)
        )
        made = there and await connection.execute(
            "INSERT IGNORE INTO admins (name, password_hash, created_at) VALUES (%s, %s, %s)",
            (name, password_hash, to_datetime(now_ms())),
        )
        if made:
            await connection.execute(
                "INSERT INTO admin_roles (admin, event_id, role) VALUES (%s, %s, %s)",
                (name, invitation["event_id"], invitation["role"]),
            )
            await connection.execute("DELETE FROM invitations WHERE id = %s", (invitation["id"],))
    if not there:
        raise InvitationGone
    if not made:
        raise NameTaken
    return invitation


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
