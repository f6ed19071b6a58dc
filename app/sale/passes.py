"""The pass for other shops: a short-lived JWT that says whom the waiting room has let in.

Signed with Ed25519 by keys that come from the application's key ring, so there is no secret more to keep; anybody
verifies it with `/.well-known/jwks.json`.
"""

import base64
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ALGORITHM = "EdDSA"
LONGEST_SECONDS = 900
SKEW_SECONDS = 30
MOST_LENGTH = 2_048
SEED_OF = b"ticketcraze.pass"


class BadPass(Exception):
    """This is no pass of ours for this event, or it has ended."""


@dataclass(frozen=True)
class SignedPass:
    """A pass as it is handed on, and when it ends, UTC ms."""

    token: str
    expires_at_ms: int


class PassKeys:
    """Signs and reads passes: key id -> key, the first one signs, as for all other tokens."""

    def __init__(self, keys: Mapping[str, str], issuer: str) -> None:
        """`issuer` is the public address of the waiting room."""
        self._issuer = issuer
        self._private = {
            key_id: Ed25519PrivateKey.from_private_bytes(hmac.digest(key.encode(), SEED_OF, "sha256"))
            for key_id, key in keys.items()
        }
        self._public = {key_id: key.public_key() for key_id, key in self._private.items()}

    def sign(self, slug: str, public_id: str, pass_ends_ms: int, now_ms: int) -> SignedPass:
        """A pass for an event and a buyer, by public id: as long as theirs, but a quarter of an hour at most."""
        ends = min(pass_ends_ms // 1000, now_ms // 1000 + LONGEST_SECONDS)
        key_id, key = next(iter(self._private.items()))
        claims = {
            "iss": self._issuer, "aud": slug, "sub": public_id, "iat": now_ms // 1000, "exp": ends,
            "jti": secrets.token_urlsafe(12),
        }  # fmt: skip
        return SignedPass(jwt.encode(claims, key, ALGORITHM, headers={"kid": key_id}), ends * 1000)

    def read(self, token: str, slug: str) -> dict[str, Any]:
        """What a pass for this event says. Raises BadPass."""
        try:
            if len(token) > MOST_LENGTH:
                raise BadPass
            key = self._public[jwt.get_unverified_header(token).get("kid", "")]
            claims: dict[str, Any] = jwt.decode(
                token, key, algorithms=[ALGORITHM], audience=slug, issuer=self._issuer, leeway=SKEW_SECONDS,
                options={"require": ["exp", "iat", "sub", "aud", "iss"]},
            )  # fmt: skip
        except (jwt.PyJWTError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise BadPass from error
        if claims["exp"] > time.time() + LONGEST_SECONDS + SKEW_SECONDS:
            raise BadPass
        return claims

    def jwks(self) -> list[dict[str, str]]:
        """The public keys, as a JWKS has them."""
        return [
            {
                "kty": "OKP", "crv": "Ed25519", "kid": key_id, "alg": ALGORITHM, "use": "sig",
                "x": base64.urlsafe_b64encode(key.public_bytes_raw()).decode().rstrip("="),
            }
            for key_id, key in self._public.items()
        ]  # fmt: skip
