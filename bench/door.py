"""The door: how long a new connection waits while the event loop is busy, against uvicorn's own accepting.

Open loop: people arrive when they arrive. Each opens a connection and asks four things one after the other, and
opens one connection more, whose first answer is what is measured, from the moment it was meant to be opened. Both
servers are the same uvicorn with the same application (0.5 ms of CPU a request); only who accepts differs.
"""

import asyncio
import socket
import subprocess
import sys
import time
from typing import Any

import uvicorn
import uvloop

from app.live.frames import FrameProtocol
from app.web.connections import Door, Limits
from app.web.server import Server, listen
from bench.report import BenchmarkFailed, Report, percentile

RATES = (150, 250, 300)  # people a second
SECONDS = 8.0
ROUNDS = 3
WORK_SECONDS = 0.0005
QUESTIONS = 4
PATIENCE_SECONDS = 60.0
START_SECONDS = 10.0
SERVERS = ("uvicorn", "door")
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def measure() -> Report:
    """Runs the load against both. Raises BenchmarkFailed."""
    figures: dict[str, Any] = {}
    lines = [f"{'people/s':>8} {'accepted by':<12} {'p50 ms':>8} {'p99 ms':>8} {'longest':>8}"]
    for rate in RATES:
        waits: dict[str, list[float]] = {name: [] for name in SERVERS}
        for _ in range(ROUNDS):
            for name in SERVERS:
                waits[name] += _run(name, rate)
        for name in SERVERS:
            p50, p99, longest = (percentile(waits[name], p) * 1000 for p in (50, 99, 100))
            figures[f"{name}_{rate}"] = {"p50_ms": p50, "p99_ms": p99, "longest_ms": longest}
            lines.append(f"{rate:>8} {name:<12} {p50:>8.0f} {p99:>8.0f} {longest:>8.0f}")
    return Report(True, figures, "\n".join(lines))


def _run(name: str, rate: int) -> list[float]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", "bench.door", name, str(port)])
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise BenchmarkFailed("the server does not start") from None
                time.sleep(0.1)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_arrivals(port, rate))
    finally:
        server.terminate()
        server.wait()


async def _arrivals(port: int, rate: int) -> list[float]:
    waits: list[float] = []
    began = time.monotonic() + 0.2

    async def connected(meant_at: float, questions: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in range(questions):
            writer.write(REQUEST)
            await reader.readuntil(b"\r\n\r\nok")
            if questions == 1 and number == 0:
                waits.append(time.monotonic() - meant_at)
        writer.close()

    async def arrive(meant_at: float) -> None:
        await asyncio.sleep(meant_at - time.monotonic())
        await asyncio.gather(connected(meant_at, QUESTIONS), connected(meant_at, 1))

    people = (asyncio.create_task(arrive(began + n / rate)) for n in range(int(rate * SECONDS)))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*people)
    except TimeoutError:
        raise BenchmarkFailed(f"at {rate} people a second some had no answer in {PATIENCE_SECONDS:g} s") from None
    return waits


async def _application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    until = time.perf_counter() + WORK_SECONDS
    while time.perf_counter() < until:
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def _serve(name: str, port: int) -> None:
    if name == "door":
        Server(_application, listen("127.0.0.1", port), Door(Limits(15_000, 15_000))).run()
    else:
        uvicorn.run(
            _application, port=port, loop="uvloop", http="httptools", ws=FrameProtocol, log_level="error",
            access_log=False, backlog=4_096,
        )  # fmt: skip


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
