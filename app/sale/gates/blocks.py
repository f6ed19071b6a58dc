"""Whom an organiser keeps out of a sale: buyers by their id, and the addresses that they come from. Pure."""

from collections.abc import Mapping
from contextlib import suppress
from ipaddress import IPv6Network, ip_address
from typing import Final

import msgspec

from app.ids import BUYER_ID
from app.sale.gates.addresses import SITE_BITS, address_prefix

MOST_BLOCKED: Final = 500  # in one event
MAX_WHY_CHARACTERS: Final = 140


class Block(msgspec.Struct, frozen=True):
    """Why somebody is kept out, who said so, and when (UTC ms)."""

    why: str
    by: str
    at_ms: int


class BadBlock(ValueError):
    """Nobody can be kept out like this; the text says why."""


Blocked = Mapping[str, Block]  # by a buyer's id, an IPv4 address, or the /64 of an IPv6 one
NOBODY: Final[Blocked] = {}


def canonical(text: str) -> str:
    """The form in which a buyer or an address is kept. Raises BadBlock."""
    who = text.strip().lower()
    if BUYER_ID.fullmatch(who):
        return who
    with suppress(ValueError):
        if "/" not in who:
            return address_prefix(str(ip_address(who)))
        network = IPv6Network(who)
        if network.prefixlen == SITE_BITS:
            return str(network)
    raise BadBlock("who: a buyer's id of 32 hexadecimal digits, an IPv4 address, or an IPv6 one or its /64")


def blocked_of(text: str | None) -> Blocked:
    """Who is kept out, by an event's row."""
    return msgspec.json.decode(text, type=dict[str, Block]) if text else NOBODY


def text_of(blocked: Blocked) -> str | None:
    """As an event's row has it."""
    return msgspec.json.encode(blocked).decode() if blocked else None
