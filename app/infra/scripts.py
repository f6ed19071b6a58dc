"""The Lua scripts of app/lua: one decision each, atomic in Redis.

Run with EVALSHA; a Redis that forgot a script (NOSCRIPT) is given it again. There are no retries: a script that
changes something must not run twice because an answer was lost.
"""

from collections.abc import Sequence
from hashlib import sha1
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

_TEXTS = {path.stem: path.read_text() for path in sorted((Path(__file__).parent.parent / "lua").glob("*.lua"))}
_SHAS = {name: sha1(text.encode(), usedforsecurity=False).hexdigest() for name, text in _TEXTS.items()}

Argument = str | int | float
Call = tuple[Sequence[str], Sequence[Argument]]  # keys and arguments


async def run(redis: Redis, name: str, keys: Sequence[str], args: Sequence[Argument] = ()) -> Any:
    """Runs app/lua/<name>.lua and returns its answer; the script's header says what that is."""
    try:
        return await redis.evalsha(_SHAS[name], len(keys), *keys, *args)
    except NoScriptError:
        return await redis.eval(_TEXTS[name], len(keys), *keys, *args)


async def run_many(redis: Redis, name: str, calls: Sequence[Call]) -> list[Any]:
    """Runs a script for many (keys, args) in one round trip; the answers in order. Raises the first error."""
    answers = await run_each(redis, name, calls)
    for answer in answers:
        if isinstance(answer, RedisError):
            raise answer
    return answers


async def run_each(redis: Redis, name: str, calls: Sequence[Call]) -> list[Any]:
    """Like run_many, but what went wrong with one call stands in its place and stops no other.

    Raises RedisError when Redis does not answer.
    """
    async with redis.pipeline(transaction=False) as pipeline:
        for keys, args in calls:
            pipeline.evalsha(_SHAS[name], len(keys), *keys, *args)
        answers = list(await pipeline.execute(raise_on_error=False))
    if any(isinstance(answer, NoScriptError) for answer in answers):
        # All failed alike: the script was missing for every one of them.
        await redis.script_load(_TEXTS[name])
        return await run_each(redis, name, calls)
    return answers
