"""Whom an organiser keeps out of a sale: buyers by their id, and the addresses that they come from. Pure."""

import re
from collections.abc import Mapping
from ipaddress import AddressValueError, IPv4Address, IPv6Address, IPv6Network, NetmaskValueError
from typing import Final

import msgspec

MOST_BLOCKED: Final = 500  # in one event
MAX_WHY_CHARACTERS: Final = 140
SITE_BITS: Final = 64  # of an IPv6 address, a whole site's
BUYER: Final = re.compile(r"[0-9a-f]{32}")


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
    if BUYER.fullmatch(who):
        return who
    try:
        return str(IPv4Address(who))
    except AddressValueError:
        pass
    try:
        if "/" not in who:
            address = IPv6Address(who)
            return str(address.ipv4_mapped or IPv6Network((address, SITE_BITS), strict=False))
        network = IPv6Network(who)
        if network.prefixlen == SITE_BITS:
            return str(network)
    except (AddressValueError, NetmaskValueError, ValueError):
        pass
    raise BadBlock("who: a buyer's id of 32 hexadecimal digits, an IPv4 address, or an IPv6 one or its /64")


def blocked_of(text: str | None) -> Blocked:
    """Who is kept out, by an event's row."""
    return msgspec.json.decode(text, type=dict[str, Block]) if text else NOBODY


def text_of(blocked: Blocked) -> str | None:
    """As an event's row has it."""
    return msgspec.json.encode(blocked).decode() if blocked else None
