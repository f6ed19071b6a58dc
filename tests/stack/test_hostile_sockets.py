"""Sockets of somebody who means harm, and events that are broken: everybody else is told in time all the same."""

import os
import socket as sockets
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis import Redis
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State
from websockets.sync.client import ClientConnection

from app.infra.keys import key, live_channel
from app.live.hub import MOST_OF_A_BUYER
from tests.stack.test_sockets import close_code
from tests.world.buyers import OpenSale, api, frames_until, join, make_event, next_frame, order
from tests.world.stack import Stack
from tests.world.waiting import until

MASK = b"\x00\x00\x00\x00"  # a mask that changes nothing
PING = b"\x89\xfd" + MASK + b"x" * 125
ONE_BYTE = b"\x82\x81" + MASK + b"x"
TOLD_WITHIN_SECONDS = 3.0


@pytest.fixture
def world(stack: Stack) -> Iterator[OpenSale]:
    with ExitStack() as closing:
        yield OpenSale(stack, make_event(stack.env, "Floor:4500:50"), closing)


@pytest.fixture
def redis(env: dict[str, str]) -> Iterator[Redis]:
    with Redis.from_url(env["REDIS_URL"], decode_responses=True) as redis:
        yield redis


def raw_socket(world: OpenSale, token: str) -> sockets.socket:
    """An open websocket whose owner reads nothing."""
    address = urlsplit(world.stack.web)
    raw = sockets.create_connection((str(address.hostname), address.port or 80), timeout=5)
    key_ = b64encode(os.urandom(16)).decode()
    raw.sendall(
        f"GET /ws/events/{world.sale.slug} HTTP/1.1\r\nHost: {address.netloc}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key_}\r\n"
        f"Authorization: Bearer {token}\r\n\r\n".encode()
    )
    assert raw.recv(12) == b"HTTP/1.1 101"
    return raw


def pour(raw: sockets.socket, data: bytes, seconds: float) -> int:
    """Sends for as long as it is taken; how many bytes were."""
    sent, deadline = 0, time.monotonic() + seconds
    with suppress(OSError):
        while time.monotonic() < deadline:
            sent += raw.send(data)
    return sent


def stock_is_told(world: OpenSale, honest: ClientConnection, buy: Callable[[], object]) -> float:
    """Seconds from an order to the frame that tells everybody what is left."""
    began = time.monotonic()
    buy()
    frames_until(honest, lambda frame: frame["type"] == "stock")
    return time.monotonic() - began


def test_sockets_that_ping_and_never_read_hold_up_nobody(world: OpenSale) -> None:
    buyer = world.buyer()
    client, token = buyer.client, buyer.token
    hostile = world.buyer().token
    honest = world.socket(token)
    frames_until(honest, lambda frame: frame["type"] == "stock")
    attackers = [raw_socket(world, hostile) for _ in range(45)]
    pouring = [threading.Thread(target=pour, args=(raw, PING * 500, 6.0)) for raw in attackers]
    for thread in pouring:
        thread.start()
    try:
        for _ in range(3):
            assert stock_is_told(world, honest, lambda: order(client, world.sale)) < TOLD_WITHIN_SECONDS
    finally:
        for thread in pouring:
            thread.join()
        for raw in attackers:
            raw.close()


@pytest.mark.parametrize("data", [PING * 500, ONE_BYTE * 5_000], ids=["pings", "one-byte frames"])
def test_who_talks_without_end_is_cut_off_soon(world: OpenSale, data: bytes) -> None:
    token = world.buyer().token
    raw = raw_socket(world, token)
    before = resident_kib(world.stack)
    sent = pour(raw, data, 5.0)
    raw.close()
    assert sent < 8_000_000, "what the two kernels buffer, no more"
    assert resident_kib(world.stack) - before < 8_000


def test_who_talks_too_much_and_reads_is_told_why(world: OpenSale) -> None:
    token = world.buyer().token
    socket = world.socket(token)
    with suppress(ConnectionClosed):
        for _ in range(500):
            socket.send("x")
    assert close_code(socket) == 1008


def test_older_ones_of_too_many_sockets_are_closed(world: OpenSale) -> None:
    """Whichever processes they are on: each makes room among its own."""
    token = world.buyer().token
    opened = [world.socket(token) for _ in range(3 * MOST_OF_A_BUYER)]

    def still_open() -> list[ClientConnection]:
        for socket in opened:
            with suppress(TimeoutError, ConnectionClosed):
                while True:
                    socket.recv(timeout=0)
        return [socket for socket in opened if socket.state is State.OPEN]

    until(lambda: len(still_open()) <= MOST_OF_A_BUYER)
    assert len(still_open()) == MOST_OF_A_BUYER
    assert opened[0].state is not State.OPEN
    assert {close_code(socket) for socket in opened if socket.state is not State.OPEN} == {4009}


def is_open(raw: sockets.socket) -> bool:
    """Whether the other end still holds the connection; reads whatever has come."""
    raw.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            try:
                if not raw.recv(65_536):
                    return False
            except ConnectionError:
                return False
    return True


@pytest.mark.slow
def test_a_thousand_sockets_of_one_buyer_who_never_reads_become_a_few_and_hold_up_nobody(world: OpenSale) -> None:
    client, token = (buyer := world.buyer()).client, buyer.token
    hostile = world.buyer().token
    honest = world.socket(token)
    frames_until(honest, lambda frame: frame["type"] == "stock")
    before_kib = resident_kib(world.stack)
    with ExitStack() as closing:
        attackers = [closing.enter_context(raw_socket(world, hostile)) for _ in range(1_000)]
        assert stock_is_told(world, honest, lambda: order(client, world.sale)) < TOLD_WITHIN_SECONDS
        until(lambda: sum(map(is_open, attackers)) <= MOST_OF_A_BUYER, 60)
        assert is_open(attackers[-1])
        assert resident_kib(world.stack) - before_kib < 20_000


def test_an_event_without_its_data_stops_no_other(stack: Stack, redis: Redis) -> None:
    """Neither its frames nor the news of who is there."""
    broken, sound = make_event(stack.env, opens_in=3_600), make_event(stack.env, "Floor:4500:50", room=1)
    with ExitStack() as closing:
        other, world = OpenSale(stack, broken, closing), OpenSale(stack, sound, closing)
        next_frame(other.socket(join(closing.enter_context(api(stack)), broken)))
        buyer = world.buyer()
        client, token = buyer.client, buyer.token
        honest = world.socket(token)
        frames_until(honest, lambda frame: frame["type"] == "stock")
        next_frame(
            world.socket(join(closing.enter_context(api(stack)), sound))
        )  # who waits is reported as present
        redis.set(key(broken.id, "stock"), "not a hash")
        redis.set(key(broken.id, "sale"), "not a hash")
        try:
            time.sleep(1.1)  # a full tick has met it
            assert stock_is_told(world, honest, lambda: order(client, sound)) < TOLD_WITHIN_SECONDS
            seen = f"{key(sound.id, 'seen:')}*"
            for bucket in redis.scan_iter(seen):
                redis.delete(bucket)
            until(lambda: list(redis.scan_iter(seen)))
        finally:
            redis.delete(key(broken.id, "stock"), key(broken.id, "sale"))


def test_news_that_cannot_be_read_are_logged_once_and_end_nothing(world: OpenSale, redis: Redis) -> None:
    buyer = world.buyer()
    client, token = buyer.client, buyer.token
    socket = world.socket(token)
    frames_until(socket, lambda frame: frame["type"] == "stock")
    serving = world.stack.web_processes
    mark = f"rain-{world.sale.slug}"
    for message in (
        "hello",
        "{}",
        "\xff",
        '{"kind":"left","buyers":7}',
        f'{{"kind":"{mark}"}}',
        f'{{"kind":"{mark}"}}',
    ):
        redis.publish(live_channel(world.sale.id), message)
    redis.publish("tc:{nothing}:live", '{"kind":"sale"}')
    order(client, world.sale)
    frames_until(socket, lambda frame: frame["type"] == "order" and frame["status"] == "PENDING")
    assert world.stack.web_processes == serving, "none was started again"
    told = sum(log.read_text().count(mark) for log in logs_of_web(world.stack))
    assert 1 <= told <= len(serving), "once by each process that serves the sale"


def resident_kib(stack: Stack) -> int:
    """Memory of the web processes, KiB."""
    statuses = [Path(f"/proc/{pid}/status").read_text() for pid in stack.web_processes]
    return sum(int(status.split("VmRSS:")[1].split()[0]) for status in statuses)


def logs_of_web(stack: Stack) -> list[Path]:
    """The log of the web process."""
    return list(stack.folder.rglob("web.log"))
