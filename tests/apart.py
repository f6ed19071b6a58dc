"""A world of its own beside the stack: the same servers, but its own databases, topic, group and ports.

For tests that break something on purpose, or must not have the stack's own workers do their work for them.
"""

import asyncio
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from app.infra.kafka import create_topics
from app.infra.migrations import migrate
from app.infra.mysql import Database
from app.infra.redis import open_redis
from app.settings import Settings
from tests.conftest import ROOT, Stack, free_port
from tests.support import until

REDIS_DATABASE = 9
START_SECONDS = 30


@contextmanager
def apart(stack: Stack, **extra: str) -> Iterator[dict[str, str]]:
    """The environment of such a world, with `extra` settings."""
    name = f"ticketcraze_apart_{uuid.uuid4().hex[:8]}"
    env = dict(stack.env)
    owner_url = env["OWNER_DATABASE_URL"].replace("/ticketcraze", f"/{name}")
    port, sandbox_port = free_port(), free_port()
    env |= {
        "REDIS_URL": f"{env['REDIS_URL'].rpartition('/')[0]}/{REDIS_DATABASE}",
        "DATABASE_URL": owner_url,
        "OWNER_DATABASE_URL": owner_url,
        "ORDERS_TOPIC": name,
        "LEDGER_GROUP": name,
        "PORT": str(port),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "SANDBOX_PORT": str(sandbox_port),
        "SANDBOX_URL": f"http://127.0.0.1:{sandbox_port}",
        "SANDBOX_DATA": str(stack.folder / f"{name}.sqlite"),
        **extra,
    }

    async def execute(statement: str) -> None:
        database = Database(stack.env["OWNER_DATABASE_URL"], 1)
        await database.open()
        await database.execute(statement)
        await database.close()

    async def prepare() -> None:
        await execute(f"CREATE DATABASE {name} DEFAULT CHARACTER SET utf8mb4")
        database = Database(owner_url, 1)
        await database.open()
        await migrate(database)
        # The channels of pub/sub are shared by all databases of a Redis: keep clear of the stack's events.
        await database.execute("ALTER TABLE events AUTO_INCREMENT = 4000000")
        await database.close()
        await create_topics(Settings.from_environment(env))

    async def clean_up() -> None:
        await execute(f"DROP DATABASE {name}")
        async with open_redis(Settings.from_environment(env)) as redis:
            await redis.flushdb()

    asyncio.run(prepare())
    try:
        yield env
    finally:
        asyncio.run(clean_up())


@contextmanager
def processes(env: dict[str, str], *modules: str, code: Path = ROOT) -> Iterator[None]:
    """These processes, for as long as the block lasts; `code` is where their code is."""
    running = [
        subprocess.Popen(
            [sys.executable, "-m", module], cwd=code, env={**os.environ, **env, "PYTHONPATH": str(code)}
        )
        for module in modules
    ]
    try:
        if "app.main" in modules:
            until(lambda: _is_ready(env["PUBLIC_URL"]), START_SECONDS)
        yield
        assert all(process.poll() is None for process in running), "a process died"
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait(20)


def _is_ready(web: str) -> bool:
    try:
        return httpx.get(f"{web}/readyz", trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
