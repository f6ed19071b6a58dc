"""Signed tokens: who a buyer is, a link to go on with on another device, an order's link, an admin's device.

A buyer's token carries the queue numbers they were given, so that a place survives whatever happens to Redis.
Every token begins with the id of the key that signed it: the first key of the ring signs, all of them verify, so a
new key is put in front, and the old one taken away once its last token has ended.
"""

import hashlib
import hmac
import re
import secrets
import time
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from cryptography.fernet import Fernet, MultiFernet
from itsdangerous import BadData, Signer
from itsdangerous.encoding import base64_decode, base64_encode

from app.sale.gates.rules import canonical

DAY_SECONDS = 86_400
BUYER_SECONDS = 30 * DAY_SECONDS
RESUME_SECONDS = DAY_SECONDS
DEVICE_SECONDS = 180 * DAY_SECONDS
CLOCK_SECONDS = 60  # that the clocks of two web hosts may differ by
MAX_LENGTH = 2_048
RECEIPT_LENGTH = 3_072
REMEMBERED_SECONDS = 300
MOST_REMEMBERED = 50_000
MAX_NUMBERS = 20  # events whose number a token carries; the oldest are dropped

_LINK = re.compile(r"([A-Za-z0-9_-]{1,16})\.([0-9]{1,9})\.[A-Za-z0-9_-]{43}")
_SIGNED_WITH: dict[str, Any] = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}

Content = TypeVar("Content")


class BadToken(Exception):
    """The token is not one of ours, was altered, is for something else, or is too old."""


class Buyer(msgspec.Struct, frozen=True):
    """Whoever holds the token, and where they stand in each event joined (see app/sale/bands.py)."""

    id: str
    numbers: dict[int, int] = {}

    def standing_at(self, event_id: int, standing: int) -> "Buyer":
        """The buyer with where they stand in one more event."""
        others = {e: n for e, n in self.numbers.items() if e != event_id}
        return Buyer(self.id, dict([*others.items(), (event_id, standing)][-MAX_NUMBERS:]))


class Device(msgspec.Struct, frozen=True):
    """A browser in which an admin once signed in, so that others' wrong passwords do not lock it out."""

    admin: str
    id: str


def new_buyer() -> Buyer:
    """Somebody who was never here before."""
    return Buyer(secrets.token_hex(16))


class Tokens:
    """Makes and reads tokens with the application's key ring: key id -> key, the first one signs."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._buyer, self._resume, self._session, self._device = (
            _Ring(keys, use) for use in ("buyer", "resume", "session", "device")
        )
        self._links, self._walls = _Links(keys, "link"), _Links(keys, "wall")
        self._deriving = hmac.digest(next(iter(keys.values())).encode(), b"ticketcraze.derived-buyer", "sha256")
        self._receipts = {id: Signer(key, salt="ticketcraze.receipt", **_SIGNED_WITH) for id, key in keys.items()}
        self._code_keys = [hmac.digest(key.encode(), b"ticketcraze.code", "sha256") for key in keys.values()]
        self._sealing = [hmac.digest(key.encode(), b"ticketcraze.seal", "sha256") for key in keys.values()]
        self._good: dict[str, Buyer] = {}
        self._forget_at = 0.0

    def of_buyer(self, buyer: Buyer) -> str:
        """The buyer's token, for the cookie and for `Authorization: Bearer`."""
        return self._buyer.sign(msgspec.to_builtins(buyer, str_keys=True))

    def buyer(self, token: str) -> Buyer:
        """Whose token it is. Raises BadToken. A token that was good is remembered for some minutes."""
        now = time.monotonic()
        if now >= self._forget_at or len(self._good) >= MOST_REMEMBERED:
            self._good.clear()
            self._forget_at = now + REMEMBERED_SECONDS
        buyer = self._good.get(token)
        if buyer is None:
            buyer = self._good[token] = _read(self._buyer, token, BUYER_SECONDS, Buyer)
        return buyer

    def derived_buyer(self, *parts: str) -> Buyer:
        """The same new buyer for the same parts. Nobody without our key can tell who that is."""
        digest = hmac.digest(self._deriving, "\n".join(parts).encode(), "sha256")
        return Buyer(digest.hex()[:32])

    def seal(self, name: str) -> MultiFernet:
        """What encrypts under our keys and a name that nobody else knows, and decrypts what was."""
        keys = (hmac.digest(key, name.encode(), "sha256") for key in self._sealing)
        return MultiFernet([Fernet(urlsafe_b64encode(key)) for key in keys])

    def of_resume(self, buyer: Buyer) -> str:
        """A token for a link that makes another device the same buyer."""
        return self._resume.sign(msgspec.to_builtins(buyer, str_keys=True))

    def resume(self, token: str) -> Buyer:
        """Who goes on with this link. Raises BadToken."""
        return _read(self._resume, token, RESUME_SECONDS, Buyer)

    def of_session(self, secret: str) -> str:
        """The token of an admin's session. Signed, so that a made-up one never costs a query."""
        return self._session.sign(secret)

    def session(self, token: str, max_age_seconds: int) -> str:
        """The session's secret; whether the session still stands is for the books to say. Raises BadToken."""
        return _read(self._session, token, max_age_seconds, str)

    def of_device(self, device: Device) -> str:
        """A token that says: an admin has signed in here before."""
        return self._device.sign(msgspec.to_builtins(device))

    def device(self, token: str) -> Device:
        """The device this token was given to. Raises BadToken."""
        return _read(self._device, token, DEVICE_SECONDS, Device)

    def of_receipt(self, content: bytes) -> str:
        """A receipt with this content: the same every time. Empty for one that is too long."""
        key_id, signer = next(iter(self._receipts.items()))
        body = base64_encode(content).decode()
        token = f"{key_id}.{body}.{signer.get_signature(body).decode()}"
        return token if len(token) <= RECEIPT_LENGTH else ""

    def receipt(self, token: str) -> bytes:
        """The content of a receipt. Raises BadToken."""
        key_id, _, signed = token.partition(".")
        body, _, signature = signed.partition(".")
        signer = self._receipts.get(key_id)
        if signer is None or len(token) > RECEIPT_LENGTH or not _is_canonical(signature):
            raise BadToken
        try:
            if not signer.verify_signature(body.encode(), signature):
                raise BadToken
            return bytes(base64_decode(body))
        except (BadData, UnicodeEncodeError) as error:
            raise BadToken from error

    def code_hashes(self, event_id: int, code: str) -> list[str]:
        """What a presale code is kept as, by each key of the ring; the first is what a new one is kept as."""
        text = f"{event_id}\n{canonical(code)}".encode()
        return [hmac.digest(key, text, "sha256").hex()[:32] for key in self._code_keys]

    def of_link(self, order_id: str, version: int) -> str:
        """The key of the link to one order. The same every time, and without an end of its own."""
        return self._links.make(order_id, version)

    def link(self, key: str, order_id: str) -> int:
        """The version that a link to this order was made as. Raises BadToken."""
        return self._links.read(key, order_id)

    def of_wall(self, event_id: int, version: int) -> str:
        """The key of the link to an event's wall. The same every time, and without an end of its own."""
        return self._walls.make(str(event_id), version)

    def wall(self, key: str, event_id: int) -> int:
        """The version that a link to this event's wall was made as. Raises BadToken."""
        return self._walls.read(key, str(event_id))


class _Links:
    """Makes and reads the keys of links of one kind: each is for one thing, and tells its version."""

    def __init__(self, keys: Mapping[str, str], use: str) -> None:
        self._signers = {id: Signer(key, salt=f"ticketcraze.{use}", **_SIGNED_WITH) for id, key in keys.items()}

    def make(self, name: str, version: int) -> str:
        return self._key(next(iter(self._signers)), name, version)

    def read(self, key: str, name: str) -> int:
        found = _LINK.fullmatch(key)
        if not found or found[1] not in self._signers:
            raise BadToken
        version = int(found[2])
        if not hmac.compare_digest(key, self._key(found[1], name, version)):
            raise BadToken
        return version

    def _key(self, key_id: str, name: str, version: int) -> str:
        signature = self._signers[key_id].get_signature(f"{name}.{version}").decode()
        return f"{key_id}.{version}.{signature}"


class _Ring:
    """Signs and verifies for one use; a token of another use is refused by its signature.

    The tokens are those of itsdangerous's URLSafeTimedSerializer, as a test holds. Its own code derives the key
    and tries to compress anew for each: 30 µs, which everybody who joins and every socket would cost.
    """

    def __init__(self, keys: Mapping[str, str], use: str) -> None:
        salt = f"ticketcraze.{use}".encode()
        self._derived = {key_id: hmac.digest(key.encode(), salt, "sha256") for key_id, key in keys.items()}

    def sign(self, content: Any) -> str:
        key_id, derived = next(iter(self._derived.items()))
        body = _encode(msgspec.json.encode(content)) + b"." + _encode(_number(int(time.time())))
        signature = _encode(hmac.digest(derived, body, "sha256"))
        return f"{key_id}.{body.decode()}.{signature.decode()}"

    def verify(self, token: str, max_age_seconds: int) -> object:
        key_id, _, signed = token.partition(".")
        derived = self._derived.get(key_id)
        if derived is None or len(token) > MAX_LENGTH or not signed.isascii():
            raise BadToken
        body, _, signature = signed.encode().rpartition(b".")
        # Compared as it is written: the last letter of base64 has bits to spare, and one way to write it is right.
        if not hmac.compare_digest(signature, _encode(hmac.digest(derived, body, "sha256"))):
            raise BadToken
        try:
            payload, _, stamp = body.rpartition(b".")
            signed_at = int.from_bytes(base64_decode(stamp))
            if not -CLOCK_SECONDS <= time.time() - signed_at <= max_age_seconds:
                raise BadToken
            content: object = msgspec.json.decode(_content_of(payload))
        except (BadData, zlib.error, msgspec.DecodeError) as error:
            raise BadToken from error
        return content


def _encode(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8)


def _content_of(payload: bytes) -> bytes:
    """What was signed; behind a dot it is compressed, in tokens of an earlier version."""
    if not payload.startswith(b"."):
        return base64_decode(payload)
    return zlib.decompressobj().decompress(base64_decode(payload[1:]), MAX_LENGTH * 10)


def _is_canonical(signature: str) -> bool:
    """Whether it is written in the one right way: the last letter of base64 has bits to spare."""
    try:
        return base64_encode(base64_decode(signature)).decode() == signature
    except BadData:
        return False


def _read(ring: _Ring, token: str, max_age_seconds: int, form: type[Content]) -> Content:
    try:
        return msgspec.convert(ring.verify(token, max_age_seconds), form, str_keys=True)
    except msgspec.ValidationError as error:
        raise BadToken from error
