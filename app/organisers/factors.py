"""The second factor of an admin: codes of an authenticator (TOTP, RFC 6238), and recovery codes without it.

A code is good for half a minute before and after its own, and once only. The secret must be known to check a code,
so the books have it as it is; whoever reads the books still lacks the password, of which they have a hash.
"""

import base64
import hashlib
import hmac
import re
import secrets
import struct
import time
from typing import Final
from urllib.parse import quote

from app.infra.mysql import Database
from app.units import now_ms, to_datetime

STEP_SECONDS: Final = 30
DIGITS: Final = 6
AROUND: Final = 1  # steps before and after, for clocks that differ
RECOVERY_CODES: Final = 10
ISSUER: Final = "Ticket Craze"
_TOTP = re.compile(rf"[0-9]{{{DIGITS}}}")
_SECRET = re.compile(r"[A-Z2-7]{32}")
_RECOVERY = re.compile(r"[a-z2-7]{4}(-[a-z2-7]{4}){3}")


def new_secret() -> str:
    """A secret of 160 random bits, in base32."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def is_secret(text: str) -> bool:
    """Whether it may be a secret of ours."""
    return _SECRET.fullmatch(text) is not None


def code_at(secret: str, step: int) -> str:
    """The code of a step of time (RFC 6238, SHA-1, as authenticators have it)."""
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", step), "sha1")
    at = digest[-1] & 0xF
    number = struct.unpack(">I", digest[at : at + 4])[0] & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def step_of(secret: str, code: str, now_seconds: float) -> int | None:
    """The step of time that a code is of; None for one that is not good now."""
    if not _TOTP.fullmatch(code):
        return None
    now = int(now_seconds) // STEP_SECONDS
    found = None
    for step in range(now - AROUND, now + AROUND + 1):  # all of them, however soon one fits
        if hmac.compare_digest(code_at(secret, step), code):
            found = step
    return found


def address_of(secret: str, admin: str) -> str:
    """What an authenticator reads from a QR code."""
    return f"otpauth://totp/{quote(f'{ISSUER}:{admin}')}?secret={secret}&issuer={quote(ISSUER)}"


async def has_factor(database: Database, admin: str) -> bool:
    """Whether a password is not enough."""
    return await database.fetch_one("SELECT 1 FROM admin_factors WHERE admin = %s", (admin,)) is not None


async def check_factor(database: Database, admin: str, code: str) -> bool:
    """Uses up a code of the authenticator or a recovery code: was it good? True where there is no factor."""
    row = await database.fetch_one("SELECT secret FROM admin_factors WHERE admin = %s", (admin,))
    if row is None:
        return True
    text = code.strip().lower()
    step = step_of(row["secret"], text, time.time())
    if step is not None:
        used = await database.execute(
            "UPDATE admin_factors SET last_step = %s WHERE admin = %s AND last_step < %s", (step, admin, step)
        )
        return used == 1
    if not _RECOVERY.fullmatch(text):
        return False
    used = await database.execute(
        "DELETE FROM admin_recovery_codes WHERE admin = %s AND code_hash = %s", (admin, _hash(text))
    )
    return used == 1


async def set_factor(database: Database, admin: str, secret: str, code: str) -> list[str] | None:
    """Begins a second factor, once a code of it is shown: the recovery codes; None for a code that is no good."""
    step = step_of(secret, code.strip(), time.time())
    if step is None:
        return None
    codes = [_new_recovery_code() for _ in range(RECOVERY_CODES)]
    async with database.transaction() as connection:
        await connection.execute("DELETE FROM admin_recovery_codes WHERE admin = %s", (admin,))
        await connection.execute(
            "INSERT INTO admin_factors (admin, secret, last_step, since) VALUES (%s, %s, %s, %s)"
            " ON DUPLICATE KEY UPDATE secret = VALUES(secret), last_step = VALUES(last_step),"
            " since = VALUES(since)",
            (admin, secret, step, to_datetime(now_ms())),
        )
        await connection.insert_many(
            "INSERT INTO admin_recovery_codes (admin, code_hash) VALUES (%s, %s)",
            [(admin, _hash(code)) for code in codes],
        )
    return codes


async def end_factor(database: Database, admin: str) -> bool:
    """Takes the second factor away, and its recovery codes; whether there was one."""
    async with database.transaction() as connection:
        await connection.execute("DELETE FROM admin_recovery_codes WHERE admin = %s", (admin,))
        return await connection.execute("DELETE FROM admin_factors WHERE admin = %s", (admin,)) == 1


def _new_recovery_code() -> str:
    text = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    return "-".join(text[at : at + 4] for at in range(0, 16, 4))


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
