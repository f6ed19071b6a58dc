"""What counts as one address. Pure."""

from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address

SITE_BITS = 64  # the smallest IPv6 network that a subscriber gets


@lru_cache(maxsize=4_096)  # the standard library reads an address in 5 µs, and a browser opens several connections
def address_prefix(address: str) -> str:
    """What limits count by: an IPv4 address, or the /64 of an IPv6 one; text that is neither stays as it is."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(IPv6Network((parsed, SITE_BITS), strict=False))
    return address
