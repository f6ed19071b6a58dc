"""Who may see the dashboard: admins' names and passwords, as rows of the books.

A name has one canonical form, so that nobody can try a password twice by writing the name in another way.
Passwords are kept as argon2id hashes, at the cost that OWASP recommends; older scrypt hashes still verify, and are
replaced at the next sign-in.
"""

import asyncio
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Literal, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.infra.mysql import Connection, Database, Row
from app.organisers.access import EVERY_EVENT, Role
from app.units import now_ms, to_datetime

LEAST_PASSWORD = 12
MOST_PASSWORD = 256
HASHES_AT_ONCE = 2  # on a host; each takes 19 MiB and tens of milliseconds of a core
QUEUE_OF_STRANGERS = 8  # hashes under way and waiting; then the next one is refused
QUEUE_OF_KNOWN_DEVICES = 16  # strangers never take all of it

_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_SCRYPT_COST = {"n": 2**14, "r": 8, "p": 5}
# Verified in place of a hash that is not there, so that an unknown name takes as long as a known one.
_NOBODYS = _HASHER.hash("nobody has this password")

T = TypeVar("T")


class BadName(ValueError):
    """No admin can be called that."""


class BadPassword(ValueError):
    """Too short or too long to be a password."""


class LastOwner(Exception):
    """Somebody must be left who owns everything."""


class TooBusy(Exception):
    """More passwords wait to be checked than may."""


def canonical_name(text: str) -> str:
    """The one form of a name: " ADMIN" is "admin", and so it is in full-width letters."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).strip()


def checked_name(text: str) -> str:
    """The canonical form of a new admin's name. Raises BadName."""
    name = canonical_name(text)
    if not _NAME.fullmatch(name):
        raise BadName("A name has up to 64 letters a-z, digits and . _ @ + -, and begins with a letter or digit.")
    return name


def checked_password(password: str) -> str:
    """A new password, as it is. Raises BadPassword."""
    if not LEAST_PASSWORD <= len(password) <= MOST_PASSWORD:
        raise BadPassword(f"A password has {LEAST_PASSWORD} to {MOST_PASSWORD} characters.")
    return password


def hash_password(password: str) -> str:
    """A salted hash for the books."""
    return _HASHER.hash(password)


def check_password(password: str, hashed: str | None) -> bool:
    """Whether the password is the one that was hashed; False, and no faster, when there is no hash."""
    if hashed and hashed.startswith("scrypt$"):
        _, salt, digest = hashed.split("$")
        expected = hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), **_SCRYPT_COST)
        return hmac.compare_digest(expected, bytes.fromhex(digest))
    try:
        return _HASHER.verify(hashed or _NOBODYS, password) and hashed is not None
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(hashed: str) -> bool:
    """Whether a hash was made in another way, or at another cost, than today's."""
    return hashed.startswith("scrypt$") or _HASHER.check_needs_rehash(hashed)


class PasswordChecks:
    """Hashes in threads of their own: a few at a time, and with a short queue, whoever asks."""

    def __init__(self, processes: int = 1) -> None:
        self._threads = ThreadPoolExecutor(max(HASHES_AT_ONCE // processes, 1), thread_name_prefix="password")
        self._under_way = 0
        self._lock = Lock()

    def close(self) -> None:
        """Waits for no hash any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def check(self, password: str, hashed: str | None, *, known_device: bool) -> bool:
        """See check_password. Raises TooBusy, for strangers before known devices."""
        most = QUEUE_OF_KNOWN_DEVICES if known_device else QUEUE_OF_STRANGERS
        return await self._run(most, lambda: check_password(password, hashed))

    async def hash(self, password: str) -> str:
        """See hash_password. Raises TooBusy."""
        return await self._run(QUEUE_OF_KNOWN_DEVICES, lambda: hash_password(password))

    async def _run(self, most: int, work: Callable[[], T]) -> T:
        with self._lock:
            if self._under_way >= most:
                raise TooBusy
            self._under_way += 1
        future = self._threads.submit(work)
        future.add_done_callback(self._done)  # a thread goes on, also when whoever asked is gone
        return await asyncio.wrap_future(future)

    def _done(self, future: Future[T]) -> None:
        with self._lock:
            self._under_way -= 1


async def ensure_admin(
    database: Database, name: str, password: str, role: Role = "owner"
) -> tuple[str, Literal["created", "changed", "unchanged"]]:
    """Creates an admin, or sets the password; a new password ends all sessions of this admin.

    A new admin has `role` in every event; that of one who is there stays as it is. Returns the canonical name and
    what was done. Raises BadName or BadPassword.
    """
    name, password = checked_name(name), checked_password(password)
    before = await find_password(database, name)
    same = before is not None and check_password(password, before)
    if same and before and not is_outdated(before):
        return name, "unchanged"
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO admins (name, password_hash, created_at) VALUES (%s, %s, %s)"
            " ON DUPLICATE KEY UPDATE password_hash = VALUES(password_hash)",
            (name, hash_password(password), to_datetime(now_ms())),
        )
        if before is None:
            await connection.execute(
                "INSERT INTO admin_roles (admin, event_id, role) VALUES (%s, %s, %s)", (name, EVERY_EVENT, role)
            )
        if not same:
            await connection.execute("DELETE FROM admin_sessions WHERE admin = %s", (name,))
    return name, "unchanged" if same else "changed" if before else "created"


async def find_password(database: Database, name: str) -> str | None:
    """The hash of an admin's password; None when there is no such admin. `name` is canonical."""
    row = await database.fetch_one("SELECT password_hash FROM admins WHERE name = %s", (name,))
    return str(row["password_hash"]) if row else None


async def set_role(database: Database, name: str, event_id: int, role: Role | None) -> bool:
    """Gives an admin a role in an event, or in every one, or takes it away; whether there is such an admin.

    Web processes know it within two seconds. Who is no owner any more has invited nobody. Raises LastOwner.
    """
    name = canonical_name(name)
    async with database.transaction() as connection:
        there = await connection.fetch_one("SELECT name FROM admins WHERE name = %s FOR UPDATE", (name,))
        last = event_id == EVERY_EVENT and role != "owner" and await _is_last_owner(connection, name)
        if there and not last:
            await connection.execute(
                "DELETE FROM admin_roles WHERE admin = %s AND event_id = %s", (name, event_id)
            )
            if role:
                await connection.execute(
                    "INSERT INTO admin_roles (admin, event_id, role) VALUES (%s, %s, %s)", (name, event_id, role)
                )
            if event_id == EVERY_EVENT and role != "owner":
                await connection.execute("DELETE FROM invitations WHERE invited_by = %s", (name,))
    if last:
        raise LastOwner
    return there is not None


async def _is_last_owner(connection: Connection, name: str) -> bool:
    owners = await connection.fetch_all(
        "SELECT admin FROM admin_roles WHERE event_id = %s AND role = 'owner' FOR UPDATE", (EVERY_EVENT,)
    )
    return [row["admin"] for row in owners] == [name]


async def list_roles(database: Database, name: str | None = None) -> list[Row]:
    """Who has which role where, or one's roles: admin, role, the event's id and slug (0, NULL: every event)."""
    return await database.fetch_all(
        "SELECT r.admin, r.role, r.event_id, e.slug FROM admin_roles r LEFT JOIN events e ON e.id = r.event_id"
        " WHERE (%s IS NULL OR r.admin = %s) ORDER BY r.admin, r.event_id LIMIT 5000",
        (name, name),
    )


async def list_admins(database: Database, name: str | None = None) -> list[Row]:
    """Of each admin, or of one: name, when created, how many sessions, whether there is a second factor."""
    return await database.fetch_all(
        "SELECT name, created_at, (SELECT COUNT(*) FROM admin_sessions WHERE admin = name) AS sessions,"
        " EXISTS (SELECT 1 FROM admin_factors WHERE admin = name) AS second_factor"
        " FROM admins WHERE (%s IS NULL OR name = %s) ORDER BY name LIMIT 1000",
        (name, name),
    )


async def remove_admin(database: Database, name: str) -> bool:
    """Removes an admin with their sessions, keys and invitations; whether there was one. Raises LastOwner."""
    name = canonical_name(name)
    async with database.transaction() as connection:
        last = await _is_last_owner(connection, name)
        removed = not last and await connection.execute("DELETE FROM admins WHERE name = %s", (name,))
    if last:
        raise LastOwner
    return bool(removed)
