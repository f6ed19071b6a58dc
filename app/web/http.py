"""What requests and answers have in common: JSON, limits on bodies, what a query may say."""

import re
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.orders.facts import UNREADABLE
from app.web.problems import Problem, invalid

JSON_LINES = "application/jsonl"
MAX_BODY = 65_536
MAX_KEY = 255
MAX_FIELDS = 20
MAX_TIME_MS = 253_402_300_800_000  # the year 10000, which MySQL does not know either

T = TypeVar("T")


class Json(Response):
    """A JSON answer, encoded by msgspec."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The bytes; those that are there already stay as they are."""
        return content if isinstance(content, bytes) else msgspec.json.encode(content)


async def read_form(request: Request, form: type[T]) -> T:
    """The fields of a page's form that are filled in, as `form`. Raises Problem `too_large` or `invalid`."""
    try:
        fields = parse_qsl((await read_body(request)).decode(), max_num_fields=MAX_FIELDS)
        return msgspec.convert(dict(fields), form)
    except (ValueError, msgspec.ValidationError) as error:  # a UnicodeDecodeError is a ValueError
        raise invalid(str(error)) from None


async def read_body(request: Request, most: int = MAX_BODY) -> bytes:
    """The body, up to `most` bytes. Raises Problem `too_large`."""
    refusal = Problem("too_large", f"At most {most:,} bytes are taken here.")
    if int(request.headers.get("content-length") or 0) > most:
        raise refusal
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise refusal
    return bytes(body)


async def read_json(request: Request, form: type[T], *, may_be_empty: bool = False) -> T:
    """The body as `form`; one that `may_be_empty` and is says nothing but what is usual.

    Raises Problem `unsupported_media_type`, `too_large` or `invalid`. A body that does not say what it is is taken
    for JSON: scripts leave the header out, and a browser's form cannot.
    """
    body = await read_body(request)
    if may_be_empty and not body:
        return msgspec.convert({}, form)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in ("", "application/json"):
        raise Problem("unsupported_media_type")
    try:
        return msgspec.json.decode(body, type=form)
    except UNREADABLE as error:
        raise invalid(str(error)) from None


def read_limit(request: Request, default: int, most: int) -> int:
    """How many entries of a list are asked for (`?limit=`). Raises Problem `invalid`."""
    text = request.query_params.get("limit", str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= most):
        raise invalid(f"limit: a whole number from 1 to {most}")
    return int(text)


def read_cursor(request: Request, form: re.Pattern[str]) -> str:
    """The id after which a list goes on (`?cursor=`); empty without one. Raises Problem `invalid`."""
    cursor = request.query_params.get("cursor", "")
    if cursor and not form.fullmatch(cursor):
        raise invalid("cursor: one from the `next` of an answer")
    return cursor


def read_time(request: Request, name: str) -> int | None:
    """A time of the query in ISO 8601, UTC unless it says otherwise, as UTC ms; None without one.

    Raises Problem `invalid`.
    """
    text = request.query_params.get(name)
    if not text:  # a form that leaves it open says so, too
        return None
    try:
        at = datetime.fromisoformat(text.replace(" ", "+"))  # what an unquoted + in an address becomes
        at_ms = round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        at_ms = -1
    if not 0 <= at_ms < MAX_TIME_MS:
        raise invalid(f"{name}: a time like 2026-11-25T19:30:00Z")
    return at_ms


def idempotency_key(request: Request) -> str:
    """The Idempotency-Key. Raises Problem `invalid`."""
    return checked_key("Idempotency-Key", request.headers.get("idempotency-key", ""))


def checked_key(name: str, key: str) -> str:
    """A key that a header or a form's field of this name has. Raises Problem `invalid`."""
    if not (1 <= len(key) <= MAX_KEY and key.isascii() and key.isprintable()):
        raise invalid(f"{name}: 1 to {MAX_KEY} printable ASCII characters are needed")
    return key


def optional_idempotency_key(request: Request) -> str:
    """The Idempotency-Key; "" without one. Raises Problem `invalid`."""
    return idempotency_key(request) if "idempotency-key" in request.headers else ""
