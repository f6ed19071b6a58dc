"""Signed tokens: who a buyer is, a link to go on with on another device, an admin's session.

A buyer's token carries the queue numbers they were given, so that a place survives whatever happens to Redis.
"""

import secrets
import time

import msgspec
from itsdangerous import BadData, URLSafeTimedSerializer

DAY_SECONDS = 86_400
BUYER_SECONDS = 30 * DAY_SECONDS
RESUME_SECONDS = DAY_SECONDS
ADMIN_SECONDS = DAY_SECONDS // 2
MAX_LENGTH = 2_048
REMEMBERED_SECONDS = 300
MOST_REMEMBERED = 50_000
MAX_NUMBERS = 20  # events whose number a token carries; the oldest are dropped


class BadToken(Exception):
    """The token is not one of ours, was altered, or is too old."""


class Buyer(msgspec.Struct, frozen=True):
    """Whoever holds the token, and the queue number in each event joined (0: still in the lobby)."""

    id: str
    numbers: dict[int, int] = {}

    def with_number(self, event_id: int, number: int) -> "Buyer":
        """The buyer with the number of one more event."""
        others = {e: n for e, n in self.numbers.items() if e != event_id}
        return Buyer(self.id, dict([*others.items(), (event_id, number)][-MAX_NUMBERS:]))


def new_buyer() -> Buyer:
    """Somebody who was never here before."""
    return Buyer(secrets.token_hex(16))


class Tokens:
    """Makes and reads tokens with the application's secret key."""

    def __init__(self, secret_key: str) -> None:
        self._buyer, self._resume, self._admin = (
            URLSafeTimedSerializer(secret_key, salt=f"ticketcraze.{use}") for use in ("buyer", "resume", "admin")
        )
        self._good: dict[str, Buyer] = {}
        self._forget_at = 0.0

    def of_buyer(self, buyer: Buyer) -> str:
        """The buyer's token, for the cookie and for `Authorization: Bearer`."""
        return _text(self._buyer.dumps(msgspec.to_builtins(buyer, str_keys=True)))

    def buyer(self, token: str) -> Buyer:
        """Whose token it is. Raises BadToken. A token that was good is remembered for some minutes."""
        now = time.monotonic()
        if now >= self._forget_at or len(self._good) >= MOST_REMEMBERED:
            self._good.clear()
            self._forget_at = now + REMEMBERED_SECONDS
        buyer = self._good.get(token)
        if buyer is None:
            buyer = self._good[token] = _read_buyer(self._buyer, token, BUYER_SECONDS)
        return buyer

    def of_resume(self, buyer: Buyer) -> str:
        """A token for a link that makes another device the same buyer."""
        return _text(self._resume.dumps(msgspec.to_builtins(buyer, str_keys=True)))

    def resume(self, token: str) -> Buyer:
        """Who goes on with this link. Raises BadToken."""
        return _read_buyer(self._resume, token, RESUME_SECONDS)

    def of_admin(self, name: str) -> str:
        """An admin's session."""
        return _text(self._admin.dumps(name))

    def admin(self, token: str) -> str:
        """The admin's name. Raises BadToken."""
        return str(_load(self._admin, token, ADMIN_SECONDS))


def _text(token: str | bytes) -> str:
    return token if isinstance(token, str) else token.decode()


def _load(serializer: URLSafeTimedSerializer, token: str, max_age_seconds: int) -> object:
    if len(token) > MAX_LENGTH:
        raise BadToken
    try:
        return serializer.loads(token, max_age=max_age_seconds)
    except BadData as error:
        raise BadToken from error


def _read_buyer(serializer: URLSafeTimedSerializer, token: str, max_age_seconds: int) -> Buyer:
    try:
        return msgspec.convert(_load(serializer, token, max_age_seconds), Buyer, str_keys=True)
    except msgspec.ValidationError as error:
        raise BadToken from error
