"""One update to many sockets: CPU µs each, ours against websockets.broadcast, a send_text loop and bare os.write.

python -m bench.fanout KIND PORT is a server: a socket that says "go" has it tell all of them, and hears what that
cost. SIZES says how many sockets (1000,5000,10000,15000), ROUNDS how often (5).
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop
from starlette.types import Receive, Scope, Send
from websockets.asyncio.server import ServerConnection, broadcast, serve

from app.live.frames import EXTENSION, FrameProtocol, serialize
from app.live.socket import Line
from app.web.connections import Door, Limits
from app.web.server import Server, listen
from bench import served
from bench.clients import at_times
from bench.report import Report, median, spread
from crowd.limits import allow_open_files, source_address
from crowd.websocket import WebSocket, open_websocket

SIZES = (1_000, 5_000, 10_000, 15_000)
ROUNDS = 5
KINDS = ("ours", "os.write", "broadcast", "send_text")
OPENED_A_SECOND = 1_500
FLUSH_SECONDS = 0.3
TEXT = '{"type":"stock","sale":"open","skus":[{"id":1,"available":117,"held":42},{"id":2,"available":8,"held":3}]}'


def measure() -> Report:
    """All of them at each size, in turns."""
    sizes = [int(size) for size in os.environ.get("SIZES", "").split(",") if size] or list(SIZES)
    rounds = int(os.environ.get("ROUNDS") or ROUNDS)
    taken = {size: {kind: list[float]() for kind in KINDS} for size in sizes}
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for size in sizes:
            for _ in range(rounds):
                for kind in KINDS:
                    with served.serving("bench.fanout", kind) as server:
                        taken[size][kind].append(runner.run(_tell(server.url, size)))
    lines = [f"{'sockets':>8}" + "".join(f"{kind + ', µs':>20}" for kind in KINDS)]
    for size, costs in taken.items():
        lines.append(f"{size:>8,}" + "".join(f"{median(us):>12.1f}{spread(us):>8}" for us in costs.values()))
    us_each = {size: {kind: round(median(us), 2) for kind, us in costs.items()} for size, costs in taken.items()}
    figures: dict[str, Any] = {"benchmark": "fanout", "us_each": us_each}
    of_floor = min(median(costs["os.write"]) / median(costs["ours"]) for costs in taken.values())
    of_broadcast = min(median(costs["broadcast"]) / median(costs["ours"]) for costs in taken.values())
    figures |= {"of_os_write": round(of_floor, 2), "of_broadcast": round(of_broadcast, 2)}
    lines.append(f"{of_floor:.2f} of os.write (target 0.8), {of_broadcast:.2f} of broadcast (target 1.0)")
    return Report(of_broadcast >= 1, figures, "\n".join(lines))


async def _tell(url: str, size: int) -> float:
    """The CPU µs that one telling cost for each socket: the best of three, after one to warm up."""
    sockets: list[WebSocket] = []
    said: asyncio.Queue[bytes] = asyncio.Queue()

    async def come(number: int, meant_at: float) -> None:
        address = source_address(url, number)
        sockets.append(
            await open_websocket(
                url.replace("http", "ws") + "/", "t", address,
                lambda frame: said.put_nowait(frame) if frame.startswith(b"cost") else None, lambda code: None,
            )
        )  # fmt: skip

    began = asyncio.get_running_loop().time()
    await at_times([began + n / OPENED_A_SECOND for n in range(size)], come)
    costs = []
    for _ in range(4):
        sockets[0].say("go")
        costs.append(float((await asyncio.wait_for(said.get(), 30))[5:]))
    for socket in sockets:
        socket.close()
    return min(costs[1:])


async def _cost_of(act: Callable[[], Awaitable[None]], size: int) -> str:
    before = time.process_time()
    await act()
    await asyncio.sleep(FLUSH_SECONDS)  # what was queued is written at the end of the loop's turn
    return f"cost {(time.process_time() - before) * 1e6 / size}"


def _application(kind: str) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    lines: list[FrameProtocol] = []
    sends: list[Send] = []

    async def ours() -> None:
        for line in lines:
            told: Line = line
            told.write_frames([TEXT])

    async def bare() -> None:
        data = serialize(TEXT)
        for fd in [line.transport.get_extra_info("socket").fileno() for line in lines]:
            os.write(fd, data)

    async def one_by_one() -> None:
        for send in sends:
            await send({"type": "websocket.send", "text": TEXT})

    act = {"ours": ours, "os.write": bare, "send_text": one_by_one}[kind]

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await served.no_answer(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        lines.append(scope["extensions"][EXTENSION])
        sends.append(send)
        while (await receive())["type"] != "websocket.disconnect":
            await send({"type": "websocket.send", "text": await _cost_of(act, len(lines))})

    return application


async def _broadcasting(port: int) -> None:
    connections: set[ServerConnection] = set()

    async def tell() -> None:
        broadcast(connections, TEXT)

    async def handle(connection: ServerConnection) -> None:
        connections.add(connection)
        async for _ in connection:
            await connection.send(await _cost_of(tell, len(connections)))

    async with serve(handle, "127.0.0.1", port, compression=None, ping_interval=None, backlog=4_096):
        await asyncio.Event().wait()


def main() -> None:
    """Serves until SIGTERM."""
    kind, port = sys.argv[1], int(sys.argv[2])
    allow_open_files()
    if kind == "broadcast":
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_broadcasting(port))
    else:
        Server(_application(kind), listen("127.0.0.1", port), Door(Limits(20_000, 20_000))).run()


if __name__ == "__main__":
    main()
