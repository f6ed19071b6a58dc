"""One open page: the newest of each kind waits, versions never go back, and nobody is waited for."""

import json
import time
from collections.abc import Sequence

import pytest

from app.live import hub
from app.live.closing import TOO_SLOW, Close
from app.live.frames import Allowance
from app.live.shapes import order_frame
from app.live.socket import Socket
from app.sale.waiting_room import Place


class Line:
    """A reader that is ready or not."""

    def __init__(self) -> None:
        self.ready = False
        self.told: list[str] = []
        self.closed: Close | None = None

    def write_frames(self, texts: Sequence[str]) -> bool:
        if self.ready:
            self.told += texts
        return self.ready

    def cut(self, close: Close) -> None:
        self.closed = close


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def socket(line: Line) -> Socket:
    return Socket(line, 7, "b", Place("admitted", 1, 0, 0, 1, 600))


def test_an_older_frame_of_an_order_is_never_told_after_a_newer_one(line: Line, socket: Socket) -> None:
    """News may overtake the answer that a new socket waits for."""
    for version, status in ((1, "PENDING"), (0, "HELD"), (3, "CONFIRMED"), (2, "PENDING")):
        socket.tell_order(order_frame("an order", status, version, 4_500, 0))
    socket.tell_order(order_frame("another order", "HELD", 0, 4_500, 0))
    line.ready = True
    socket.flush()
    assert [json.loads(text)["status"] for text in line.told] == ["CONFIRMED", "HELD"]


def test_who_does_not_read_for_long_is_cut_off_and_not_waited_for(line: Line, socket: Socket) -> None:
    socket.post("stock", "{}")
    assert not hub._is_stuck(socket)
    socket.behind_since = time.monotonic() - hub.SLOW_SECONDS - 1
    assert hub._is_stuck(socket)
    assert line.closed is TOO_SLOW


def test_who_reads_again_in_time_is_not_behind(line: Line, socket: Socket) -> None:
    socket.post("stock", "{}")
    socket.behind_since = time.monotonic() - hub.SLOW_SECONDS - 1
    line.ready = True
    assert not hub._is_stuck(socket)
    assert (socket.behind_since, line.told) == (0, ["{}"])


def test_an_allowance_is_used_up_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    allowance = Allowance(burst=10, per_second=2)
    assert [allowance.take(5), allowance.take(5), allowance.take(1)] == [True, True, False]
    now += 3
    assert [allowance.take(5), allowance.take(1)] == [True, False]
    now += 1_000
    assert [allowance.take(10), allowance.take(1)] == [True, False], "no more than the burst is saved up"
