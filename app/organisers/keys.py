"""API keys: rows in the books, of which only a hash is kept. Each belongs to an admin, and has an end.

A key is `tck_<id>_<secret>`: the id finds its row and names it in lists and logs, the secret has 256 random bits.
"""

import hashlib
import re
import secrets
from collections.abc import Collection

from app.ids import SHORT_ID, new_short_id
from app.infra.mysql import Database, Row
from app.organisers.access import EVERY_EVENT, SCOPES, Scope
from app.organisers.accounts import canonical_name
from app.units import DAY_MS, now_ms, to_datetime

MOST_KEYS = 50  # of one admin
MOST_DAYS = 3_650

KEY_PREFIX = "tck_"
_KEY = re.compile(rf"{KEY_PREFIX}([0-9a-f]{{12}})_[A-Za-z0-9_-]{{43}}")
_NAME = re.compile(r"[\w][\w .:@+-]{0,63}")


class BadKey(ValueError):
    """A key cannot be made like this; the text says why."""


def key_id(text: str) -> str | None:
    """The id of what looks like a key; None for anything else."""
    found = _KEY.fullmatch(text)
    return found[1] if found else None


def hash_of(key: str) -> str:
    """What the books keep of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


async def create_key(
    database: Database,
    admin: str,
    name: str,
    scopes: Collection[Scope],
    event_id: int = EVERY_EVENT,
    days: int = 365,
) -> tuple[str, str]:
    """A new key of an admin: its id, and the key itself, which nobody can read again. Raises BadKey."""
    if not _NAME.fullmatch(name):
        raise BadKey(
            "name: 1 to 64 letters, digits, blanks and . : @ + -, none of them first but a letter or digit"
        )
    if not scopes or set(scopes) - set(SCOPES):
        raise BadKey(f"scope: one or more of {', '.join(SCOPES)}")
    if not 1 <= days <= MOST_DAYS:
        raise BadKey(f"days: from 1 to {MOST_DAYS}")
    id_ = new_short_id()
    key = f"{KEY_PREFIX}{id_}_{secrets.token_urlsafe(32)}"
    now = now_ms()
    async with database.transaction() as connection:
        owner = await connection.fetch_one(
            "SELECT name FROM admins WHERE name = %s FOR UPDATE", (canonical_name(admin),)
        )
        if owner is None:
            raise BadKey(f"user: there is no admin {canonical_name(admin)}")
        await connection.execute("DELETE FROM api_keys WHERE expires_at <= %s", (to_datetime(now),))
        row = await connection.fetch_one(
            "SELECT COUNT(*) AS keys_there FROM api_keys WHERE admin = %s", (owner["name"],)
        )
        if row and row["keys_there"] >= MOST_KEYS:
            raise BadKey(
                f"{owner['name']} has {MOST_KEYS} keys, which is as many as one may have: revoke one first"
            )
        await connection.execute(
            "INSERT INTO api_keys (id, secret_hash, admin, name, scopes, event_id, created_at, expires_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            (
                id_,
                hash_of(key),
                owner["name"],
                name,
                " ".join(sorted(set(scopes))),
                event_id,
                to_datetime(now),
                to_datetime(now + days * DAY_MS),
            ),
        )
    return id_, key


async def list_keys(database: Database, admin: str | None = None) -> list[Row]:
    """The keys that stand, of one admin or of all, newest first: who, what for, and when. Never the secret."""
    return await database.fetch_all(
        "SELECT k.id, k.admin, k.name, k.scopes, k.event_id, e.slug, k.created_at, k.last_used_at, k.expires_at"
        " FROM api_keys k LEFT JOIN events e ON e.id = k.event_id"
        " WHERE k.expires_at > %s AND (%s IS NULL OR k.admin = %s) ORDER BY k.created_at DESC, k.id LIMIT 1000",
        (to_datetime(now_ms()), admin, admin),
    )


async def revoke_key(database: Database, id_: str, admin: str | None = None) -> bool:
    """Ends a key, of this admin or of anyone; two seconds later no process takes it. Whether there was one."""
    return SHORT_ID.fullmatch(id_) is not None and bool(
        await database.execute(
            "DELETE FROM api_keys WHERE id = %s AND (%s IS NULL OR admin = %s)", (id_, admin, admin)
        )
    )
