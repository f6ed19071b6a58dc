"""What the machine bore while a crowd was there: looked at once a second."""

import asyncio
from pathlib import Path
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.infra.keys import key
from app.watch.processes import reports

LOOK_SECONDS: Final = 1.0
PROC_STAT: Final = Path("/proc/stat")


class Strain:
    """The most that was seen at once, and what was too much for a web process meanwhile."""

    def __init__(self, redis: Redis, event_id: int) -> None:
        self._redis = redis
        self._outbox = key(event_id, "outbox")
        self._cpu_ticks = _cpu_ticks()
        self.most: dict[str, int] = {}
        self.reasons: set[str] = set()

    async def watch(self) -> None:
        """Looks until it is cancelled; a Redis that is gone for a while is what may be rehearsed."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._note("cpu_percent", self._cpu_percent())
            try:
                running = await reports(self._redis)
                self._note("outbox", int(await self._redis.xlen(self._outbox)))
            except RedisError:
                continue
            self._note("sockets", sum(report.sockets for report in running))
            self.reasons.update(reason for report in running for reason in report.load.pressed_by)

    def _note(self, name: str, figure: int) -> None:
        self.most[name] = max(figure, self.most.get(name, 0))

    def _cpu_percent(self) -> int:
        """Of all cores of this host, since the last look."""
        busy_before, before = self._cpu_ticks
        busy, ticks = self._cpu_ticks = _cpu_ticks()
        return 100 * (busy - busy_before) // max(ticks - before, 1)


def _cpu_ticks() -> tuple[int, int]:
    """Busy ones, and all, since the host was started: proc(5). Zeros where there is no such file."""
    if not PROC_STAT.exists():
        return 0, 0
    ticks = [int(word) for word in PROC_STAT.read_text().partition("\n")[0].split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)  # idle, and idle for the disk
