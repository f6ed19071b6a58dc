"""Who a buyer is, as the organiser says: a JWT signed by them, so that an account has one place. Pure.

EdDSA and ES256 by the organiser's JWKS, HS256 by a shared secret. The key decides what algorithm is good, never
the token; whatever is wrong has a name of its own.
"""

import time
from collections.abc import Sequence
from typing import Any, Literal

import jwt

from app.sale.gates.rules import Account, BadGates

SKEW_SECONDS = 60  # that the organiser's clock may differ from ours
LONGEST_SECONDS = 30 * 86_400  # a token that lasts longer is none that should be sent around
MOST_SUBJECT = 255
MOST_KEYS = 16
ALGORITHMS = {("OKP", "Ed25519"): "EdDSA", ("EC", "P-256"): "ES256"}

Reason = Literal[
    "malformed",
    "algorithm",
    "key",
    "signature",
    "audience",
    "issuer",
    "expired",
    "not_yet_valid",
    "lifetime",
    "claims",
]
# What PyJWT raises, the more special first.
_REASONS: Sequence[tuple[type[Exception], Reason]] = (
    (jwt.ExpiredSignatureError, "expired"),
    (jwt.ImmatureSignatureError, "not_yet_valid"),
    (jwt.InvalidAudienceError, "audience"),
    (jwt.InvalidIssuerError, "issuer"),
    (jwt.InvalidSignatureError, "signature"),
    (jwt.InvalidAlgorithmError, "algorithm"),
    (jwt.MissingRequiredClaimError, "claims"),
)


class RefusedAccount(Exception):
    """The token proves nothing; `reason` says why, in one word."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def check_account(account: Account) -> None:
    """Raises BadGates when nobody could ever prove an account like this."""
    if not account.audience:
        raise BadGates("account audience: what the tokens say they are for")
    if account.secret and len(account.secret.encode()) < 32:
        raise BadGates("account secret: 32 bytes or more")
    if not account.secret and not account.keys:
        raise BadGates("account: a JWKS with Ed25519 or P-256 keys, or a secret")
    if len(account.keys) > MOST_KEYS:
        raise BadGates(f"account JWKS: {MOST_KEYS} keys at most")
    for key in account.keys:
        if "d" in key:
            raise BadGates("account JWKS: it has private keys in it; take the public ones")
        try:
            _key(key)
        except (RefusedAccount, jwt.PyJWTError, ValueError, TypeError) as error:
            raise BadGates("account JWKS: each key is Ed25519 (OKP) or P-256 (EC)") from error


def subject_of(token: str, account: Account) -> str:
    """The account that a token proves. Raises RefusedAccount."""
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise RefusedAccount("malformed") from None
    key, algorithm = _key_for(header, account)
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=account.audience,
            issuer=account.issuer or None,
            leeway=SKEW_SECONDS,
            options={"require": ["exp", "sub", "aud", *(["iss"] if account.issuer else [])]},
        )
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise RefusedAccount(
            next((reason for kind, reason in _REASONS if isinstance(error, kind)), "malformed")
        ) from None
    if claims["exp"] > time.time() + LONGEST_SECONDS:
        raise RefusedAccount("lifetime")
    subject = claims["sub"]
    if not isinstance(subject, str) or not 1 <= len(subject) <= MOST_SUBJECT:
        raise RefusedAccount("claims")
    return subject


def _key_for(header: dict[str, Any], account: Account) -> tuple[Any, str]:
    """The organiser's key for this token, and the one algorithm it is good for."""
    algorithm = header.get("alg")
    if algorithm == "HS256" and account.secret:
        return account.secret, "HS256"
    if algorithm not in ALGORITHMS.values() or not account.keys:
        raise RefusedAccount("algorithm")
    candidates = [key for key in account.keys if header.get("kid", key.get("kid")) == key.get("kid")]
    for candidate in candidates:
        key, good_for = _key(candidate)
        if good_for == algorithm:
            return key, good_for
    raise RefusedAccount("algorithm" if candidates else "key")


def _key(data: dict[str, Any]) -> tuple[Any, str]:
    algorithm = ALGORITHMS.get((data.get("kty", ""), data.get("crv", "")))
    if algorithm is None:
        raise RefusedAccount("algorithm")
    return jwt.PyJWK(data, algorithm=algorithm).key, algorithm
