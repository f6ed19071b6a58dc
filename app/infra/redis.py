"""Opens Redis, and says when Redis has no sale to answer for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
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


@asynccontextmanager
async def open_redis(settings: Settings, kind: type[Redis] = Redis) -> AsyncIterator[Redis]:
    """A Redis client. It waits for a free connection rather than fail, and never repeats a command by itself."""
    pool = BlockingConnectionPool.from_url(
        settings.redis_url,
        max_connections=REDIS_CONNECTIONS,
        timeout=REDIS_SECONDS,
        socket_timeout=REDIS_SECONDS,
        socket_connect_timeout=REDIS_SECONDS,
        decode_responses=True,
        retry=Retry(NoBackoff(), 0),
        **({"ssl_ca_certs": settings.redis_ca} if settings.redis_ca else {}),
    )
    redis = kind(connection_pool=pool)
    try:
        yield redis
    finally:
        await redis.aclose()
        await pool.aclose()


async def first_time(redis: Redis, use: str, text: str, seconds: int) -> bool:
    """Whether `text` (a token, say) is used for the first time within so many seconds; from now on it was used."""
    mark = once_key(use, sha256(text.encode()).hexdigest()[:32])
    return bool(await redis.set(mark, "1", nx=True, ex=seconds))
