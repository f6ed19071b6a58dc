"""What each call promises: beside its handler, in the words and types that `/openapi.json` is made of.

A test holds the table of routes and these promises equal, and another asks the running system whether it keeps
them.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import msgspec

from app.web.problems import KINDS

# Whatever is asked: by the connection itself, by the server, or by a part of it that is unavailable.
ANYWHERE = (
    "malformed",
    "too_slow",
    "url_too_long",
    "head_too_large",
    "internal",
    "not_ready",
    "unavailable",
    "busy",
)


class Parameter(msgspec.Struct, frozen=True):
    """Something a call may say in its query or in a header; `schema` is JSON Schema."""

    name: str
    where: Literal["query", "header"]
    description: str
    schema: dict[str, Any]
    required: bool = False


def limit(default: int, most: int) -> Parameter:
    """How many entries of a list are asked for."""
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    return Parameter("limit", "query", "How many entries at most.", schema)


TIME = {"type": "string", "format": "date-time"}
CURSOR = Parameter(
    "cursor", "query", "Where to go on: `next` of the answer before.", {"type": "string", "minLength": 1}
)
IF_NONE_MATCH = Parameter("If-None-Match", "header", "The `ETag` of an answer that is here.", {"type": "string"})
LINK_KEY = Parameter("key", "query", "The key of a link to the order.", {"type": "string"})
_KEY_SCHEMA = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"}
KEY = Parameter(
    "Idempotency-Key",
    "header",
    "The same key with the same order gets the same answer, however often it is sent.",
    _KEY_SCHEMA,
    required=True,
)
REFUND_KEY = Parameter(
    "Idempotency-Key",
    "header",
    "The same key with the same refund gets the same answer, and its money back once.",
    _KEY_SCHEMA,
)
RECEIPT = Parameter(
    "Order-Receipt",
    "header",
    "The `receipt` of the answer to this order, which brings it back if it was lost.",
    {"type": "string", "minLength": 1, "maxLength": 3_072},
)
OPTIONAL_KEY = Parameter(
    "Idempotency-Key",
    "header",
    "For a client without a token: the same key (of 8 characters or more), from the same address, finds the same"
    " place for ten minutes. With a token the call can be repeated without it.",
    _KEY_SCHEMA,
)


REPEAT_KEY = Parameter(
    "Idempotency-Key",
    "header",
    "Sent again with the same key, the call gets the same answer.",
    _KEY_SCHEMA,
)


class Text(msgspec.Struct, frozen=True):
    """An answer, or a body, of one of some media types other than JSON."""

    media_types: tuple[str, ...]


PICTURE = Text(("image/*",))


class JsonLines(msgspec.Struct, frozen=True):
    """An answer of many lines, each of which is JSON of this type."""

    of: Any


class Promise(msgspec.Struct, frozen=True):
    """What a call does and may answer. `answers` has the type of each good answer, None where it has no body."""

    summary: str
    answers: dict[int, Any]
    problems: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    body: Any = None
    says_where: bool = False  # a Location header
    body_is_optional: bool = False

    def __post_init__(self) -> None:
        """A code that is in no table promises nothing."""
        for code in self.problems:
            KINDS[code]


PROMISES: dict[Any, Promise] = {}  # by handler

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def promise(
    summary: str,
    answers: dict[int, Any],
    *problems: str,
    parameters: tuple[Parameter, ...] = (),
    body: Any = None,
    says_where: bool = False,
    body_is_optional: bool = False,
) -> Callable[[Decorated], Decorated]:
    """A decorator that notes what a handler promises."""

    def note(handler: Decorated) -> Decorated:
        PROMISES[handler] = Promise(summary, answers, problems, parameters, body, says_where, body_is_optional)
        return handler

    return note
