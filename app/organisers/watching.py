"""Snapshots between processes: one makes them, once a second and sale, and every web process passes them on.

A snapshot is text from the moment it is made: whoever looks gets those very bytes.
"""

import asyncio
import logging
import time

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.ids import instance
from app.infra.keys import HEARTBEAT, SNAPSHOT_MAKER, SNAPSHOT_PATTERN, event_of_key, key
from app.organisers.snapshot import Snapshot

log = logging.getLogger(__name__)

MAKER_MS = 3_000  # silent for this long, and another process makes the snapshots
SNAPSHOT_MS = 5_000  # how long the newest one stays for who comes next
SILENT_SECONDS = 6.0


async def may_make(redis: Redis) -> bool:
    """Whether this process is the one that makes the snapshots. Two at once would only do the same work twice."""
    if await redis.set(SNAPSHOT_MAKER, instance(), nx=True, px=MAKER_MS):
        return True
    if await redis.get(SNAPSHOT_MAKER) != instance():
        return False
    await redis.pexpire(SNAPSHOT_MAKER, MAKER_MS)
    return True


async def publish(redis: Redis, snapshots: dict[int, Snapshot]) -> None:
    """Tells every web process. Raises RedisError."""
    async with redis.pipeline(transaction=False) as pipeline:
        for event_id, snapshot in snapshots.items():
            text = msgspec.json.encode(snapshot)
            pipeline.set(key(event_id, "snapshot"), text, px=SNAPSHOT_MS)
            pipeline.publish(key(event_id, "snapshot"), text)
        await pipeline.execute()


class Watching:
    """What a web process has heard of each sale. It listens only while somebody watches."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._watchers: dict[int, set[asyncio.Future[str]]] = {}
        self._listening: asyncio.Task[None] | None = None

    async def next(self, event_id: int, within_seconds: float) -> str | None:
        """The next snapshot of a sale, as text; None when none is heard of in time."""
        if self._listening is None or self._listening.done():
            self._listening = asyncio.create_task(self._listen())
        heard: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        watchers = self._watchers.setdefault(event_id, set())
        watchers.add(heard)
        try:
            async with asyncio.timeout(within_seconds):
                return await heard
        except TimeoutError:
            return None
        finally:
            watchers.discard(heard)
            if not watchers:
                self._watchers.pop(event_id, None)

    def close(self) -> None:
        """Listens no more."""
        if self._listening:
            self._listening.cancel()

    async def _listen(self) -> None:
        idle_since = time.monotonic()
        try:
            async with self._redis.pubsub() as pubsub:
                await pubsub.psubscribe(SNAPSHOT_PATTERN)
                await pubsub.subscribe(HEARTBEAT)
                heard_at = time.monotonic()
                while time.monotonic() - heard_at < SILENT_SECONDS > time.monotonic() - idle_since:
                    message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=1.0)
                    if self._watchers:
                        idle_since = time.monotonic()
                    if message:
                        heard_at = time.monotonic()
                        if message["type"] == "pmessage":
                            self._tell(event_of_key(message["channel"]), message["data"])
        except RedisError as error:  # whoever watches makes their own, and asks again
            log.warning("snapshots are not heard: %s", error)

    def _tell(self, event_id: int, text: str) -> None:
        for heard in self._watchers.pop(event_id, ()):
            if not heard.done():
                heard.set_result(text)
