"""The code of a ticket: signed, so that a door without a network can tell a good one from a made-up one.

    A1.AEAAAAAHAAAAADB3…                     the id of the key, a dot, and base32 of
    1 | event | sku | ticket | signature     1, 4, 4, 16 and 64 bytes; the signature is Ed25519's, over the id of
                                             the key and all before it

Only capitals, digits and a dot, which a QR code packs tightly. The same ticket has the same code every time; what
became of the ticket is in the books, not in its code.
"""

import re
from base64 import b32decode, b32encode, urlsafe_b64encode
from collections.abc import Mapping
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_VERSION = 1
_CONTENT_BYTES = 25
_CODE_BYTES = _CONTENT_BYTES + 64
_PREFIX = b"ticketcraze ticket "  # a signature for anything else is none for a ticket
_CODE = re.compile(r"([A-Z0-9]{1,8})\.([A-Z2-7]{143})")

MAX_CODE_LENGTH = 8 + 1 + 143


class BadCode(Exception):
    """It is no code of ours."""


class Claim(NamedTuple):
    """What a code says: which ticket, of what kind, for which event."""

    ticket_id: str
    event_id: int
    sku_id: int


class PublicKey(NamedTuple):
    """What anyone may know of a key; `x` is its 32 bytes in base64url."""

    id: str
    x: str


class TicketKeys:
    """Signs and reads codes with a ring of keys, id -> seed: the first one signs, all of them are good."""

    def __init__(self, seeds: Mapping[str, bytes]) -> None:
        self._keys = {key_id: Ed25519PrivateKey.from_private_bytes(seed) for key_id, seed in seeds.items()}
        self._public = {key_id: key.public_key() for key_id, key in self._keys.items()}

    @property
    def public(self) -> list[PublicKey]:
        """The keys that codes are good with."""
        return [
            PublicKey(key_id, urlsafe_b64encode(key.public_bytes_raw()).decode().rstrip("="))
            for key_id, key in self._public.items()
        ]

    def code(self, ticket_id: str, event_id: int, sku_id: int) -> str:
        """The code of a ticket; its id is 32 hex digits."""
        key_id, key = next(iter(self._keys.items()))
        content = bytes((_VERSION, *event_id.to_bytes(4), *sku_id.to_bytes(4), *bytes.fromhex(ticket_id)))
        signature = key.sign(_signed(key_id, content))
        return f"{key_id}.{b32encode(content + signature).decode().rstrip('=')}"

    def read(self, code: str) -> Claim:
        """What a code says. Raises BadCode."""
        found = _CODE.fullmatch(code.upper())
        key = self._public.get(found[1]) if found else None
        if not found or key is None:
            raise BadCode
        body = b32decode(found[2] + "=")
        content, signature = body[:_CONTENT_BYTES], body[_CONTENT_BYTES:]
        if len(body) != _CODE_BYTES or content[0] != _VERSION or b32encode(body).decode()[:143] != found[2]:
            raise BadCode
        try:
            key.verify(signature, _signed(found[1], content))
        except InvalidSignature:
            raise BadCode from None
        return Claim(content[9:].hex(), int.from_bytes(content[1:5]), int.from_bytes(content[5:9]))


def _signed(key_id: str, content: bytes) -> bytes:
    return _PREFIX + key_id.encode() + b"." + content
