"""The Lua scripts of app/lua: one decision each, atomic in Redis.

Run with EVALSHA; a Redis that forgot a script (NOSCRIPT) is given it again. There are no retries: a script that
changes something must not run twice because an answer was lost.
"""

from collections.abc import Sequence
from hashlib import sha1
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

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
    """Runs a script for many (keys, args) in one round trip; the answers in order."""
    try:
        async with redis.pipeline(transaction=False) as pipeline:
            for keys, args in calls:
                pipeline.evalsha(_SHAS[name], len(keys), *keys, *args)
            return list(await pipeline.execute())
    except NoScriptError:
        await redis.script_load(_TEXTS[name])
        # All failed alike: the script was missing for every one of them.
        return await run_many(redis, name, calls)
