"""What somebody reads who comes while there is too much to do: written once, sent as it is, and cheap.

A script's request gets the problem `busy`, a browser a page that asks again automatically. When is up to chance,
or all who were sent away in one second would be back in one.
"""

import random
from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus

from app.web.problems import MACHINE_PATHS, Problem
from app.web.rendering import address_of_file

LEAST_SECONDS, MOST_SECONDS = 5, 20
PATHS_OF_MACHINES = tuple(path.encode() for path in MACHINE_PATHS)

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{seconds}">
<title>One moment</title>
<link rel="stylesheet" href="{style}">
<main class="narrow">
<h1>One moment, please</h1>
<p>So many people are arriving that the door opens in turns. This page tries again automatically in {seconds}
seconds: there is nothing to press, and whoever has a place keeps it.</p>
</main>
"""


def answer_to(url: bytes) -> bytes:
    """The last bytes of a connection on which this address was asked for."""
    seconds = random.randint(LEAST_SECONDS, MOST_SECONDS)  # noqa: S311  # spreads, hides nothing
    return _problem(seconds) if url.startswith(PATHS_OF_MACHINES) else _page(seconds)


def raw_answer(code: str) -> bytes:
    """A problem as the last bytes of a connection."""
    response = Problem(code).response()
    return _raw(response.status_code, response.raw_headers, bytes(response.body))


@lru_cache
def _problem(seconds: int) -> bytes:
    response = Problem("busy", "So many people are arriving that the door opens in turns.").response()
    response.headers["retry-after"] = str(seconds)
    return _raw(response.status_code, response.raw_headers, bytes(response.body))


@lru_cache
def _page(seconds: int) -> bytes:
    body = PAGE.format(seconds=seconds, style=address_of_file("css/base.css")).encode()
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"retry-after", b"%d" % seconds),
        (b"content-security-policy", b"default-src 'none'; style-src 'self'"),
    ]
    return _raw(HTTPStatus.SERVICE_UNAVAILABLE, headers, body)


def _raw(code: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> bytes:
    status = HTTPStatus(code)
    lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
    lines += [name + b": " + value for name, value in headers]
    lines += [b"cache-control: no-store", b"x-content-type-options: nosniff", b"connection: close", b"", b""]
    return b"\r\n".join(lines) + body
