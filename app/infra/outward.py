"""Requests to addresses that somebody outside chose: never to a machine of our own network.

The host is looked up once, what was found is checked, and exactly that is connected to: a name that changes in
between leads nowhere. Redirects are not followed.
"""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from app.infra.http_client import Answer, HttpClient, HttpFailed

TIMEOUT_SECONDS = 10.0
MOST_URL = 500  # characters

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

_EMBEDDING = (ip_network("64:ff9b::/96"), ip_network("2002::/16"), ip_network("2001::/32"), ip_network("::/96"))


class Forbidden(Exception):
    """The address leads, or may lead, into a private network; or it is none that we send to."""


def check_url(url: str, *, plain: bool) -> None:
    """Raises Forbidden unless it is https, or http where `plain` is allowed, without a name or password in it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Forbidden(f"not an address: {error}") from None
    if len(url) > MOST_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise Forbidden(f"an address has {MOST_URL} printable ASCII characters at most")
    if parts.scheme not in (("https", "http") if plain else ("https",)) or not parts.hostname or port == 0:
        raise Forbidden("the address must begin with https://")
    if parts.username or parts.password or parts.fragment:
        raise Forbidden("the address must have no user, no password and no fragment")


def is_public(address: Address) -> bool:
    """Whether an address is somebody's on the internet: not private, local or reserved, and hiding none such."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return is_public(address.ipv4_mapped)
        if any(address in network for network in _EMBEDDING):
            return False
    return address.is_global and not address.is_multicast


async def resolve(host: str, port: int, allowed: Sequence[Network]) -> str:
    """The address of a host to connect to. Raises Forbidden when one of its is private, HttpFailed for none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise HttpFailed(f"{host} is not found: {error}") from None
    addresses = [ip_address(str(sockaddr[0]).partition("%")[0]) for *_, sockaddr in found]
    for address in addresses:
        if not is_public(address) and not any(
            address.version == network.version and address in network for network in allowed
        ):
            raise Forbidden(f"{host} leads to {address}, which is not public")
    if not addresses:
        raise HttpFailed(f"{host} is not found")
    return str(addresses[0])


async def post(url: str, headers: Mapping[str, str], body: bytes, allowed: Sequence[Network] = ()) -> Answer:
    """Posts to an address; `allowed` are private networks that it may lead to. Raises Forbidden, HttpFailed."""
    check_url(url, plain=bool(allowed))
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            address = await resolve(parts.hostname or "", port, allowed)
    except TimeoutError:
        raise HttpFailed(f"{parts.hostname} is not found in time") from None
    client = HttpClient(
        f"{parts.scheme}://{parts.netloc}", most_connections=1, timeout_seconds=TIMEOUT_SECONDS, connect_to=address
    )
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return await client.request("POST", path, headers, body)
    finally:
        client.close()
