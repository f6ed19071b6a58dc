"""Each server and process: where it is, where it came from, and how it is."""

from collections.abc import Awaitable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import msgspec
from redis.exceptions import RedisError

from app.infra.http_client import HttpClient, HttpFailed
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
    asked = [
        ("redis", settings.redis_url, "environment", _ask_redis),
        ("mysql", settings.database_url, "environment", _ask_mysql),
        ("kafka", settings.kafka_bootstrap_servers, "environment", check_kafka),
    ]
    if settings.sandbox_url:
        asked.append(("sandbox", settings.sandbox_url, "Procfile", _ask_sandbox))
    parts = [
        Part(
            name,
            pids.get(name),
            urlsplit(url).netloc.rpartition("@")[2] if "//" in url else url,
            services.get(name, {}).get("source", source),
            await _health(ask(settings)),
        )
        for name, url, source, ask in asked
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
    except (RedisError, DatabaseUnavailable, KafkaUnavailable, HttpFailed) as error:
        return f"down: {type(error).__name__} {error}"
    return "up"


async def _ask_redis(settings: Settings) -> None:
    async with open_redis(settings) as redis:
        await redis.ping()


async def _ask_mysql(settings: Settings) -> None:
    async with open_database(settings) as database:
        await database.fetch_one("SELECT 1")


async def _ask_sandbox(settings: Settings) -> None:
    client = HttpClient(settings.sandbox_url, most_connections=1, timeout_seconds=ANSWER_SECONDS)
    try:
        answer = await client.request("GET", "/healthz", {})
    finally:
        client.close()
    if answer.status != HTTPStatus.OK:
        raise HttpFailed(f"it answers {answer.status}")
