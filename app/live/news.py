"""Every message that travels between processes about an event. Lua publishes them, web processes read them.

The scripts encode with cjson and name the message in `kind`. What is not known here yet (a newer process published
it) is skipped, and a field that is not known is passed over.
"""

from typing import Final

import msgspec


class OrderNews(msgspec.Struct, frozen=True):
    """How one order stands now. `total` in minor units."""

    order_id: str
    buyer: str
    status: str
    version: int
    total: int
    expires_at_ms: int


class Orders(msgspec.Struct, frozen=True, tag_field="kind", tag="orders"):
    """Orders changed (settle.lua)."""

    orders: list[OrderNews]


class Admitted(msgspec.Struct, frozen=True, tag_field="kind", tag="admitted"):
    """Buyers came in; their queue numbers, in the same order, and when their passes end (admit.lua)."""

    buyers: list[str]
    numbers: list[int]
    expires_at_ms: int

    def __post_init__(self) -> None:
        """Refuses news with numbers that are not one a buyer."""
        if len(self.buyers) != len(self.numbers):
            raise ValueError("not one number a buyer")


class Lapsed(msgspec.Struct, frozen=True, tag_field="kind", tag="lapsed"):
    """The passes of these buyers ended (admit.lua)."""

    buyers: list[str]


class Left(msgspec.Struct, frozen=True, tag_field="kind", tag="left"):
    """These buyers gave their place up (leave.lua)."""

    buyers: list[str]


class Sale(msgspec.Struct, frozen=True, tag_field="kind", tag="sale"):
    """The state of the sale changed: look again (set_state.lua, draw_end.lua)."""


class Rebuilt(msgspec.Struct, frozen=True, tag_field="kind", tag="rebuilt"):
    """Redis lost the sale and has it again from the books: whoever waits comes back (rebuild_end.lua)."""


News = Orders | Admitted | Lapsed | Left | Sale | Rebuilt
_DECODER: Final[msgspec.json.Decoder[News]] = msgspec.json.Decoder(News)


class BadNews(Exception):
    """The message is none of ours, or of a kind that this process does not know."""


def decode(message: str | bytes) -> News:
    """A message from a live channel. Raises BadNews."""
    try:
        return _DECODER.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadNews(str(error)) from error
