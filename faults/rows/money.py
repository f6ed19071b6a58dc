"""The payment provider and what it says."""

import asyncio
from dataclasses import replace
from random import Random
from urllib.parse import urlsplit

from crowd.habits import Habits
from faults import crowd
from faults.night import Night
from faults.rows.common import kill, nothing
from faults.rows.row import Sale, row

CALLBACK = b"POST /api/v1/payments/callbacks/"


async def repeat_callbacks(night: Night, sale: Sale, chance: Random) -> None:
    """What the provider says is said again, several times over and in any order."""
    heard: list[bytes] = []

    def overhear(request: bytes) -> None:
        if request.startswith(CALLBACK) and _is_whole(request):
            heard.append(request)

    night.web_proxy.overhears = overhear
    for _ in range(5):
        await asyncio.sleep(1.5)
        again = chance.sample(heard, len(heard)) + chance.sample(heard, len(heard) // 2)
        await asyncio.gather(*(_say(night.web_itself, request) for request in again))
    night.web_proxy.overhears = None


def _is_whole(request: bytes) -> bool:
    head, _, body = request.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(lengths) and len(body) == int(lengths[0].partition(b":")[2])


async def _say(web: str, request: bytes) -> None:
    address = urlsplit(web)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(request)
        await asyncio.wait_for(reader.read(1), 10)
    finally:
        writer.transport.abort()


def at_the_last_moment(chance: Random) -> Habits:
    """Pays when the hold ends: a little before, or a little after."""
    usual = crowd.habits(chance)
    pays_after = max(crowd.HOLD_SECONDS + chance.gauss(-0.3, 0.4), 0)
    return replace(usual, pays_after_seconds=pays_after, presses=chance.choice((("succeed",), ("late",))))


ROWS = (
    row("provider-killed", "the payment provider: SIGKILL, twice", kill, names=("sandbox",), times=2),
    row("callbacks-repeated", "callbacks repeated, and in any order", repeat_callbacks),
    row(
        "success-against-lapse",
        "everybody pays in the second in which the hold ends",
        nothing,
        habits=at_the_last_moment,
    ),
)
