"""The rows: what goes wrong in the middle of a sale. Each is given the night, its sale and a source of chance."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any
from urllib.parse import urlsplit

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from faults.night import ROOT, SERVERS, Night

WORKERS = ("admission", "sales", "relay", "ledger", "expiry", "refunds", "reconcile")


@dataclass(frozen=True)
class Sale:
    """The sale of one row."""

    id: int
    slug: str
    capacity: int


Act = Callable[[Night, Sale, Random], Awaitable[None]]


@dataclass(frozen=True)
class Row:
    """One fault: what it is in words, and what it does. It is over when `act` returns."""

    name: str
    what: str
    act: Act
    is_quick: bool = False  # one of the few that run with every change


async def _kill(night: Night, sale: Sale, chance: Random, *, names: tuple[str, ...], times: int = 1) -> None:
    for _ in range(times):
        await night.kill(*names)
        await asyncio.sleep(chance.uniform(0, 2))


async def _pause(night: Night, sale: Sale, chance: Random, *, of: str, seconds: float) -> None:
    await night.pause(of, seconds)


async def _kill_two_servers(night: Night, sale: Sale, chance: Random) -> None:
    await night.kill(*chance.sample(SERVERS, 2))


async def _kill_everything(night: Night, sale: Sale, chance: Random) -> None:
    await night.kill(*SERVERS, "web", "sandbox", *WORKERS)


async def _random_kills(night: Night, sale: Sale, chance: Random) -> None:
    for _ in range(6):
        await night.kill(*chance.sample((*SERVERS, "web", "sandbox", *WORKERS), chance.randint(1, 3)))
        await asyncio.sleep(chance.uniform(0, 2))


async def _drop_answers(night: Night, sale: Sale, chance: Random, *, of: str) -> None:
    """The server does what it was asked to, and nobody hears of it."""
    proxy = night.redis_proxy if of == "redis" else night.mysql_proxy
    for _ in range(3):
        proxy.drops_answers = True
        await asyncio.sleep(chance.uniform(0.2, 1))
        proxy.reset()
        proxy.heal()
        await asyncio.sleep(chance.uniform(0.2, 1))


async def _slow(night: Night, sale: Sale, chance: Random, *, of: str) -> None:
    proxy = night.redis_proxy if of == "redis" else night.mysql_proxy
    proxy.delay_seconds = 0.3
    await asyncio.sleep(6)
    proxy.heal()


async def _cut(night: Night, sale: Sale, chance: Random, *, of: str) -> None:
    proxy = night.redis_proxy if of == "redis" else night.mysql_proxy
    for _ in range(10):
        proxy.reset()
        await asyncio.sleep(chance.uniform(0.1, 0.5))
    proxy.refuses = True
    proxy.reset()
    await asyncio.sleep(5)
    proxy.heal()


async def _flush_redis(night: Night, sale: Sale, chance: Random) -> None:
    async with night.redis() as redis:
        await redis.flushall()


async def _wipe_redis(night: Night, sale: Sale, chance: Random) -> None:
    """Its files are gone, and then its process."""
    with night.stopped("redis"):
        shutil.rmtree(night.redis_data)
        await night.kill("redis")


async def _truncate_redis(night: Night, sale: Sale, chance: Random) -> None:
    """Its last writes are lost, as in a fail-over to a replica that lagged behind."""
    with night.stopped("redis"):
        newest = max(night.redis_data.glob("*.incr.aof"), key=lambda file: file.stat().st_mtime)
        with newest.open("r+b") as file:
            size = newest.stat().st_size
            file.truncate(max(size - chance.randint(2_000, 20_000), size // 2))
        await night.kill("redis")


async def _fill_redis(night: Night, sale: Sale, chance: Random) -> None:
    async with night.redis() as redis:
        used = (await redis.info("memory"))["used_memory"]
        await redis.config_set("maxmemory", used)
        await asyncio.sleep(6)
        await redis.config_set("maxmemory", 0)


async def _lose_the_topic(night: Night, sale: Sale, chance: Random) -> None:
    """Kafka's log is gone; the topics are made anew."""
    settings = night.settings
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    try:
        await admin.delete_topics([settings.orders_topic])
        await asyncio.sleep(2)
    finally:
        await admin.close()
    await asyncio.to_thread(night.command, "migrate")


async def _rebalance(night: Night, sale: Sale, chance: Random) -> None:
    """Another ledger comes and goes."""
    for _ in range(5):
        environment = {**night.env, "PYTHONPATH": str(ROOT)}
        other = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "workers.ledger", cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
        )
        await asyncio.sleep(chance.uniform(1, 3))
        other.kill() if chance.random() < 0.5 else other.terminate()
        await other.wait()


async def _poison(night: Night, sale: Sale, chance: Random) -> None:
    """Records that are no facts, between those that are."""
    settings = night.settings
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers)
    await producer.start()
    try:
        for number in range(20):
            poison = chance.choice((b"", b"{", b"\xff\xfe", b'{"type":"OrderPlaced"}', chance.randbytes(200)))
            await producer.send_and_wait(settings.orders_topic, poison, key=str(number).encode())
            await asyncio.sleep(0.1)
    finally:
        await producer.stop()


async def _read_only(night: Night, sale: Sale, chance: Random) -> None:
    night.sql("SET GLOBAL read_only = ON")
    await asyncio.sleep(12)
    night.sql("SET GLOBAL read_only = OFF")


async def _kill_connections(night: Night, sale: Sale, chance: Random) -> None:
    for _ in range(10):
        found = night.sql(
            "SELECT id FROM information_schema.processlist WHERE user <> 'root' AND user <> 'system user'"
        )
        night.sql("".join(f"KILL {number};" for number in found.split()) or "SELECT 1")
        await asyncio.sleep(chance.uniform(0.2, 0.8))


async def _lock_rows(night: Night, sale: Sale, chance: Random) -> None:
    """Somebody holds the rows that every sale of a ticket changes."""
    locking = (
        f"START TRANSACTION; SELECT * FROM ticketcraze.skus WHERE event_id = {sale.id} FOR UPDATE; DO SLEEP(8);"  # noqa: S608  # an id of our own
    )
    await asyncio.to_thread(night.sql, locking)


async def _stalled_sockets(night: Night, sale: Sale, chance: Random) -> None:
    """Five hundred sockets that ask for everything and read nothing."""
    address = urlsplit(night.web)
    with ExitStack() as closing:
        for number in range(500):
            one = closing.enter_context(socket.socket())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            one.bind((f"127.0.0.{number % 200 + 2}", 0))
            one.setblocking(False)
            with suppress(BlockingIOError):
                one.connect((address.hostname, address.port))
        await asyncio.sleep(8)


async def _pause_and_go_on(night: Night, sale: Sale, chance: Random) -> None:
    await asyncio.to_thread(night.command, "event", "pause", sale.slug)
    await asyncio.sleep(4)
    await asyncio.to_thread(night.command, "event", "open", sale.slug)


async def _restart_web(night: Night, sale: Sale, chance: Random) -> None:
    """An orderly stop with everybody connected."""
    had = night.pid("web")
    if had:
        os.kill(had, signal.SIGTERM)
    await night.until(lambda: night.pid("web") not in (None, had), "a new web")


def _row(name: str, what: str, act: Callable[..., Awaitable[None]], is_quick: bool = False, **options: Any) -> Row:
    return Row(name, what, partial(act, **options) if options else act, is_quick)


ROWS = (
    _row(
        "nothing",
        "nothing goes wrong: the row that the others are compared with",
        _pause,
        of="refunds",
        seconds=0,
    ),
    _row("web-killed", "web: SIGKILL, three times", _kill, names=("web",), times=3),
    _row("web-restarted", "web: SIGTERM with everybody connected", _restart_web),
    _row("stalled-sockets", "500 connections that never say a word", _stalled_sockets),
    _row("relay-killed", "relay: SIGKILL, three times", _kill, names=("relay",), times=3),
    _row("ledger-killed", "ledger: SIGKILL, three times", _kill, names=("ledger",), times=3),
    _row("ledger-stopped", "ledger: SIGSTOP past its session, then woken", _pause, of="ledger", seconds=9),
    _row("rebalances", "another ledger comes and goes five times", _rebalance),
    _row("workers-killed", "all workers: SIGKILL, twice", _kill, names=WORKERS, times=2),
    _row("provider-killed", "the payment provider: SIGKILL, twice", _kill, names=("sandbox",), times=2),
    _row("redis-killed", "Redis: SIGKILL", _kill, names=("redis",)),
    _row("redis-stopped", "Redis: SIGSTOP for 6 s", _pause, of="redis", seconds=6),
    _row(
        "redis-answers-lost",
        "Redis does what it was asked to, and its answers are lost",
        _drop_answers,
        True,
        of="redis",
    ),
    _row("redis-slow", "Redis answers 300 ms late", _slow, of="redis"),
    _row("redis-cut", "connections to Redis reset, then refused for 5 s", _cut, of="redis"),
    _row("redis-full", "Redis has no memory left for 6 s", _fill_redis),
    _row("redis-flushed", "FLUSHALL", _flush_redis, True),
    _row("redis-wiped", "Redis's files deleted, and SIGKILL", _wipe_redis),
    _row("redis-truncated", "the end of Redis's log cut off, and SIGKILL", _truncate_redis),
    _row("kafka-killed", "Kafka: SIGKILL", _kill, names=("kafka",)),
    _row("kafka-stopped", "Kafka: SIGSTOP for 12 s", _pause, of="kafka", seconds=12),
    _row("kafka-topic-lost", "the topic deleted and made anew", _lose_the_topic),
    _row("kafka-poison", "20 records that are no facts", _poison),
    _row("mysql-killed", "MySQL: SIGKILL", _kill, names=("mysql",)),
    _row("mysql-stopped", "MySQL: SIGSTOP for 12 s", _pause, of="mysql", seconds=12),
    _row("mysql-read-only", "MySQL read-only for 12 s", _read_only, True),
    _row("mysql-connections-killed", "every connection to MySQL killed, ten times", _kill_connections),
    _row("mysql-rows-locked", "the stock's rows locked for 8 s", _lock_rows),
    _row(
        "mysql-answers-lost",
        "MySQL does what it was asked to, and its answers are lost",
        _drop_answers,
        of="mysql",
    ),
    _row("mysql-cut", "connections to MySQL reset, then refused for 5 s", _cut, of="mysql"),
    _row("paused", "the organiser pauses the sale for 4 s", _pause_and_go_on),
    _row("two-servers-killed", "two of Redis, MySQL and Kafka: SIGKILL", _kill_two_servers),
    _row("everything-killed", "every server and every process: SIGKILL", _kill_everything),
    _row("random-kills", "one to three of anything: SIGKILL, six times", _random_kills),
)
