"""One open page: what it was told, and what waits until its reader is ready."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.live.closing import Close
from app.live.frames import encode
from app.live.shapes import OrderFrame, PlaceFrame, place_facts
from app.sale.waiting_room import Place


class Line(Protocol):
    """Where frames go: one websocket's connection."""

    def write_frames(self, texts: Sequence[str]) -> bool:
        """Writes frames at once; False, and nothing written, while the reader is behind."""

    def cut(self, close: Close) -> None:
        """Closes without waiting for the reader."""


@dataclass(eq=False)
class Socket:
    """One open page. What its reader is not ready for waits in `mailbox`, the newest of each kind only."""

    line: Line
    event_id: int
    buyer_id: str
    place: Place
    mailbox: dict[str, str] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)  # of the orders told
    behind_since: float = 0.0  # since when the reader was not ready
    told_at: float = 0.0
    is_cut: bool = False  # to make room for a newer one

    def post(self, kind: str, frame: str) -> None:
        """Sends a frame, or leaves it in the mailbox in place of an older one of its kind."""
        self.mailbox[kind] = frame
        self.flush()

    def flush(self) -> None:
        """Sends what is in the mailbox, if the reader is ready."""
        if self.mailbox:
            if self.line.write_frames(list(self.mailbox.values())):
                self.mailbox.clear()
                self.behind_since = 0.0
            else:
                self.behind_since = self.behind_since or time.monotonic()

    def tell_place(self, place: Place) -> None:
        """Leaves the frame that says where the buyer stands."""
        self.place = place
        self.told_at = time.monotonic()
        self.post("place", encode(place_facts(PlaceFrame, place)))

    def tell_order(self, frame: OrderFrame) -> None:
        """Leaves the frame that says how an order stands, unless a newer one was left before."""
        if frame.version >= self.versions.get(frame.order_id, 0):
            self.versions[frame.order_id] = frame.version
            self.post(frame.order_id, encode(frame))
