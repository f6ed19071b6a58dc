"""Where a request comes from, when proxies stand in between."""

from collections.abc import Sequence
from ipaddress import ip_address

from starlette.requests import HTTPConnection

from app.settings import Network


def client_address(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """Whoever is behind the trusted proxies: the rightmost address of X-Forwarded-For that is not one of them.

    `peer` is the other end of the connection, `forwarded` the header's values in order. Only what a trusted proxy
    wrote counts: anything further left may have been made up.
    """
    hops = [hop.strip() for value in forwarded for hop in value.split(",")]
    address = peer
    while hops and is_trusted(address, trusted):
        hop = hops.pop()
        try:
            address = str(ip_address(hop))
        except ValueError:  # a proxy that hides its clients: they share its limits
            break
    return address


def address_of(connection: HTTPConnection, trusted: Sequence[Network]) -> str:
    """Where a request or a websocket comes from; "" where the connection is gone."""
    if connection.client is None:
        return ""
    return client_address(connection.client.host, connection.headers.getlist("x-forwarded-for"), trusted)


def is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    """Whether this is one of our own proxies."""
    if not trusted:
        return False
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in trusted)
