"""Lean clients: they share the machine with what they measure, so each says exactly its bytes."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from bench.report import BenchmarkFailed
from crowd.limits import source_address

LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
ANSWER_SECONDS = 60.0
BROWSER_HEADERS = {  # what Chromium sends beside the path, so that parsing costs what it costs
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0",
    "accept": "*/*",
    "accept-encoding": "gzip, deflate, br, zstd",
    "accept-language": "en-GB,en;q=0.9",
    "sec-ch-ua": '"Chromium";v="142", "Not_A Brand";v="99"',
    "sec-ch-ua-mobile": "?0",
    "sec-ch-ua-platform": '"Linux"',
    "sec-fetch-site": "same-origin",
    "sec-fetch-mode": "cors",
    "sec-fetch-dest": "empty",
}


class Answer(NamedTuple):
    """An HTTP answer; `head` as it came."""

    status: int
    head: bytes
    body: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


class Connection:
    """One kept connection, from an address of its own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, url: str, number: int = 0) -> "Connection":
        """A connection to the origin of `url`."""
        parts = urlsplit(url)
        address = source_address(url, number)
        reader, writer = await asyncio.open_connection(
            parts.hostname, parts.port, local_addr=(address, 0) if address else None
        )
        return cls(reader, writer)

    async def ask(self, request: bytes) -> Answer:
        """Sends a request as it is, and reads one answer."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(head)
        body = await self._reader.readexactly(int(length[1])) if length else b""
        return Answer(int(head[9:12]), head, body)

    def close(self) -> None:
        """At once."""
        self._writer.transport.abort()


def request(method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
    """A request as a browser's bytes."""
    parts = urlsplit(url)
    lines = [f"{method} {parts.path or '/'} HTTP/1.1", f"host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in (BROWSER_HEADERS | dict(headers or {})).items()]
    if method != "GET":
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


async def ask_all(url: str, requests: Sequence[bytes], at_once: int = 32) -> list[Answer]:
    """Every request once, on so many kept connections side by side. Raises BenchmarkFailed."""
    answers: list[Answer | None] = [None] * len(requests)
    numbers = iter(range(len(requests)))

    async def one_after_the_other(first: int) -> None:
        connection = await Connection.open(url, first)
        try:
            for number in numbers:
                answers[number] = await connection.ask(requests[number])
        finally:
            connection.close()

    await within(asyncio.gather(*map(one_after_the_other, range(min(at_once, len(requests))))))
    return [answer for answer in answers if answer]


async def within(work: Awaitable[Any]) -> None:
    """Waits for all of it. Raises BenchmarkFailed when it takes too long or the server gives up."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await work
    except TimeoutError:
        raise BenchmarkFailed(f"some had no answer within {ANSWER_SECONDS:g} s") from None
    except (OSError, asyncio.IncompleteReadError) as error:
        raise BenchmarkFailed(f"an answer was cut off: {error!r}") from error


async def at_times(times: Sequence[float], act: Callable[[int, float], Awaitable[None]]) -> None:
    """Calls `act(number, meant_at)` for each at its time (of the loop's clock), whatever became of the others."""
    loop = asyncio.get_running_loop()
    tasks: list[asyncio.Task[None]] = []
    for number, at in enumerate(times):
        if (pause := at - loop.time()) > 0:
            await asyncio.sleep(pause)
        tasks.append(asyncio.create_task(act(number, at)))  # type: ignore[arg-type]
    await within(asyncio.gather(*tasks))
