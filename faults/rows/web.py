"""The web process, and the lines to it."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from base64 import b64encode
from contextlib import ExitStack, suppress
from functools import partial
from random import Random
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from app.infra import scripts
from crowd.browser import Browser, Gone, visit
from crowd.limits import source_address
from faults.night import ROOT, Night, NightFailed
from faults.proxy import Moment
from faults.rows.common import cut_off, kill
from faults.rows.row import Sale, row

CROWDED = 5_000  # sockets
CROWDED_SECONDS = 400
SILENT = 250
UNREAD_BUYERS = 50
UNREAD_OF_EACH = 5
UPGRADE_SECONDS = 5
UPGRADED = b"HTTP/1.1 101"


async def kill_at_the_script(
    night: Night, sale: Sale, chance: Random, *, when: Literal["before", "after"]
) -> None:
    """The script that decides on an order is about to run, or has run, and who asked for it is dead."""
    reserve = scripts.sha("reserve").encode()
    had = night.pid("web")
    await night.at(night.redis_proxy, Moment(reserve, when, partial(_kill_now, night)))
    await night.until_new("web", had)


async def _kill_now(night: Night) -> None:
    night.kill_now("web")


async def kill_before_the_2xx(night: Night, sale: Sale, chance: Random) -> None:
    """Kafka has acknowledged the provider's message, and the provider never hears of it."""
    callback = b"POST /api/v1/payments/callbacks/"
    had = night.pid("web")
    await night.at(night.web_proxy, Moment(callback, "after", partial(_kill_now, night)))
    await night.until_new("web", had)


async def kill_forked(night: Night, sale: Sale, chance: Random) -> None:
    """One of the processes that share the socket dies, three times."""
    for _ in range(3):
        with suppress(ProcessLookupError):
            os.kill(chance.choice(night.forked()), signal.SIGKILL)
        await asyncio.sleep(chance.uniform(0.5, 2))


async def lose_answers(night: Night, sale: Sale, chance: Random) -> None:
    """Orders are placed, and the answers lost: the buyers ask again with the same key."""
    request = f"POST /api/v1/events/{sale.slug}/orders".encode()
    await night.at(night.web_proxy, Moment(request, "after", times=5))


async def bad_lines(night: Night, sale: Sale, chance: Random) -> None:
    """Slow, throttled, and cut again and again."""
    proxy = night.web_proxy
    for _ in range(6):
        proxy.delay_seconds = chance.uniform(0, 0.3)
        proxy.bytes_per_second = chance.choice((0, 20_000, 100_000))
        await asyncio.sleep(chance.uniform(0.3, 1.2))
        proxy.reset()
    proxy.heal()


async def stop_politely(night: Night, sale: Sale, chance: Random) -> None:
    """SIGTERM with everybody connected."""
    had = night.pid("web")
    if had:
        os.kill(had, signal.SIGTERM)
    await night.until_new("web", had)


async def stop_crowded(night: Night, sale: Sale, chance: Random) -> None:
    """SIGTERM with thousands of sockets; each is told to come back, and finds the place it had."""
    crowded = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "faults.many_sockets", night.web_itself, sale.slug, str(CROWDED)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert crowded.stdout
    try:
        async with asyncio.timeout(CROWDED_SECONDS):
            came = int(await crowded.stdout.readline())
            await stop_politely(night, sale, chance)
            moved = int(await crowded.stdout.readline())
    except (TimeoutError, ValueError) as error:
        raise NightFailed(f"thousands of sockets: {error!r}") from error
    finally:
        with suppress(ProcessLookupError):
            crowded.kill()
        await crowded.wait()
    if came < CROWDED * 0.9 or moved:
        raise NightFailed(f"{came} of {CROWDED} came in, {moved} found another number than they had")


async def stalled_sockets(night: Night, sale: Sale, chance: Random) -> None:
    """Half of 500 connections never say a word; the others are websockets of buyers and read nothing."""
    address = urlsplit(night.web_itself)
    shop = await visit(night.web_itself, sale.slug)
    with ExitStack() as closing:
        for number in range(SILENT):
            with suppress(OSError):  # it may be kept out, which is its own affair
                closing.enter_context(_connected(address, number))
        for number in range(UNREAD_BUYERS):
            buyer = closing.enter_context(contextlib.closing(Browser(shop, source_address(shop.url, number))))
            try:
                await buyer.join()
                for _ in range(UNREAD_OF_EACH):
                    closing.enter_context(
                        await asyncio.to_thread(_unread, address, number, sale.slug, buyer.token)
                    )
            except (Gone, OSError) as error:
                raise NightFailed(f"a websocket that is never read: {error!r}") from error
        await asyncio.sleep(6)


def _connected(address: SplitResult, number: int) -> socket.socket:
    """A connection from one of many addresses, with as little room for what arrives as there can be."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    one.settimeout(UPGRADE_SECONDS)
    try:
        one.bind((f"127.0.0.{number % 200 + 2}", 0))
        one.connect((address.hostname, address.port))
    except OSError:
        one.close()
        raise
    return one


def _unread(address: SplitResult, number: int, slug: str, token: str) -> socket.socket:
    """An open websocket whose owner reads nothing. Raises OSError unless it is open."""
    one = _connected(address, number)
    one.sendall(
        (
            f"GET /ws/events/{slug} HTTP/1.1\r\nHost: {address.netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {b64encode(os.urandom(16)).decode()}\r\nAuthorization: Bearer {token}\r\n\r\n"
        ).encode()
    )
    if (answer := one.recv(len(UPGRADED))) != UPGRADED:
        one.close()
        raise ConnectionError(f"not upgraded: {answer!r}")
    return one


ROWS = (
    row("web-killed", "web: SIGKILL, three times", kill, names=("web",), times=3),
    row("web-process-killed", "web: SIGKILL to one of its processes, three times", kill_forked),
    row(
        "web-killed-before-script",
        "web: SIGKILL before the script that decides on an order",
        kill_at_the_script,
        when="before",
    ),
    row(
        "web-killed-after-script",
        "web: SIGKILL after the script that decided on an order",
        kill_at_the_script,
        when="after",
    ),
    row(
        "web-killed-before-2xx",
        "web: SIGKILL between Kafka's acknowledgement of money and the 2xx",
        kill_before_the_2xx,
    ),
    row("web-restarted", "web: SIGTERM with everybody connected", stop_politely),
    row("web-restarted-crowded", "web: SIGTERM with 5,000 sockets", stop_crowded),
    row("orders-answers-lost", "the answers to five orders are lost", lose_answers),
    row("bad-lines", "lines to the web slow, throttled and cut, six times", bad_lines),
    row("web-cut", "connections to the web reset, then refused for 3 s", cut_off, of="web", seconds=3),
    row("stalled-sockets", "500 connections that are silent or do not read", stalled_sockets),
)
