"""Redis, MySQL and Kafka: found, started if need be, waited for until they answer."""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stack.console import Console, Tick
from stack.errors import StackError
from stack.folder import StackFolder
from stack.kafka import Kafka
from stack.mariadb import MariaDB
from stack.redis_server import Redis
from stack.sources import Origin, Server
from stack.supervisor import Child, Supervisor

SERVERS: tuple[Server, ...] = (Redis(), MariaDB(), Kafka())  # stopped in the opposite order

ANSWER_LIMIT_SECONDS = 120
GIVEN_URL_LIMIT_SECONDS = 10
DEATHS_BEFORE_GIVING_UP = 4


@dataclass(frozen=True)
class ServerLine:
    """One server as the table and run.json show it."""

    source: str
    version: str
    address: str


def server_environment(
    servers: Sequence[Server], folder: StackFolder, origins: Mapping[str, Origin]
) -> dict[str, str]:
    """The URLs of all servers, from the outside or of this folder, and the database owner's."""
    result: dict[str, str] = {}
    for server in servers:
        if origins[server.name] is Origin.ENVIRONMENT:
            result[server.url_variable] = os.environ[server.url_variable]
        else:
            result |= server.environment(folder)
    if origins.get("mysql") is Origin.ENVIRONMENT:
        result["OWNER_DATABASE_URL"] = os.environ.get("OWNER_DATABASE_URL") or result["DATABASE_URL"]
    return result


async def describe_servers(
    servers: Sequence[Server], origins: Mapping[str, Origin], environment: Mapping[str, str]
) -> dict[str, ServerLine]:
    """A line for each server; those given by URL are asked, so they must answer already."""
    lines = {}
    for server in servers:
        origin = origins[server.name]
        if origin is Origin.ENVIRONMENT:
            version = await wait_for_answer(server, environment, GIVEN_URL_LIMIT_SECONDS)
        else:
            version = server.version()
        lines[server.name] = ServerLine(origin.value, version, server.address(environment))
    return lines


def show(console: Console, lines: Mapping[str, ServerLine]) -> None:
    """The table at the start."""
    rows = [(name, line.source, line.version, line.address) for name, line in lines.items()]
    console.say()
    console.table(("service", "from", "version", "address"), rows)
    console.say()


async def start_servers(
    servers: Sequence[Server],
    supervisor: Supervisor,
    folder: StackFolder,
    origins: Mapping[str, Origin],
    environment: Mapping[str, str],
    console: Console,
) -> None:
    """Start all local servers side by side and return when each answers; raises StackError."""
    local = [server for server in servers if origins[server.name] is not Origin.ENVIRONMENT]
    if not local:
        return

    async def start(server: Server, tick: Tick) -> None:
        program = await server.prepare(folder, folder.prepare_log)
        child = supervisor.start(program)
        await wait_for_answer(server, environment, ANSWER_LIMIT_SECONDS, child, tick)

    with console.step(f"starting {', '.join(server.name for server in local)}") as tick:
        await asyncio.gather(*(start(server, tick) for server in local))


async def wait_for_answer(
    server: Server,
    environment: Mapping[str, str],
    limit_seconds: float,
    child: Child | None = None,
    tick: Tick = lambda: None,
) -> str:
    """Ask until the server answers; returns its version. Raises StackError when it doesn't in time."""
    deadline = time.monotonic() + limit_seconds
    while True:
        tick()
        try:
            async with asyncio.timeout(limit_seconds):
                return await server.ask_version(environment)
        except server.refusals as error:
            problem = error
        task = asyncio.current_task()
        if task and task.cancelling():  # asyncmy turns a cancelled connect into an error of its own
            raise asyncio.CancelledError
        if child and child.deaths >= DEATHS_BEFORE_GIVING_UP:
            raise StackError(f"{server.name} keeps dying; the end of {child.log.path}:\n{child.log.tail()}")
        if time.monotonic() > deadline:
            where = f"{server.name} at {server.address(environment)} ({server.url_variable})"
            end_of_log = f"\nThe end of {child.log.path}:\n{child.log.tail()}" if child else ""
            raise StackError(f"{where} doesn't answer after {limit_seconds:g} s: {problem!r}{end_of_log}")
        await asyncio.sleep(0.1)
