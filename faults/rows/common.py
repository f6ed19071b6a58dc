"""What can happen to any server or process alike."""

import asyncio
from contextlib import suppress
from pathlib import Path
from random import Random

from faults.night import Night
from faults.proxy import Proxy
from faults.rows.row import Sale


async def nothing(night: Night, sale: Sale, chance: Random) -> None:
    """Nothing goes wrong."""


async def kill(night: Night, sale: Sale, chance: Random, *, names: tuple[str, ...], times: int = 1) -> None:
    """SIGKILL to all of these, this often."""
    for number in range(times):
        if number:
            await asyncio.sleep(chance.uniform(0, 2))
        await night.kill(*names)


async def pause(night: Night, sale: Sale, chance: Random, *, of: str, seconds: float) -> None:
    """SIGSTOP, and SIGCONT after this long."""
    await night.pause(of, seconds)


async def take_down(night: Night, sale: Sale, chance: Random, *, of: str, seconds: float) -> None:
    """Dead for this long."""
    async with night.down(of):
        await asyncio.sleep(seconds)


async def fill_disk(night: Night, sale: Sale, chance: Random, *, of: str, seconds: float) -> None:
    """Its disk is full for this long."""
    filler = night.disk(of) / "filler"
    try:
        await asyncio.to_thread(_fill, filler)
        await asyncio.sleep(seconds)
    finally:
        filler.unlink()


def _fill(filler: Path) -> None:
    """Writes until there is no more space, to the last byte."""
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while file.write(b"\0" * size):
                    pass


async def drop_answers(night: Night, sale: Sale, chance: Random, *, of: str) -> None:
    """The server does what it was asked to, and nobody hears of it."""
    proxy = _proxy(night, of)
    for _ in range(3):
        proxy.drops_answers = True
        await asyncio.sleep(chance.uniform(0.2, 1))
        proxy.reset()
        proxy.heal()
        await asyncio.sleep(chance.uniform(0.2, 1))


async def slow_down(night: Night, sale: Sale, chance: Random, *, of: str, seconds: float) -> None:
    """Each answer comes 300 ms late."""
    proxy = _proxy(night, of)
    proxy.delay_seconds = 0.3
    await asyncio.sleep(seconds)
    proxy.heal()


async def cut_off(night: Night, sale: Sale, chance: Random, *, of: str, seconds: float) -> None:
    """Connections are reset ten times, and then refused for this long."""
    proxy = _proxy(night, of)
    for _ in range(10):
        proxy.reset()
        await asyncio.sleep(chance.uniform(0.1, 0.4))
    proxy.refuses = True
    proxy.reset()
    await asyncio.sleep(seconds)
    proxy.heal()


def _proxy(night: Night, of: str) -> Proxy:
    proxies = {"web": night.web_proxy, "redis": night.redis_proxy, "mysql": night.mysql_proxy}
    return proxies[of]
