"""Admins' passwords, kept as scrypt hashes (RFC 7914; cost as OWASP recommends for 16 MiB)."""

import hashlib
import hmac
import secrets

from app.infra.mysql import Database
from app.units import now_ms, to_datetime

_COST = {"n": 2**14, "r": 8, "p": 5}


def hash_password(password: str) -> str:
    """A salted hash for the books: "scrypt$salt$hash", both in hex."""
    salt = secrets.token_bytes(16)
    return f"scrypt${salt.hex()}${hashlib.scrypt(password.encode(), salt=salt, **_COST).hex()}"


def check_password(password: str, hashed: str) -> bool:
    """Whether the password is the one that was hashed."""
    _, salt, digest = hashed.split("$")
    expected = hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), **_COST)
    return hmac.compare_digest(expected, bytes.fromhex(digest))


async def ensure_admin(database: Database, name: str, password: str) -> None:
    """Creates an admin, or sets the password."""
    await database.execute(
        "INSERT INTO admins (name, password_hash, created_at) VALUES (%s, %s, %s)"
        " ON DUPLICATE KEY UPDATE password_hash = VALUES(password_hash)",
        (name, hash_password(password), to_datetime(now_ms())),
    )
