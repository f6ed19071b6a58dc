"""What an organiser asks of those who join a sale: one value, kept as JSON with the event. Pure."""

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

MOST_ORIGINS = 20
MOST_WORK = 20_000
LEAST_SECRET = 32
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")

Codes = Literal["none", "optional", "required"]


class BadGates(ValueError):
    """These gates cannot be; the text says which part is wrong and what is expected."""


class Account(msgspec.Struct, frozen=True, omit_defaults=True):
    """An organiser's own accounts, proved by a JWT of theirs.

    `keys` are those of a JWKS (Ed25519 or P-256), `secret` one for HS256; `audience` and `issuer` are what the
    tokens must say.
    """

    audience: str
    issuer: str = ""
    keys: tuple[dict[str, Any], ...] = ()
    secret: str = ""


class Captcha(msgspec.Struct, frozen=True):
    """A captcha of somebody else's: where it is verified, and the secret that we have there."""

    url: str
    secret: str


class Gates(msgspec.Struct, frozen=True, omit_defaults=True):
    """No gate unless it is named here.

    `codes`: presale codes put their holders ahead; required: nobody joins without one. `account`: a place
    belongs to an account of the organiser's. `shop_url`: where those who are let in go shopping, if not here.
    `origins`: other sites whose pages may use the waiting room. `work`: how many
    counters a browser tries before it may join, on a calm day; 0 for none. `captcha`: one of
    somebody else's. `queueit_secret`: the shop checks passes with Queue-it's connector and this secret.
    """

    codes: Codes = "none"
    account: Account | None = None
    shop_url: str = ""
    origins: tuple[str, ...] = ()
    work: int = 0
    captcha: Captcha | None = None
    queueit_secret: str = ""


NO_GATES = Gates()


def canonical(code: str) -> str:
    """A presale code as it is hashed, however somebody typed it."""
    return re.sub(r"[\s-]", "", code).upper()


def origin_of(address: str) -> str:
    """Scheme, host and port of an address that `check_gates` let through."""
    return "/".join(address.split("/")[:3])


def check_gates(gates: Gates) -> None:
    """Raises BadGates for an address that is none. What an account needs is checked where tokens are read."""
    if gates.shop_url and not _ADDRESS.fullmatch(gates.shop_url):
        raise BadGates("shop address: https://shop.example/ or http, without a query")
    if gates.captcha and not (_ADDRESS.fullmatch(gates.captcha.url) and gates.captcha.secret):
        raise BadGates("captcha: an address such as https://captcha.example/siteverify, and a secret")
    if gates.queueit_secret and len(gates.queueit_secret) < LEAST_SECRET:
        raise BadGates(f"Queue-it secret: {LEAST_SECRET} characters or more")
    if not 0 <= gates.work <= MOST_WORK:
        raise BadGates(f"work: from 0 to {MOST_WORK}")
    if len(gates.origins) > MOST_ORIGINS:
        raise BadGates(f"origins: {MOST_ORIGINS} at most")
    for origin in gates.origins:
        if not _ORIGIN.fullmatch(origin):
            raise BadGates(f"origin {origin!r}: one such as https://shop.example, without a path")


def gates_of(text: str | None) -> Gates:
    """The gates that an event's row has. Raises msgspec.DecodeError."""
    return msgspec.json.decode(text, type=Gates) if text else NO_GATES


def text_of(gates: Gates) -> str | None:
    """Gates as an event's row has them."""
    return None if gates == NO_GATES else msgspec.json.encode(gates).decode()


Code = Annotated[str, Meta(min_length=1, max_length=64)]

Token = Annotated[str, Meta(min_length=1, max_length=4_096)]


class JoinRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody brings who joins: whatever the sale asks for. All of it may be missing."""

    code: Code | msgspec.UnsetType = msgspec.UNSET
    identity: Token | msgspec.UnsetType = msgspec.UNSET
    work: Token | msgspec.UnsetType = msgspec.UNSET
    captcha: Token | msgspec.UnsetType = msgspec.UNSET
