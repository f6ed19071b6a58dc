"""Of a connection that is gone nothing is left for the garbage collector, which looks rarely."""

import asyncio
import gc
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial

import httptools
import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState
from websockets.server import ServerProtocol

from app.live.frames import EXTENSION
from app.web.connections import Connection, Door, Limits, Socket
from app.web.server import _config, listen
from bench.served import no_answer
from crowd.http import Http
from crowd.websocket import open_websocket

CLIENTS = 20
SECONDS = 5.0


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        assert scope["extensions"][EXTENSION].write_frames([]) is True
    await no_answer(scope, receive, send)


async def ask(url: str) -> None:
    http = Http(None)
    await http.ask("POST", f"{url}/", {})
    http.close()


async def wait_on_a_socket(url: str) -> None:
    told = asyncio.Event()
    socket = await open_websocket(f"{url.replace('http', 'ws')}/", "t", None, lambda _: told.set(), lambda _: None)
    await told.wait()
    socket.close()


def left() -> Counter[str]:
    kinds = (Connection, Socket, ServerProtocol, httptools.HttpRequestParser)
    return Counter(type(one).__name__ for one in gc.get_objects() if isinstance(one, kinds))


@pytest.mark.parametrize("visit", [ask, wait_on_a_socket])
def test_nothing_is_left_of_connections_that_are_closed(visit: Callable[[str], Awaitable[None]]) -> None:
    async def story() -> None:
        door = Door(Limits(1_000, 1_000))
        config = _config(application, door)
        config.load()
        listener = listen("127.0.0.1", 0)
        door.open(listener, partial(Connection, config, ServerState(), {}))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            async with asyncio.timeout(SECONDS):
                await asyncio.gather(*(visit(url) for _ in range(CLIENTS)))
                while door.open_connections:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.05)  # for the tasks that end with them
        finally:
            door.close()
            await door.wait_closed()

    gc.collect()
    before = left()
    gc.disable()
    try:
        asyncio.run(story())
        assert left() - before == {}
    finally:
        gc.enable()
