"""What one machine has to give to many buyers: open files, and source addresses."""

import resource
from ipaddress import ip_address
from urllib.parse import urlsplit

# About 28,000 connections fit on one address; a buyer has up to three, and closed ones linger for a minute.
SOURCE_ADDRESSES = 200


def allow_open_files() -> None:
    """Lets this process open as many files as it may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def source_address(url: str, number: int) -> str | None:
    """Where buyer `number` comes from: one of many addresses if the server is on this machine's loopback."""
    try:
        server = ip_address(urlsplit(url).hostname or "")
    except ValueError:
        return None
    return f"127.0.0.{number % SOURCE_ADDRESSES + 2}" if server.version == 4 and server.is_loopback else None
