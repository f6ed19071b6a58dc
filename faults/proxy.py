"""A loopback TCP proxy in front of one server: what a bad network does, and exact moments in what passes by."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

CHUNK_BYTES = 65_536
HOST = "127.0.0.1"


@dataclass(eq=False)
class Moment:
    """Something that is done when a request with these bytes comes by, after `skips` others like it.

    `before`: the request never arrives, and its connection ends. `during`: it was just passed on. `after`: it was
    answered, and the answer never arrives, for its connection ends.
    """

    request: bytes
    when: Literal["before", "during", "after"]
    then: Callable[[], Awaitable[None]] | None = None
    skips: int = 0
    times: int = 1
    met: int = 0


@dataclass(eq=False)
class _Link:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    losing: list[Moment] = field(default_factory=list)  # whose answer comes next

    def end(self) -> None:
        for writer in (self.client, self.server):
            writer.transport.abort()


class Proxy:
    """Passes bytes on. What it does to them may be changed at any moment."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._moments: list[Moment] = []
        self.heal()

    def heal(self) -> None:
        """Passes bytes on as they come."""
        self.delay_seconds = 0.0  # before each piece of an answer
        self.bytes_per_second = 0  # of an answer; 0: as fast as it goes
        self.drops_answers = False  # requests reach the server, answers do not come back
        self.refuses = False  # new connections are closed at once
        self.overhears: Callable[[bytes], None] | None = None  # is told each piece of a request
        self._moments.clear()

    def at(self, moment: Moment) -> Moment:
        """Watches for a moment, until `heal`."""
        self._moments.append(moment)
        return moment

    async def start(self) -> int:
        """Listens; the port."""
        self._server = await asyncio.start_server(self._serve, HOST, 0, backlog=4096)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Closes everything."""
        self.reset()
        if self._server:
            self._server.close()

    def reset(self) -> None:
        """Cuts every connection without a word."""
        for link in list(self._links):
            link.end()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuses:
            writer.transport.abort()
            return
        try:
            server_reader, server_writer = await asyncio.open_connection(HOST, self._target_port)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(writer, server_writer)
        self._links.add(link)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass_requests(reader, link))
                group.create_task(self._pass_answers(server_reader, link))
        except* OSError:
            pass
        finally:
            self._links.discard(link)
            link.end()

    async def _pass_requests(self, reader: asyncio.StreamReader, link: _Link) -> None:
        while data := await reader.read(CHUNK_BYTES):
            if self.overhears:
                self.overhears(data)
            met = [moment for moment in self._moments if self._meets(moment, data)]
            for moment in met:
                if moment.when == "before":
                    if moment.then:
                        await moment.then()
                    raise ConnectionResetError
            link.server.write(data)
            for moment in met:
                if moment.when == "during" and moment.then:
                    await moment.then()
            link.losing += [moment for moment in met if moment.when == "after"]
            await link.server.drain()
        await self._hang_up(link.server)

    async def _pass_answers(self, reader: asyncio.StreamReader, link: _Link) -> None:
        while data := await reader.read(CHUNK_BYTES):
            if link.losing:
                for moment in link.losing:
                    if moment.then:
                        await moment.then()
                raise ConnectionResetError
            if self.delay_seconds:
                await asyncio.sleep(self.delay_seconds)
            if self.bytes_per_second:
                await asyncio.sleep(len(data) / self.bytes_per_second)
            if self.drops_answers:
                continue
            link.client.write(data)
            await link.client.drain()
        await self._hang_up(link.client)

    @staticmethod
    def _meets(moment: Moment, data: bytes) -> bool:
        if moment.met >= moment.times or moment.request not in data:
            return False
        if moment.skips:
            moment.skips -= 1
            return False
        moment.met += 1
        return True

    @staticmethod
    async def _hang_up(writer: asyncio.StreamWriter) -> None:
        """One side has ended; so does the other, once it has what was sent."""
        with suppress(OSError):
            writer.close()
            await writer.wait_closed()
        raise ConnectionResetError
