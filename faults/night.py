"""The running system of a row: servers, proxies before them, the application, and hands on all of it."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.infra.keys import key
from app.settings import Settings
from faults.proxy import HOST, Proxy
from stack.packages import find_binary

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 240
STOP_SECONDS = 60
COMMAND_SECONDS = 180
BACK_SECONDS = 90.0
LOOK_EVERY_SECONDS = 0.05
SERVERS = ("redis", "mysql", "kafka")
# Holds that lapse while one watches, and nobody kept out for coming from one machine.
SETTINGS = {"CROWD": "0", "JOIN_LIMIT": "0", "OPENS_IN": "86400", "CONNECTIONS_PER_ADDRESS": "0"}


class NightFailed(Exception):
    """The system could not be started, or did not come back; the text says what."""


class Night:
    """What a row may do to the system. Times are in seconds."""

    def __init__(self, folder: Path) -> None:
        self._servers = folder / "servers"
        self._application = folder / "application"
        self.redis_proxy: Proxy
        self.mysql_proxy: Proxy

    @property
    def env(self) -> dict[str, str]:
        """What the application's processes run with; its servers are reached through the proxies."""
        env: dict[str, str] = _run_json(self._application)["env"]
        return env

    @property
    def settings(self) -> Settings:
        """The same as the application reads them."""
        return Settings.from_environment(self.env)

    @property
    def web(self) -> str:
        """The address of the web application."""
        return str(_run_json(self._application)["web"])

    @property
    def servers_env(self) -> dict[str, str]:
        """The addresses of the servers themselves, past the proxies."""
        env: dict[str, str] = _run_json(self._servers)["env"]
        return env

    def pid(self, name: str) -> int | None:
        """The process id of a server or a process of the application; None while it is dead."""
        folder = self._servers if name in SERVERS else self._application
        pids: dict[str, int] = _run_json(folder)["processes"]
        return pids.get(name)

    @property
    def redis_data(self) -> Path:
        """Redis's append-only files."""
        return self._servers / "redis" / "appendonlydir"

    async def kill(self, *names: str) -> None:
        """Ends processes the way a power cut does; they are started again by their supervisor."""
        had = {name: self.pid(name) for name in names}
        for pid in had.values():
            if pid:
                os.kill(pid, signal.SIGKILL)
        for name, pid in had.items():
            await self.until(lambda: self.pid(name) not in (None, pid), f"a new {name}")  # noqa: B023

    async def pause(self, name: str, seconds: float) -> None:
        """Stops a process for this long, and lets it go on."""
        with self.stopped(name):
            await asyncio.sleep(seconds)

    @contextmanager
    def stopped(self, name: str) -> Iterator[int]:
        """A process that does not run and is not dead; its id."""
        pid = self.pid(name)
        if pid is None:
            raise NightFailed(f"{name} is dead")
        os.kill(pid, signal.SIGSTOP)
        try:
            yield pid
        finally:
            with suppress(ProcessLookupError):  # it was killed meanwhile
                os.kill(pid, signal.SIGCONT)

    def sql(self, statement: str) -> str:
        """Runs a statement as MySQL's root; what it prints."""
        done = subprocess.run(
            [find_binary("mariadb", "mysql") or "mariadb", "--no-defaults", "--socket=mysql.sock", "-uroot", "-N"],
            input=statement,
            cwd=self._servers / "mysql" / "data",
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        if done.returncode:
            raise NightFailed(f"{statement}: {done.stderr}")
        return done.stdout

    @asynccontextmanager
    async def redis(self) -> AsyncIterator[Redis]:
        """A client of Redis itself, past the proxy."""
        async with Redis.from_url(self.servers_env["REDIS_URL"], decode_responses=True) as redis:
            yield redis

    def command(self, *arguments: str) -> dict[str, Any]:
        """Runs `ticketcraze ... --json`; its answer."""
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", *arguments, "--json"],
            cwd=ROOT,
            env={**os.environ, **self.env},
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        try:
            answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        except (IndexError, ValueError) as error:
            raise NightFailed(f"ticketcraze {' '.join(arguments)}: {done.stdout}{done.stderr}") from error
        return answer

    async def until(self, look: Callable[[], bool], what: str, seconds: float = BACK_SECONDS) -> None:
        """Waits for something to be so. Raises NightFailed when it takes longer."""
        deadline = time.monotonic() + seconds
        while not look():
            if time.monotonic() > deadline:
                raise NightFailed(f"{what}: not within {seconds:g} s")
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def until_taken(self, event_id: int, tickets: int, seconds: float = 20.0) -> None:
        """Waits until so many tickets are held or sold, or for this long: a moment in the middle of the sale."""
        deadline = time.monotonic() + seconds
        async with self.redis() as redis:
            while time.monotonic() < deadline:
                try:
                    stock = cast(dict[str, str], await redis.hgetall(key(event_id, "stock")))
                except RedisError:
                    return
                taken = sum(int(n) for f, n in stock.items() if f.endswith((":held", ":sold")))
                if taken >= tickets:
                    return
                await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def until_ready(self) -> float:
        """Waits until the application says that it is ready; how long that took."""
        began = time.monotonic()
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            while time.monotonic() - began < BACK_SECONDS:
                try:
                    if (await client.get(f"{self.web}/readyz")).status_code == httpx.codes.OK:
                        return time.monotonic() - began
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(LOOK_EVERY_SECONDS)
        raise NightFailed(f"not ready within {BACK_SECONDS:g} s")


@asynccontextmanager
async def a_night(folder: Path) -> AsyncIterator[Night]:
    """Servers, proxies and application in a folder of their own. Raises NightFailed."""
    for part in ("servers", "application"):
        (folder / part).mkdir(parents=True)
    night = Night(folder)
    async with AsyncExitStack() as closing:
        await closing.enter_async_context(_running(folder / "servers", "servers", {}))
        urls = dict(night.servers_env)
        for name, variables in (("redis", ("REDIS_URL",)), ("mysql", ("DATABASE_URL", "OWNER_DATABASE_URL"))):
            port = urlsplit(urls[variables[0]]).port
            proxy = Proxy(port or 0)
            through = await proxy.start()
            closing.push_async_callback(proxy.stop)
            setattr(night, f"{name}_proxy", proxy)
            for variable in variables:
                urls[variable] = urls[variable].replace(f"{HOST}:{port}", f"{HOST}:{through}")
        wanted = {name: urls[name] for name in _URLS}
        await closing.enter_async_context(_running(folder / "application", "run", {**SETTINGS, **wanted}))
        yield night


_URLS = ("REDIS_URL", "DATABASE_URL", "OWNER_DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS")


@asynccontextmanager
async def _running(folder: Path, needs: str, settings: dict[str, str]) -> AsyncIterator[None]:
    environment = {name: value for name, value in os.environ.items() if name not in _URLS}
    environment |= {"STACK_DIR": str(folder), "PORT": str(_free_port()), **settings}
    with (folder / "output.log").open("w") as log:
        running = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "stack", needs, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (folder / "run.json").exists():
            if running.returncode is not None or time.monotonic() > deadline:
                raise NightFailed(f"{needs} did not start:\n{(folder / 'output.log').read_text()[-3000:]}")
            await asyncio.sleep(LOOK_EVERY_SECONDS)
        yield
    finally:
        if running.returncode is None:
            running.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await running.wait()
        except TimeoutError:
            running.kill()  # its children end with it


def _run_json(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return read


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
