"""Cookies: their names, and how they are set. Never for scripts, for the whole site, and for no other host.

Under https a name begins with `__Host-`: browsers then take the cookie only from this very host, over TLS, so that
neither a sister domain nor somebody on the wire can plant one.
"""

import re
from typing import Literal

from starlette.requests import HTTPConnection
from starlette.responses import Response

from app.web.services import services_of

HOST_PREFIX = "__Host-"
_PLAIN = re.compile(r"[A-Za-z0-9._~-]*")  # what tokens are written in


def read_cookie(connection: HTTPConnection, name: str) -> str:
    """The cookie's value; "" without it."""
    return connection.cookies.get(_full_name(connection, name), "")


def set_cookie(
    connection: HTTPConnection,
    response: Response,
    name: str,
    value: str,
    max_age_seconds: int,
    samesite: Literal["lax", "strict"],
) -> None:
    """Has the browser keep the cookie for this long."""
    secure = _secure(connection)
    full_name = HOST_PREFIX + name if secure else name
    if not _PLAIN.fullmatch(value):
        raise ValueError(f"not a value of a cookie: {value!r}")
    response.raw_headers.append(
        (
            b"set-cookie",
            (
                f"{full_name}={value}; HttpOnly; Max-Age={max_age_seconds}; Path=/; SameSite={samesite}"
                f"{'; Secure' if secure else ''}"
            ).encode(),
        )
    )


def delete_cookie(connection: HTTPConnection, response: Response, name: str) -> None:
    """Has the browser forget the cookie."""
    response.delete_cookie(
        _full_name(connection, name), httponly=True, samesite="strict", secure=_secure(connection)
    )


def _full_name(connection: HTTPConnection, name: str) -> str:
    return HOST_PREFIX + name if _secure(connection) else name


def _secure(connection: HTTPConnection) -> bool:
    return services_of(connection).settings.secure
