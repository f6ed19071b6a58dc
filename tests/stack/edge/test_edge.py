"""The server's edge: nobody who is slow, silent, greedy or one of too many keeps others out."""

import asyncio
import os
import sys
import time
from collections.abc import Iterator

import pytest

from tests.stack.edge.clients import HELLO, Client, EdgeServer, edge_server
from tests.world.waiting import until

QUICK = {
    "head_seconds": 1,
    "body_seconds": 1,
    "idle_seconds": 1,
    "handshake_seconds": 1,
    "stalled_seconds": 1,
    "closing_seconds": 1,
}
# What the tests are run against; "uvicorn" shows that each of them can fail.
PLAIN = os.environ.get("EDGE") == "uvicorn"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
UPGRADE = (
    b" HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.fixture(scope="module")
def quick() -> Iterator[EdgeServer]:
    """A server that waits for one second."""
    with edge_server("uvicorn" if PLAIN else QUICK) as server:
        yield server


@pytest.fixture(scope="module")
def patient() -> Iterator[EdgeServer]:
    """A server with the limits of every day."""
    with edge_server("uvicorn" if PLAIN else {}) as server:
        yield server


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"", b""),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX-Half: ", b"HTTP/1.1 408 "),
        (POST + b"Content-Length: 10\r\n\r\nhalf", b"HTTP/1.1 408 "),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", b"HTTP/1.1 408 "),
        (b"GET /deaf" + UPGRADE, b""),
        (b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 "),
    ],
    ids=["nothing", "half a head", "half a body", "an endless body", "an upgrade nobody answers", "never reading"],
)
def test_a_connection_that_keeps_us_waiting_is_closed(quick: EdgeServer, said: bytes, answer: bytes) -> None:
    client = quick.client().say(said)
    if said.startswith(b"GET /large"):
        time.sleep(3)  # the client does not read: that is the point
    heard = client.hear_all()
    assert heard.startswith(answer)
    assert len(heard) < 10_000_000
    assert bool(heard) == bool(answer)


@pytest.mark.parametrize(
    "said", [b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ", POST + b"Content-Length: 1000\r\n\r\n"]
)
def test_a_byte_now_and_then_does_not_keep_a_request_alive(quick: EdgeServer, said: bytes) -> None:
    client = quick.client().say(said)
    began = time.monotonic()
    while client.is_open:
        assert time.monotonic() - began < 4
        client.say(b"x")
        time.sleep(0.1)


def test_chunks_without_end_are_ended(quick: EdgeServer) -> None:
    client = quick.client().say(POST + b"Transfer-Encoding: chunked\r\n\r\n")
    began = time.monotonic()
    while client.is_open:
        assert time.monotonic() - began < 4
        client.say(b"1\r\nx\r\n")
        time.sleep(0.05)


def test_an_idle_connection_is_kept_for_a_while_and_then_closed(quick: EdgeServer) -> None:
    client = quick.client()
    for _ in range(3):
        assert client.say(HELLO).answer().startswith(b"HTTP/1.1 200 ")
        time.sleep(0.3)
    assert client.is_open
    until(lambda: not client.is_open, 4)


def test_a_websocket_that_was_accepted_stays(quick: EdgeServer) -> None:
    client = quick.client().say(b"GET /" + UPGRADE)
    assert client.answer().startswith(b"HTTP/1.1 101 ")
    time.sleep(3)
    assert client.is_open


def test_a_request_is_answered_before_its_body_is_read_to_the_end(patient: EdgeServer) -> None:
    client = patient.client().say(b"POST /deaf HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000000\r\n\r\n")
    sent = 0
    while client.is_open and sent < 100_000_000:
        client.say(b"x" * 65_536)
        sent += 65_536
    assert sent < 20_000_000


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"X: " + b"x" * 16_000 + b"\r\n\r\n", 200),
        (b"X: " + b"x" * 40_000 + b"\r\n\r\n", 431),
        (b"".join(b"X-%d: x\r\n" % n for n in range(90)) + b"\r\n", 200),
        (b"".join(b"X-%d: x\r\n" % n for n in range(101)) + b"\r\n", 431),
        (b"X: x\r\n" * 2_000_000, 431),
        (b"X: " + b"x" * 64_000_000, 431),
        (b"x" * 64_000_000, 431),
    ],
    ids=["16 KB", "40 KB", "90 fields", "101 fields", "fields without end", "64 MB in a value", "64 MB in a name"],
)
def test_a_head_has_32_kb_and_100_fields_at_most(patient: EdgeServer, head: bytes, status: int) -> None:
    before = patient.memory_bytes
    began = time.monotonic()
    heard = patient.client().say(b"GET / HTTP/1.1\r\nHost: a\r\n" + head).answer()
    assert heard.startswith(b"HTTP/1.1 %d " % status), heard[:200]
    if status != 200:
        assert b"application/problem+json" in heard
        assert b'"code":"head_too_large"' in heard
    assert time.monotonic() - began < 1.5
    assert patient.memory_bytes - before < 4_000_000


def test_a_large_head_of_a_client_that_waits_for_its_end_is_refused_at_once(patient: EdgeServer) -> None:
    client = patient.client()
    for _ in range(100):
        client.say(b"GET / HTTP/1.1\r\nX: " if _ == 0 else b"x" * 1_000)
    assert client.answer().startswith(b"HTTP/1.1 431 ")


def test_an_address_of_8_kb_is_the_longest(patient: EdgeServer) -> None:
    for length, status in ((8_000, 200), (9_000, 414), (1_000_000, 414)):
        heard = patient.client().say(b"GET /" + b"x" * length + b" HTTP/1.1\r\nHost: a\r\n\r\n").answer()
        assert heard.startswith(b"HTTP/1.1 %d " % status), heard[:100]


@pytest.mark.parametrize(
    "said",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        POST + b"Content-Length: -1\r\n\r\n",
    ],
)
def test_what_is_not_http_is_a_problem_and_the_end(patient: EdgeServer, said: bytes) -> None:
    heard = patient.client().say(said).hear_all()
    assert heard.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"malformed"' in heard


def test_requests_on_one_connection_come_one_after_the_other(patient: EdgeServer) -> None:
    client = patient.client()
    for n in range(50):
        body = b"x" * n * 1_000
        assert (
            client.say(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            .answer()
            .startswith(b"HTTP/1.1 200 ")
        )
    answers = patient.client().say(HELLO * 9 + HELLO.replace(b"Host", b"Connection: close\r\nHost")).hear_all()
    assert answers.count(b"HTTP/1.1 200 ") == 10


def test_many_requests_at_once_on_one_connection_cost_no_memory(patient: EdgeServer) -> None:
    before = patient.memory_bytes
    for client in patient.clients(20):
        client.say(HELLO * 5_000)
    assert patient.serves()
    assert patient.memory_bytes - before < 20_000_000


def test_silent_connections_give_way_to_those_who_speak() -> None:
    with edge_server("uvicorn" if PLAIN else {"connections": 100, "per_address": 1_000}) as server:
        sockets = [server.client().say(b"GET /" + UPGRADE) for _ in range(20)]
        assert all(client.answer().startswith(b"HTTP/1.1 101 ") for client in sockets)
        silent = server.clients(400)
        assert server.serves(), "also while they pour in"
        until(lambda: not silent[0].is_open)
        for _ in range(50):
            assert server.serves()
        assert all(client.is_open for client in sockets)


def test_when_every_place_is_taken_a_newcomer_is_told_to_come_back() -> None:
    with edge_server("uvicorn" if PLAIN else {"connections": 40, "per_address": 1_000}) as server:
        sockets = [server.client().say(b"GET /" + UPGRADE) for _ in range(36)]
        assert all(client.answer().startswith(b"HTTP/1.1 101 ") for client in sockets)
        refused = server.client().say(HELLO).hear_all()
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: " in refused
        assert b'"code":"busy"' in refused
        # The last places are for those who were here before: they pay while others wait.
        inside = server.client().say(HELLO.replace(b"Host", b"Cookie: tc_buyer=x\r\nHost"))
        assert inside.answer().startswith(b"HTTP/1.1 200 ")
        assert server.client().say(b"GET /" + UPGRADE).hear_all().startswith(b"HTTP/1.1 503 ")
        for client in sockets:
            client.__exit__()
        until(server.serves)


def test_one_address_takes_its_share_and_no_more() -> None:
    with edge_server("uvicorn" if PLAIN else {"per_address": 30}) as server:
        greedy = server.clients(30, "127.0.0.7")
        assert all(client.is_open for client in greedy)
        assert server.client("127.0.0.7").say(HELLO).hear_all().startswith(b"HTTP/1.1 503 ")
        assert server.serves("127.0.0.8")
        greedy[0].__exit__()
        until(lambda: server.serves("127.0.0.7"))


def test_a_process_without_a_file_left_goes_on() -> None:
    with edge_server({"files": 80}) as server:
        held = [server.client().say(b"GET /" + UPGRADE) for _ in range(120)]
        time.sleep(1.5)
        assert server.process.poll() is None
        for client in held:
            client.__exit__()
        until(server.serves)


def test_a_busy_loop_does_not_starve_its_door() -> None:
    """40 people come while 50 others keep the loop busy: nobody waits for 40 turns of it."""
    with edge_server("uvicorn" if PLAIN else {}) as server:
        waits = asyncio.run(_arrive_while_busy(server.port))
        print(f"waited ms: longest {max(waits) * 1000:.0f}", file=sys.stderr)
        assert max(waits) < 1.5


async def _arrive_while_busy(port: int) -> list[float]:
    busy = HELLO.replace(b"GET /", b"GET /busy")

    async def keep_asking() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while True:
            writer.write(busy)
            await reader.readuntil(b"\r\n\r\n0")

    async def arrive() -> float:
        began = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HELLO)
        await reader.readuntil(b"\r\n\r\n0")
        writer.close()
        return time.monotonic() - began

    others = [asyncio.create_task(keep_asking()) for _ in range(50)]
    await asyncio.sleep(0.5)
    waits = await asyncio.gather(*(arrive() for _ in range(40)))
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    return list(waits)


def test_answers_are_whole_for_a_client_that_reads_slowly_but_reads(quick: EdgeServer) -> None:
    client: Client = quick.client().say(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    heard = 0
    while data := client.hear():
        heard += len(data)
        time.sleep(0.01)
    assert heard > 16_000_000
