"""The HTTP client: connections are kept and shared, and every kind of silence or nonsense is a clear error."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from app.infra.http_client import MAX_ANSWER_BYTES, HttpClient, HttpFailed, _Connection
from app.payments.provider import ProviderUnavailable
from app.payments.sandbox import SandboxProvider
from tests.world.machine import HOST, free_port
from tests.world.nowhere import settings_for

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def with_server(talk: Talk, use: Callable[[HttpClient], Awaitable[None]], most_connections: int = 4) -> None:
    """Runs `use` with a client of a server that handles each connection by `talk`."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the client went away
        finally:
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(handle, HOST, 0)
        url = f"http://{HOST}:{server.sockets[0].getsockname()[1]}"
        client = HttpClient(url, most_connections=most_connections, timeout_seconds=0.3)
        try:
            await use(client)
        finally:
            client.close()
            server.close()

    asyncio.run(run())


def says(answer: bytes, *, then_hangs: bool = False) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        if then_hangs:
            await reader.read()

    return talk


@pytest.mark.parametrize("talk", [says(OK), says(b"good morning\r\n\r\n"), says(b"")])
def test_nothing_is_left_of_a_connection_that_is_closed(talk: Talk) -> None:
    async def use(client: HttpClient) -> None:
        for _ in range(3):
            with suppress(HttpFailed):
                await client.request("GET", "/", {})
        client.close()
        await asyncio.sleep(0.01)

    def left() -> int:
        return sum(isinstance(one, _Connection) for one in gc.get_objects())

    gc.collect()
    before = left()
    gc.disable()
    try:
        with_server(talk, use)
        assert left() == before
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("talk", "why"),
    [
        (says(b""), "closed"),
        (says(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"), "closed"),
        (says(b"good morning\r\n\r\n"), "not HTTP"),
        (says(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", then_hangs=True), "no answer within"),
        (says(b"HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n" + b"x" * (MAX_ANSWER_BYTES + 1)), "larger"),
    ],
)
def test_an_answer_that_is_not_whole_is_an_error(talk: Talk, why: str) -> None:
    async def use(client: HttpClient) -> None:
        with pytest.raises(HttpFailed, match=why):
            await client.request("GET", "/", {})

    with_server(talk, use)


def test_connections_are_kept_and_never_more_than_allowed() -> None:
    opened = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK)

    async def use(client: HttpClient) -> None:
        answers = await asyncio.gather(*(client.request("GET", "/", {}) for _ in range(100)))
        assert set(answers) == {(200, b"ok")}

    with_server(talk, use)
    assert opened == 4


def test_a_connection_closed_meanwhile_is_not_used_again() -> None:
    async def use(client: HttpClient) -> None:
        for _ in range(3):
            assert (await client.request("GET", "/", {})).status == 200

    with_server(says(OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")), use)


def test_a_request_that_timed_out_leaves_room_and_no_answer_for_the_next() -> None:
    answers = iter([OK, None, OK])

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            answer = next(answers)
            if answer is None:
                await reader.read()
                return
            writer.write(answer)

    async def use(client: HttpClient) -> None:
        assert (await client.request("GET", "/", {})).body == b"ok"
        with pytest.raises(HttpFailed, match="no answer within"):
            await client.request("GET", "/", {})
        assert (await client.request("GET", "/", {})).body == b"ok"

    with_server(talk, use, most_connections=1)


def test_a_sandbox_that_is_away_is_unavailable() -> None:
    async def ask() -> None:
        async with SandboxProvider(settings_for(Path("unused"), sandbox_port=free_port())) as provider:
            with pytest.raises(ProviderUnavailable):
                await provider.list_transactions(0)
            with pytest.raises(ProviderUnavailable):
                await provider.refund("tx_1", 100, "USD", "key")

    asyncio.run(ask())
