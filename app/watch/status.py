"""Each server and process: where it is, where it came from, and how it is."""

from collections.abc import Awaitable
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
from redis.exceptions import RedisError

from app.infra.kafka import KafkaUnavailable, check_kafka
from app.infra.mysql import DatabaseUnavailable, open_database
from app.infra.redis import open_redis
from app.settings import Settings
from app.watch.processes import reports

ANSWER_SECONDS = 5.0


class Part(msgspec.Struct, frozen=True):
    """A server or a process. `health` is "up", or what is wrong."""

    name: str
    pid: int | None
    address: str
    source: str
    health: str


async def read_status(settings: Settings, stack: dict[str, Any]) -> list[Part]:
    """All of them; `stack` is run.json of a local stack, or empty."""
    pids, services = stack.get("processes", {}), stack.get("services", {})
    parts = [
        Part(
            name,
            pids.get(name),
            urlsplit(url).netloc.rpartition("@")[2] if "//" in url else url,
            services.get(name, {}).get("source", source),
            await _health(check),
        )
        for name, url, source, check in (
            ("redis", settings.redis_url, "environment", _ask_redis(settings)),
            ("mysql", settings.database_url, "environment", _ask_mysql(settings)),
            ("kafka", settings.kafka_bootstrap_servers, "environment", check_kafka(settings)),
            ("sandbox", settings.sandbox_url, "Procfile", _ask_sandbox(settings)),
        )
    ]
    if parts[0].health != "up":
        return parts  # processes report to Redis
    async with open_redis(settings) as redis:
        for report in await reports(redis):
            address = urlsplit(settings.public_url).netloc if report.name == "web" else "-"
            health = "up" if report.ok else f"silent for {report.age_ms // 1000} s"
            parts.append(Part(report.name, report.pid, address, "Procfile", health))
    return parts


async def _health(check: Awaitable[None]) -> str:
    try:
        await check
    except (RedisError, DatabaseUnavailable, KafkaUnavailable, httpx.HTTPError) as error:
        return f"down: {type(error).__name__} {error}"
    return "up"


async def _ask_redis(settings: Settings) -> None:
    async with open_redis(settings) as redis:
        await redis.ping()


async def _ask_mysql(settings: Settings) -> None:
    async with open_database(settings) as database:
        await database.fetch_one("SELECT 1")


async def _ask_sandbox(settings: Settings) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_SECONDS) as client:
        (await client.get(f"{settings.sandbox_url}/healthz")).raise_for_status()
