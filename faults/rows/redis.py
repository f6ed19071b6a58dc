"""Redis."""

import asyncio
import shutil
from random import Random

from faults.night import Night
from faults.rows.common import cut_off, drop_answers, fill_disk, kill, pause, slow_down
from faults.rows.row import Sale, row


async def flush(night: Night, sale: Sale, chance: Random) -> None:
    """FLUSHALL."""
    async with night.redis() as redis:
        await redis.flushall()


async def wipe(night: Night, sale: Sale, chance: Random) -> None:
    """Its files are gone, and then its process."""
    with night.stopped("redis"):
        shutil.rmtree(night.redis_data)
        await night.kill("redis")


async def truncate(night: Night, sale: Sale, chance: Random) -> None:
    """Its last writes are lost, as in a fail-over to a replica that lagged behind."""
    with night.stopped("redis"):
        newest = max(night.redis_data.glob("*.incr.aof"), key=lambda file: file.stat().st_mtime)
        with newest.open("r+b") as file:
            size = newest.stat().st_size
            file.truncate(max(size - chance.randint(2_000, 20_000), size // 2))
        await night.kill("redis")


async def fill_memory(night: Night, sale: Sale, chance: Random) -> None:
    """It has no memory left."""
    async with night.redis() as redis:
        used = (await redis.info("memory"))["used_memory"]
        await redis.config_set("maxmemory", used)
        await asyncio.sleep(6)
        await redis.config_set("maxmemory", 0)


ROWS = (
    row("redis-killed", "Redis: SIGKILL", kill, names=("redis",)),
    row("redis-stopped", "Redis: SIGSTOP for 6 s", pause, of="redis", seconds=6),
    row(
        "redis-answers-lost",
        "Redis does what it was asked to, and its answers are lost",
        drop_answers,
        quick=True,
        of="redis",
    ),
    row("redis-slow", "Redis answers 300 ms late", slow_down, of="redis", seconds=5),
    row("redis-cut", "connections to Redis reset, then refused for 5 s", cut_off, of="redis", seconds=5),
    row("redis-full", "Redis has no memory left for 6 s", fill_memory),
    row(
        "redis-disk-full",
        "Redis's disk is full for 5 s",
        fill_disk,
        needs_root=True,
        of="redis",
        seconds=5,
    ),
    row("redis-flushed", "FLUSHALL", flush, quick=True, undoes_writes=True),
    row(
        "redis-wiped",
        "Redis's files deleted, and SIGKILL",
        wipe,
        undoes_writes=True,
    ),
    row(
        "redis-truncated",
        "the end of Redis's log cut off, and SIGKILL",
        truncate,
        undoes_writes=True,
    ),
)
