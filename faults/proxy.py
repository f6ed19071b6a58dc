"""A loopback TCP proxy in front of one server, which does to its connections what a bad network does."""

import asyncio
from contextlib import suppress

CHUNK_BYTES = 65_536
HOST = "127.0.0.1"


class Proxy:
    """Passes bytes on. What it does to them may be changed at any moment."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.StreamWriter] = set()
        self.delay_seconds = 0.0  # before each piece of an answer
        self.drops_answers = False  # requests reach the server, answers do not come back
        self.refuses = False  # new connections are closed at once

    async def start(self) -> int:
        """Listens; the port."""
        self._server = await asyncio.start_server(self._link, HOST, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Closes everything."""
        self.reset()
        if self._server:
            self._server.close()

    def heal(self) -> None:
        """Passes bytes on as they come."""
        self.delay_seconds, self.drops_answers, self.refuses = 0.0, False, False

    def reset(self) -> None:
        """Cuts every connection without a word."""
        for writer in list(self._links):
            writer.transport.abort()

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuses:
            writer.transport.abort()
            return
        try:
            server_reader, server_writer = await asyncio.open_connection(HOST, self._target_port)
        except OSError:
            writer.transport.abort()
            return
        links = {writer, server_writer}
        self._links |= links
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(reader, server_writer, is_answer=False))
                group.create_task(self._pass(server_reader, writer, is_answer=True))
        except* OSError:
            pass
        finally:
            self._links -= links
            for one in links:
                one.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool) -> None:
        while data := await reader.read(CHUNK_BYTES):
            if is_answer:
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                if self.drops_answers:
                    continue
            writer.write(data)
            await writer.drain()
        with suppress(OSError):
            writer.close()
        raise ConnectionResetError  # the other direction ends too
