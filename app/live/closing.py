"""Why a websocket is closed: every close code, what it means, and whether to come back."""

from typing import Final

from msgspec import Struct


class Close(Struct, frozen=True):
    """A close code and the words that go with it. `reconnect` is what a client does then."""

    code: int
    reason: str
    meaning: str
    reconnect: bool


TOO_MUCH_SAID: Final = Close(
    1008, "too much said", "More was sent than a reader needs to say. Read, and send nothing.", False
)
TOO_LARGE: Final = Close(1009, "too large", "One message was larger than 4,096 bytes. Send nothing.", False)
RESTARTING: Final = Close(
    1012, "try again", "The process restarts, or cannot serve just now. Reconnect after a random pause.", True
)
FULL: Final = Close(
    1013, "full", "As many sockets are open as this process can serve. Poll, and reconnect after a pause.", True
)
NOT_JOINED: Final = Close(
    4001, "not joined", "There is no such sale, or this buyer has no place in it: join first.", False
)
REFUSED: Final = Close(
    4003, "refused", "The token is missing or not good, or a page of another site opened the socket.", False
)
TOO_SLOW: Final = Close(
    4008, "too slow", "What was sent was not read for 20 seconds. Reconnect when able to.", True
)
TOO_MANY: Final = Close(
    4009, "opened elsewhere", "The buyer opened more sockets than one may have; this was the oldest.", False
)

CLOSES: Final = (TOO_MUCH_SAID, TOO_LARGE, RESTARTING, FULL, NOT_JOINED, REFUSED, TOO_SLOW, TOO_MANY)
