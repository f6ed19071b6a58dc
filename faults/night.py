"""The running system of a row: servers, proxies before them, the application, and hands on all of it."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.infra.kafka import open_orders_log
from app.infra.keys import key
from app.infra.mysql import Database, open_database
from app.infra.redis import open_redis
from app.settings import Settings
from faults import process
from faults.proxy import HOST, Moment, Proxy
from stack.application import read_procfile
from stack.packages import find_binary

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 240
COMMAND_SECONDS = 180
BACK_SECONDS = 180.0  # a loaded machine takes its time to start Kafka
MOMENT_SECONDS = 20.0
LOOK_EVERY_SECONDS = 0.05
SERVERS = ("redis", "mysql", "kafka")
PROCESSES = {name: command[-1] for name, command in read_procfile(ROOT / "Procfile").items()}  # name: module
WORKERS = tuple(name for name in PROCESSES if name not in ("web", "sandbox"))
MOUNT_MEGABYTES = 512
# Nobody is kept out for coming from one machine, and what is over is soon cleared away.
SETTINGS = {
    "CROWD": "0",
    "JOIN_LIMIT": "0",
    "OPENS_IN": "86400",
    "CONNECTIONS_PER_ADDRESS": "0",
    "PURGE_AFTER_SECONDS": "10",
    "WEB_PROCESSES": "2",
}
_SERVER_URLS = ("REDIS_URL", "DATABASE_URL", "OWNER_DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS")


class NightFailed(Exception):
    """The system could not be started, or did not come back, or the fault did not happen; the text says what."""


class Night:
    """What a row may do to the system. Times are in seconds."""

    def __init__(self, folder: Path, settings: Mapping[str, str], mounts: Sequence[str] = ()) -> None:
        """`settings` are those of the application beyond what the stack gives it; `mounts`: see `disk`."""
        self._servers = folder / "servers"
        self._application = folder / "application"
        self._plans = folder / "plans"
        self._settings = settings
        self._mounts = mounts
        self._supervisors: dict[Path, int] = {}
        self.redis_proxy: Proxy
        self.mysql_proxy: Proxy
        self.web_proxy: Proxy

    @property
    def env(self) -> dict[str, str]:
        """What the application's processes run with; its servers are reached through the proxies."""
        return {**self._run_json(self._application)["env"], **self._settings}

    @property
    def servers_env(self) -> dict[str, str]:
        """The same past the proxies."""
        env = self._run_json(self._servers)["env"]
        return self.env | {name: env[name] for name in _SERVER_URLS}

    @property
    def settings(self) -> Settings:
        """What `ticketcraze` works with, past the proxies."""
        return Settings.from_environment(self.servers_env)

    @property
    def web(self) -> str:
        """The address of the web application, through its proxy."""
        return self.env["PUBLIC_URL"]

    @property
    def web_itself(self) -> str:
        """The same past the proxy."""
        return str(self._run_json(self._application)["web"])

    def pid(self, name: str) -> int | None:
        """The process id of a server or a process of the application; None while it is dead."""
        pids: dict[str, int] = self._run_json(self._folder_of(name))["processes"]
        return pids.get(name)

    @property
    def redis_data(self) -> Path:
        """Redis's append-only files."""
        return self._servers / "redis" / "appendonlydir"

    @property
    def kafka_data(self) -> Path:
        """Kafka's folder: a folder in it for each partition."""
        return self._servers / "kafka"

    @property
    def logs(self) -> dict[str, Path]:
        """The log of each server and process."""
        return {log.stem: log for folder in (self._servers, self._application) for log in folder.glob("log/*.log")}

    async def kill(self, *names: str) -> None:
        """Ends processes the way a power cut does; they are started again by their supervisor."""
        had = {name: self.pid(name) for name in names}
        for name in names:
            self.kill_now(name)
        for name, pid in had.items():
            await self.until_new(name, pid)

    def kill_now(self, name: str) -> None:
        """The same without waiting for the new one."""
        if pid := self.pid(name):
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)  # with all that it forked

    def forked(self) -> list[int]:
        """The web processes that the one named `web` has forked."""
        return list(self._run_json(self._application)["web_processes"])

    async def until_new(self, name: str, had: int | None) -> None:
        """Waits until a process is another one than it was."""
        await self.until(lambda: self.pid(name) not in (None, had), f"a new {name}")

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
        with _stopped(pid):
            yield pid

    @asynccontextmanager
    async def down(self, name: str) -> AsyncIterator[None]:
        """A process that is dead and is not started again."""
        had = self.pid(name)
        with _stopped(self._supervisors[self._folder_of(name)]):
            self.kill_now(name)
            yield
        await self.until_new(name, had)

    @asynccontextmanager
    async def another(self, module: str, **settings: str) -> AsyncIterator[int]:
        """One more process of the application, killed at the end; its id."""
        environment = {**os.environ, **self.env, "PYTHONPATH": str(ROOT), **settings}
        log = (self._application / "log" / f"another-{module}.log").open("a")
        with log:
            running = await asyncio.create_subprocess_exec(
                *_DIES_WITH_US, sys.executable, "-m", module, cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        try:
            yield running.pid
        finally:
            with suppress(ProcessLookupError):
                running.kill()
            await running.wait()

    async def at_step(self, name: str, step: str, *kills: str) -> None:
        """Kills processes when the relay or the ledger comes to a step; by default the one that comes to it."""
        had = {other: self.pid(other) for other in kills or (name,)}
        pids = [process.OWN if other == name else pid or 0 for other, pid in had.items()]
        plan = process.plan_moment(self._plans, name, step, *pids)
        try:
            await self.until(lambda: not plan.exists(), f"{name} at {step!r}", MOMENT_SECONDS)
        finally:
            plan.unlink(missing_ok=True)
        for other, pid in had.items():
            await self.until_new(other, pid)

    async def at(self, proxy: Proxy, moment: Moment) -> None:
        """Waits until a moment was met as often as it is meant to be."""
        proxy.at(moment)
        await self.until(lambda: moment.met >= moment.times, f"the moment of {moment.request!r}", MOMENT_SECONDS)

    async def set_clock(self, name: str, seconds: int) -> None:
        """Kills a process; the new one's clock is wrong by this much."""
        process.plan_clock(self._plans, name, seconds)
        await self.kill(name)

    def disk(self, server: str) -> Path:
        """The small disk that a server's data is on. Raises NightFailed where there is none."""
        if server not in self._mounts:
            raise NightFailed("small disks need root and mount namespaces")
        return self._servers / server

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

    @asynccontextmanager
    async def inside(self) -> AsyncIterator[tuple[Settings, Redis, Database]]:
        """Settings, Redis and MySQL, past the proxies."""
        settings = self.settings
        async with open_redis(settings) as redis, open_database(settings) as database:
            yield settings, redis, database

    async def dead_letters(self) -> int:
        """How many records are in the dlq."""
        async with open_orders_log(self.settings) as log:
            return len(await log.dlq())

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

    async def until_ready(self, slug: str = "", seconds: float = BACK_SECONDS) -> float:
        """Waits until the application says that it is ready, and so is that sale; how long that took."""
        began = time.monotonic()
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            while time.monotonic() - began < seconds:
                with suppress(httpx.HTTPError):
                    ready = await client.get(f"{self.web_itself}/readyz")
                    if ready.status_code == httpx.codes.OK and (not slug or await self._sells(client, slug)):
                        return time.monotonic() - began
                await asyncio.sleep(LOOK_EVERY_SECONDS)
        raise NightFailed(f"not ready within {seconds:g} s")

    async def _sells(self, client: httpx.AsyncClient, slug: str) -> bool:
        answer = await client.get(f"{self.web_itself}/api/v1/events/{slug}")
        return answer.status_code == httpx.codes.OK and answer.json()["sale"] != "not_ready"

    def _folder_of(self, name: str) -> Path:
        return self._servers if name in SERVERS else self._application

    @staticmethod
    def _run_json(folder: Path) -> dict[str, Any]:
        read: dict[str, Any] = json.loads((folder / "run.json").read_text())
        return read

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Night"]:
        """Servers, proxies and application, until the block ends. Raises NightFailed."""
        for folder in (self._servers, self._application, self._plans):
            folder.mkdir(parents=True)
        async with AsyncExitStack() as closing:
            for server in self._mounts:
                closing.enter_context(_small_disk(self._servers / server))
            given = {name: url for name, url in self._settings.items() if name in _SERVER_URLS}
            await closing.enter_async_context(self._stack(self._servers, "servers", given))
            urls = self._run_json(self._servers)["env"]
            port = _free_port()
            self.web_proxy, public_port = await _open_proxy(closing, port)
            public = f"http://{HOST}:{public_port}"
            wanted = {"PORT": str(port), "PUBLIC_URL": public, "PROCFILE": str(self._write_procfile())}
            for name, variables in (("redis", ("REDIS_URL",)), ("mysql", ("DATABASE_URL", "OWNER_DATABASE_URL"))):
                target = urlsplit(urls[variables[0]]).port or 0
                proxy, through = await _open_proxy(closing, target)
                setattr(self, f"{name}_proxy", proxy)
                wanted |= {v: urls[v].replace(f"{HOST}:{target}", f"{HOST}:{through}") for v in variables}
            wanted |= {
                "KAFKA_BOOTSTRAP_SERVERS": urls["KAFKA_BOOTSTRAP_SERVERS"],
                process.FOLDER: str(self._plans),
            }
            settings = {**SETTINGS, **self._settings, **wanted}
            await closing.enter_async_context(self._stack(self._application, "run", settings))
            yield self

    def _write_procfile(self) -> Path:
        """Each process of the Procfile, where the harness can get at it."""
        lines = [f"{name}: python -m faults.process {name} {module}" for name, module in PROCESSES.items()]
        procfile = self._plans / "Procfile"
        procfile.write_text("\n".join(lines))
        return procfile

    @asynccontextmanager
    async def _stack(self, folder: Path, needs: str, settings: Mapping[str, str]) -> AsyncIterator[None]:
        environment = {name: value for name, value in os.environ.items() if name not in _SERVER_URLS}
        environment |= {"STACK_DIR": str(folder), **settings}
        with (folder / "output.log").open("w") as log:
            running = await asyncio.create_subprocess_exec(
                *_DIES_WITH_US, sys.executable, "-m", "stack", needs,
                cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self._supervisors[folder] = running.pid
        try:
            deadline = time.monotonic() + START_SECONDS
            while not (folder / "run.json").exists():
                if running.returncode is not None or time.monotonic() > deadline:
                    raise NightFailed(f"{needs} did not start:\n{(folder / 'output.log').read_text()[-3000:]}")
                await asyncio.sleep(LOOK_EVERY_SECONDS)
            yield
        finally:
            with suppress(ProcessLookupError):
                running.kill()  # its children end with it, and what they leave is thrown away
            await running.wait()


_DIES_WITH_US = ("setpriv", "--pdeathsig", "TERM")


async def _open_proxy(closing: AsyncExitStack, target_port: int) -> tuple[Proxy, int]:
    proxy = Proxy(target_port)
    port = await proxy.start()
    closing.push_async_callback(proxy.stop)
    return proxy, port


@contextmanager
def _stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):  # it was killed meanwhile
            os.kill(pid, signal.SIGCONT)


@contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={MOUNT_MEGABYTES}m,mode=0755", "faults", str(folder)]
    subprocess.run(mount, check=True)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
