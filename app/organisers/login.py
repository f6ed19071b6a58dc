"""Signing in: how often one may try, and what a right name and password give.

Limits must not let a stranger lock an admin out. So tries are counted by (name, address) strictly, and by address
less so; for the name as a whole only where the browser has no device cookie, which a sign-in of this name leaves
behind (OWASP, "device cookies"). With one, the device has a count of its own.
"""

import hashlib
import logging
import math
from dataclasses import dataclass

from redis.asyncio import Redis

from app.infra.mysql import Database
from app.infra.scripts import run
from app.organisers.accounts import (
    MOST_PASSWORD,
    PasswordChecks,
    find_password,
    is_outdated,
)
from app.organisers.factors import check_factor
from app.organisers.log import AdminLog, Deed
from app.organisers.sessions import Sessions
from app.units import MINUTE_MS

log = logging.getLogger(__name__)

MOST_NAME = 64  # letters
BY_DEVICE = (10, 5 * MINUTE_MS)  # tries, and after which time they begin anew
BY_NAME_AND_ADDRESS = (10, 5 * MINUTE_MS)
BY_ADDRESS = (30, 5 * MINUTE_MS)
BY_NAME = (100, 15 * MINUTE_MS)


class WrongPassword(Exception):
    """This name and password do not belong together; which of the two is wrong is not told."""


class FactorNeeded(Exception):
    """The password is right, and a code of the second factor is missing or not good."""


class TooManyTries(Exception):
    """No password is looked at until `seconds` have passed."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"{seconds} s")
        self.seconds = seconds


@dataclass(frozen=True)
class Visitor:
    """Who tries: where from, and which device it is by its cookie, if that is this name's."""

    address: str  # what limits count by: an IPv4 address, or the /64 of an IPv6 one
    user_agent: str
    device_id: str | None


@dataclass(frozen=True)
class SignedIn:
    """An admin, and the secret of the session that has begun."""

    admin: str
    secret: str


class Login:
    """The way in."""

    def __init__(
        self, redis: Redis, database: Database, sessions: Sessions, admin_log: AdminLog, processes: int = 1
    ) -> None:
        self._redis = redis
        self._admin_log = admin_log
        self._database = database
        self._sessions = sessions
        self._checks = PasswordChecks(processes)

    def close(self) -> None:
        """Checks no more passwords."""
        self._checks.close()

    async def sign_in(self, name: str, password: str, visitor: Visitor, code: str = "") -> SignedIn:
        """Begins a session. `name` is canonical; `code` is of the second factor, for those who have one.

        Raises TooManyTries, WrongPassword, FactorNeeded, TooBusy, and RedisError or DatabaseUnavailable.
        """
        counters = _counters(name, visitor)
        limits = [figure for limit in counters.values() for figure in limit]
        answer = await run(self._redis, "login_try", list(counters), limits)
        if answer[0] == "WAIT":
            raise TooManyTries(math.ceil(answer[1] / 1000))
        hashed = await find_password(self._database, name)
        right = await self._checks.check(
            password[:MOST_PASSWORD], hashed, known_device=visitor.device_id is not None
        )
        if hashed is None or not right or len(password) > MOST_PASSWORD:
            log.warning("a wrong name or password: %r from %s", name[:MOST_NAME], visitor.address)
            if hashed is not None:
                await self._admin_log.write(Deed(name, "wrong password", address=visitor.address))
            raise WrongPassword
        if not await check_factor(self._database, name, code):
            if code:
                await self._admin_log.write(Deed(name, "wrong code", address=visitor.address))
            raise FactorNeeded
        if is_outdated(hashed):
            hashed = await self._rehash(name, password, hashed)
        secret = await self._sessions.start(name, hashed, visitor.address, visitor.user_agent)
        if secret is None:
            raise WrongPassword
        await run(self._redis, "login_good", list(counters))
        log.info("%s signed in from %s", name, visitor.address)
        await self._admin_log.write(
            Deed(
                name, "signed in", address=visitor.address, became={"known_device": visitor.device_id is not None}
            )
        )
        return SignedIn(name, secret)

    async def hash(self, password: str) -> str:
        """The hash of a new password. Raises TooBusy."""
        return await self._checks.hash(password)

    async def _rehash(self, name: str, password: str, before: str) -> str:
        """Replaces the hash of a right password, unless it was changed meanwhile; the hash to go on with."""
        after = await self._checks.hash(password)
        changed = await self._database.execute(
            "UPDATE admins SET password_hash = %s WHERE name = %s AND password_hash = %s", (after, name, before)
        )
        return after if changed else before


def _counters(name: str, visitor: Visitor) -> dict[str, tuple[int, int]]:
    """The counters of a try with their limits; the first one is given back whole when the password is right."""
    if visitor.device_id:
        return {_counter("device", name, visitor.device_id): BY_DEVICE}
    return {
        _counter("name-address", name, visitor.address): BY_NAME_AND_ADDRESS,
        _counter("address", visitor.address): BY_ADDRESS,
        _counter("name", name): BY_NAME,
    }


def _counter(kind: str, *of: str) -> str:
    """A key of bounded length, whatever was typed."""
    return f"tc:{{login}}:{kind}:{hashlib.sha256(' '.join(of).encode()).hexdigest()[:32]}"
