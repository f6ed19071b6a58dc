"""What an organiser asks of those who join a sale: one value, kept as JSON with the event. Pure."""

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Codes = Literal["none", "optional", "required"]


class BadGates(ValueError):
    """These gates cannot be; the text says which part is wrong and what is expected."""


class Gates(msgspec.Struct, frozen=True, omit_defaults=True):
    """No gate unless it is named here.

    `codes`: presale codes put their holders ahead; required: nobody joins without one.
    """

    codes: Codes = "none"


NO_GATES = Gates()


def canonical(code: str) -> str:
    """A presale code as it is hashed, however somebody typed it."""
    return re.sub(r"[\s-]", "", code).upper()


def gates_of(text: str | None) -> Gates:
    """The gates that an event's row has. Raises msgspec.DecodeError."""
    return msgspec.json.decode(text, type=Gates) if text else NO_GATES


def text_of(gates: Gates) -> str | None:
    """Gates as an event's row has them."""
    return None if gates == NO_GATES else msgspec.json.encode(gates).decode()


Code = Annotated[str, Meta(min_length=1, max_length=64)]


class JoinRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody brings who joins: whatever the sale asks for. All of it may be missing."""

    code: Code | msgspec.UnsetType = msgspec.UNSET
