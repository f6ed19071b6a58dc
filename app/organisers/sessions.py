"""Admins' sessions and API keys: rows in the books, so that signing out, or a new password, really ends them.

The secret of a session is in its owner's cookie only; the books have its SHA-256. Each web process remembers for
a second that a session or key was good, and what its admin may do. Without MySQL one that was good within the last
minute stays good: an organiser must be able to see a sale, and pause it, while the books are unavailable.
"""

import asyncio
import hashlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from asyncmy.errors import MySQLError

from app.infra.mysql import Database, DatabaseUnavailable, Row
from app.organisers.access import Admin, ApiKey, Role
from app.organisers.accounts import canonical_name
from app.organisers.keys import hash_of, key_id
from app.units import now_ms, to_datetime, to_ms

log = logging.getLogger(__name__)

ABSOLUTE_SECONDS = 12 * 3_600
IDLE_SECONDS = 2 * 3_600
MOST_SESSIONS = 20  # of one admin; the oldest gives way
MAX_USER_AGENT = 200

FRESH_SECONDS = 1.0  # a session that was ended elsewhere may seem good for this long
TRUSTED_SECONDS = 60.0  # and for this long while the books do not answer
ANSWER_SECONDS = 2.0
SEEN_SECONDS = 60  # how often the time a session was last seen is written down
MOST_REMEMBERED = 1_000
MOST_ROLES = 5_000  # of one admin
GUESSES_AT_ONCE = 20
_EXPIRED_AT_ONCE = 1_000


@dataclass
class _Remembered:
    admin: Admin
    good_at: float  # when the books last said so
    ask_at: float


@dataclass(frozen=True)
class _Found:
    admin: Admin
    seen_at: datetime | None  # as written down last


class TooManyKeys(Exception):
    """From this address too many keys came that nobody knows."""


class Sessions:
    """The sessions and keys as one of a host's web `processes` sees them."""

    def __init__(self, database: Database, processes: int = 1) -> None:
        self._database = database
        self._guesses = _Guesses(processes)
        self._remembered: dict[str, _Remembered] = {}
        self._ended = 0  # how many times something was ended here

    async def start(self, admin: str, password_hash: str, address: str, user_agent: str) -> str | None:
        """A new session's secret; None when the password that was checked is not the admin's any more."""
        secret = secrets.token_urlsafe(32)
        now = to_datetime(now_ms())
        async with self._database.transaction() as connection:
            row = await connection.fetch_one(
                "SELECT password_hash FROM admins WHERE name = %s FOR UPDATE", (admin,)
            )
            if row is None or row["password_hash"] != password_hash:
                return None
            await connection.execute(
                "INSERT INTO admin_sessions (secret_hash, admin, created_at, last_seen_at, expires_at, address,"
                " user_agent) VALUES (%s, %s, %s, %s, %s, %s, %s)",
                (
                    _hash(secret),
                    admin,
                    now,
                    now,
                    to_datetime(now_ms() + ABSOLUTE_SECONDS * 1000),
                    address[:45],
                    "".join(letter for letter in user_agent if letter.isprintable())[:MAX_USER_AGENT],
                ),
            )
            newest = await connection.fetch_all(
                "SELECT secret_hash FROM admin_sessions WHERE admin = %s ORDER BY created_at DESC, secret_hash"
                " LIMIT 100 OFFSET %s",
                (admin, MOST_SESSIONS),
            )
            for gone in newest:
                await connection.execute(
                    "DELETE FROM admin_sessions WHERE secret_hash = %s", (gone["secret_hash"],)
                )
        with suppress(DatabaseUnavailable, MySQLError):  # the next sign-in will
            await delete_expired(self._database)
        return secret

    async def admin_of(self, secret: str) -> Admin | None:
        """Whose session it is; None when it has ended. Raises DatabaseUnavailable when nobody can say."""
        return await self._known(_hash(secret), self._read)

    async def admin_of_key(self, key: str, address: str) -> Admin | None:
        """Whose API key it is; None when it has ended, or never was one.

        Raises TooManyKeys for an address that tries one made-up key after the other, and DatabaseUnavailable.
        """
        if key_id(key) is None:
            return None
        hashed = hash_of(key)
        if hashed not in self._remembered and not self._guesses.allow(address):
            raise TooManyKeys
        return await self._known(hashed, self._read_key)

    async def _known(self, key: str, read: Callable[[str], Awaitable[_Found | None]]) -> Admin | None:
        remembered = self._remembered.get(key)
        now = time.monotonic()
        if remembered and now < remembered.ask_at:
            return remembered.admin
        ended = self._ended
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                found = await read(key)
        except (DatabaseUnavailable, TimeoutError) as error:
            if remembered and now - remembered.good_at < TRUSTED_SECONDS and ended == self._ended:
                remembered.ask_at = time.monotonic() + FRESH_SECONDS
                return remembered.admin
            raise DatabaseUnavailable(str(error) or "no answer in time") from error
        if found is None:
            self._remembered.pop(key, None)
            return None
        if ended == self._ended:  # else this very session may have ended while the books were asked
            self._remember(key, _Remembered(found.admin, now, now + FRESH_SECONDS))
        await self._seen(key, found)
        return found.admin

    async def end(self, secret: str) -> None:
        """Ends one session, here at once and elsewhere within a second or two."""
        await self._database.execute("DELETE FROM admin_sessions WHERE secret_hash = %s", (_hash(secret),))
        self._forget({_hash(secret)})

    async def end_all(self, admin: str) -> None:
        """Ends all sessions of an admin, here at once and elsewhere within a second or two."""
        await end_sessions(self._database, admin)
        self._forget({hashed for hashed, known in self._remembered.items() if known.admin.name == admin})

    def _forget(self, keys: set[str]) -> None:
        self._ended += 1
        for key in keys:
            self._remembered.pop(key, None)

    def _remember(self, key: str, session: _Remembered) -> None:
        if len(self._remembered) >= MOST_REMEMBERED:
            oldest = session.good_at - TRUSTED_SECONDS
            self._remembered = {k: known for k, known in self._remembered.items() if known.good_at > oldest}
        self._remembered[key] = session

    async def _read(self, key: str) -> _Found | None:
        rows = await self._database.fetch_all(
            "SELECT s.admin, s.last_seen_at, r.event_id, r.role"
            " FROM admin_sessions s LEFT JOIN admin_roles r ON r.admin = s.admin"
            " WHERE s.secret_hash = %s AND s.expires_at > %s AND s.last_seen_at > %s LIMIT %s",
            (key, to_datetime(now_ms()), to_datetime(now_ms() - IDLE_SECONDS * 1000), MOST_ROLES),
        )
        return _Found(Admin(rows[0]["admin"], _roles(rows)), rows[0]["last_seen_at"]) if rows else None

    async def _read_key(self, key: str) -> _Found | None:
        rows = await self._database.fetch_all(
            "SELECT k.admin, k.id, k.name, k.scopes, k.event_id AS only_event, k.last_used_at, r.event_id, r.role"
            " FROM api_keys k LEFT JOIN admin_roles r ON r.admin = k.admin"
            " WHERE k.secret_hash = %s AND k.expires_at > %s LIMIT %s",
            (key, to_datetime(now_ms()), MOST_ROLES),
        )
        if not rows:
            return None
        row = rows[0]
        shown = ApiKey(row["id"], row["name"], frozenset(row["scopes"].split()), row["only_event"])
        return _Found(Admin(row["admin"], _roles(rows), shown), row["last_used_at"])

    async def _seen(self, key: str, found: _Found) -> None:
        if found.seen_at and now_ms() - to_ms(found.seen_at) < SEEN_SECONDS * 1000:
            return
        statement = (
            "UPDATE api_keys SET last_used_at = %s WHERE secret_hash = %s"
            if found.admin.key
            else "UPDATE admin_sessions SET last_seen_at = %s WHERE secret_hash = %s"
        )
        try:
            await self._database.execute(statement, (to_datetime(now_ms()), key))
        except (DatabaseUnavailable, MySQLError) as error:  # read-only, for one: no reason to turn anybody away
            log.warning("when a session or key was last seen is not written down: %s", error)


def _roles(rows: list[Row]) -> dict[int, Role]:
    return {row["event_id"]: row["role"] for row in rows if row["role"] is not None}


class _Guesses:
    """How many keys that nobody knows an address may show to a host: a few at once, then one a second.

    Each of its processes allows its share, whichever of them an address meets.
    """

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._left: dict[str, tuple[float, float]] = {}  # by address: how many more, as of when

    def allow(self, address: str) -> bool:
        now = time.monotonic()
        if len(self._left) >= MOST_REMEMBERED:
            self._left.clear()
        most = GUESSES_AT_ONCE / self._processes
        left, at = self._left.get(address, (most, now))
        left = min(most, left + (now - at) / self._processes) - 1
        self._left[address] = max(left, 0.0), now
        return left >= 0


async def end_sessions(database: Database, admin: str) -> int:
    """Ends all sessions of an admin; how many there were."""
    return await database.execute("DELETE FROM admin_sessions WHERE admin = %s", (canonical_name(admin),))


async def list_sessions(database: Database, admin: str | None = None) -> list[Row]:
    """The sessions that stand, of one admin or of all, newest first.

    Each has admin, created_at, last_seen_at, expires_at, address, user_agent.
    """
    return await database.fetch_all(
        "SELECT admin, created_at, last_seen_at, expires_at, address, user_agent FROM admin_sessions"
        " WHERE expires_at > %s AND last_seen_at > %s AND (%s IS NULL OR admin = %s)"
        " ORDER BY created_at DESC LIMIT 1000",
        (to_datetime(now_ms()), to_datetime(now_ms() - IDLE_SECONDS * 1000), admin, admin),
    )


async def delete_expired(database: Database) -> int:
    """Deletes rows of sessions that have ended; how many. Done at every sign-in, which is what adds rows."""
    return await database.execute(
        "DELETE FROM admin_sessions WHERE expires_at <= %s OR last_seen_at <= %s LIMIT %s",
        (to_datetime(now_ms()), to_datetime(now_ms() - IDLE_SECONDS * 1000), _EXPIRED_AT_ONCE),
    )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
