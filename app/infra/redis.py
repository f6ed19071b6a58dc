"""Opens Redis, and says when Redis has no sale to answer for."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import cast

from redis.asyncio import BlockingConnectionPool, Connection, Redis, SSLConnection
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from app.infra.keys import once_key
from app.settings import Settings

REDIS_CONNECTIONS = 32
REDIS_SECONDS = 2.0


class NotReady(Exception):
    """Redis does not have this sale (yet, or any more), or is being rebuilt from the books."""


class Restarted(RedisError):
    """Redis was started since, and nobody has compared it with the books yet: as good as unavailable."""


class NotCopied(RedisError):
    """Too few replicas have what was just done: it may be lost with this Redis, so nobody is told of it."""


class _Writing(AbstractConnection):
    """Writes a command without asyncio.wait_for.

    In Python 3.11 that loses a cancellation that comes just as it ends (python/cpython#86296), so a task that was
    told to stop went on, and whoever waited for its end waited for ever. It also makes a task of every write.
    """

    async def send_packed_command(self, command: bytes | Iterable[bytes], check_health: bool = True) -> None:  # type: ignore[override]
        """Sends what `pack_command` made. Raises RedisError."""
        if not self.is_connected:
            await self.connect_check_health(check_health=False)
        if check_health:
            await self.check_health()  # type: ignore[no-untyped-call]
        try:
            async with asyncio.timeout(self.socket_timeout):
                await self._send_packed_command([command] if isinstance(command, bytes) else command)
        except BaseException as error:
            await self.disconnect(nowait=True)  # half a command may be on its way
            if isinstance(error, OSError):  # a TimeoutError is one
                raise RedisConnectionError(f"while writing: {error!r}") from error
            raise


class _PlainConnection(_Writing, Connection):
    pass


class _EncryptedConnection(_Writing, SSLConnection):
    pass


def connection_pool(url: str, ca: str = "") -> BlockingConnectionPool:
    """Connections to the Redis of a URL; `ca` is the file of the authority that signed its certificate, if any."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=REDIS_CONNECTIONS,
        timeout=REDIS_SECONDS,
        socket_timeout=REDIS_SECONDS,
        socket_connect_timeout=REDIS_SECONDS,
        decode_responses=True,
        retry=Retry(NoBackoff(), 0),
        **({"ssl_ca_certs": ca} if ca else {}),
    )
    is_encrypted = issubclass(pool.connection_class, SSLConnection)
    pool.connection_class = _EncryptedConnection if is_encrypted else _PlainConnection
    return pool


@asynccontextmanager
async def open_redis(settings: Settings, kind: type[Redis] = Redis) -> AsyncIterator[Redis]:
    """A Redis client. It waits for a free connection rather than fail, and never repeats a command unasked."""
    pool = connection_pool(settings.redis_url, settings.redis_ca)
    redis = kind(connection_pool=pool)
    try:
        yield redis
    finally:
        await redis.aclose()
        await pool.aclose()


async def remembered(redis: Redis, use: str, text: str, value: str, seconds: int) -> str | None:
    """What `text` was remembered with before, within so many seconds; None when it is with `value` from now on."""
    return cast(str | None, await redis.set(_mark(use, text), value, nx=True, get=True, ex=seconds))


async def remember(redis: Redis, use: str, text: str, value: str, seconds: int) -> None:
    """Remembers `text` with another value than before, for so many seconds from now on."""
    await redis.set(_mark(use, text), value, ex=seconds)


async def forget(redis: Redis, use: str, text: str) -> None:
    """Takes back what was remembered or used."""
    await redis.delete(_mark(use, text))


def _mark(use: str, text: str) -> str:
    return once_key(use, sha256(text.encode()).hexdigest()[:32])


async def first_time(redis: Redis, use: str, text: str, seconds: int) -> bool:
    """Whether `text` (a token, say) is used for the first time within so many seconds; from now on it was used."""
    return bool(await redis.set(_mark(use, text), "1", nx=True, ex=seconds))
