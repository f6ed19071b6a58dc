"""A local Redis: every acknowledged write is on disk, nothing is ever evicted."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import redis.asyncio

from stack.console import Console
from stack.folder import HOST, StackFolder, write_private
from stack.packages import find_binary
from stack.supervisor import Program

CONFIGURATION = """\
bind {host}
port {port}
dir "{data}"
daemonize no
logfile ""
# An acknowledged write survives kill -9 and power loss.
appendonly yes
appendfsync always
# The append-only file is the whole truth; snapshots would only cost forks.
save ""
maxmemory-policy noeviction
maxclients 10000
tcp-backlog 4096
"""


class Redis:
    """Debian's redis-server, or whatever REDIS_URL leads to."""

    name = "redis"
    url_variable = "REDIS_URL"
    refusals: tuple[type[Exception], ...] = (redis.RedisError, OSError)

    def missing_packages(self) -> list[str]:
        """See Server."""
        return [] if find_binary("redis-server") else ["redis-server"]

    def fetch(self, console: Console) -> bool:
        """See Server."""
        return False

    def version(self) -> str:
        """See Server."""
        answer = subprocess.run([_binary(), "--version"], capture_output=True, text=True, check=True).stdout
        return "Redis " + answer.partition("v=")[2].partition(" ")[0]

    def environment(self, folder: StackFolder) -> dict[str, str]:
        """See Server."""
        return {"REDIS_URL": f"redis://{HOST}:{folder.port('redis')}/0"}

    async def prepare(self, folder: StackFolder, log: Path) -> Program:
        """See Server."""
        data = folder.path / "redis"
        data.mkdir(exist_ok=True)
        configuration = data / "redis.conf"
        write_private(configuration, CONFIGURATION.format(host=HOST, port=folder.port("redis"), data=data))
        return Program(self.name, (_binary(), str(configuration)), stop_limit_seconds=15)

    async def ask_version(self, environment: Mapping[str, str]) -> str:
        """See Server."""
        async with redis.asyncio.from_url(
            environment["REDIS_URL"], socket_timeout=5, socket_connect_timeout=2
        ) as client:
            await client.ping()
            information = await client.info("server")
        return f"Redis {information['redis_version']}"

    def address(self, environment: Mapping[str, str]) -> str:
        """See Server."""
        url = urlsplit(environment["REDIS_URL"])
        return f"{url.hostname}:{url.port or 6379}"


def _binary() -> str:
    return find_binary("redis-server") or "redis-server"
