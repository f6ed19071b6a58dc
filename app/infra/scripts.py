"""The Lua scripts of app/lua: one decision each, atomic in Redis.

Run with EVALSHA; a Redis that forgot a script (NOSCRIPT) is given it again. There are no retries: a script that
changes something must not run twice because an answer was lost.

Each begins with app/lua/ready.lua, so none can decide anything in a Redis that has not what the books have. Only
those of app/lua/anytime, which put a sale there or are about none, go without it.
"""

from collections.abc import Sequence
from hashlib import sha1
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from app.infra.epochs import epoch_of
from app.infra.keys import event_of_key, key
from app.infra.redis import NotCopied, NotReady, Restarted

COPY_MS = 500  # how long replicas may take

_FOLDER = Path(__file__).parent.parent / "lua"
_READY = (_FOLDER / "ready.lua").read_text()
_REFUSALS: dict[str, type[Exception]] = {"NOT_READY": NotReady, "RESTARTED": Restarted}


def _held_back(text: str) -> str:
    """The script behind ready.lua; a first line that tells Redis how to run it stays the first."""
    flags, newline, rest = text.partition("\n") if text.startswith("#!") else ("", "", text)
    return flags + newline + _READY + rest


def _joining() -> str:
    """Joining and looking as one step: see app/lua/then_place.lua."""
    join, then, place = ((_FOLDER / f"{name}.lua").read_text() for name in ("join", "then_place", "place"))
    return f"local function join()\n{join}end\n{then}{place.partition(chr(10))[2]}"


def _text_of(path: Path) -> str:
    """A script with the functions that it shares with others in front; its first line stays the first."""
    if path.stem not in _RULED:
        return path.read_text()
    first, newline, rest = path.read_text().partition("\n")
    return first + newline + (_FOLDER / "sku_rules.lua").read_text() + rest


_ANYTIME = {path.stem: path.read_text() for path in sorted((_FOLDER / "anytime").glob("*.lua"))}
_PARTS = ("ready", "then_place", "sku_rules")  # of other scripts
_RULED = ("admit", "reserve", "hold_again", "reclaim")  # they ask for the rules that skus have of their own
_DECIDING = {path.stem: _held_back(_text_of(path)) for path in _FOLDER.glob("*.lua") if path.stem not in _PARTS}
_DECIDING["join"] = _held_back(_joining())
_TEXTS = {**_DECIDING, **_ANYTIME}
_SHAS = {name: sha1(text.encode(), usedforsecurity=False).hexdigest() for name, text in _TEXTS.items()}

Argument = str | int | float
Call = tuple[Sequence[str], Sequence[Argument]]  # keys and arguments


async def run(redis: Redis, name: str, keys: Sequence[str], args: Sequence[Argument] = (), copies: int = 0) -> Any:
    """Runs app/lua/<name>.lua and returns its answer, once so many replicas have all that led to it.

    The script's header says what the answer is. All keys are of one event. Raises NotReady, Restarted, NotCopied.
    """
    parts = _parts(name, keys, args)
    try:
        answer = await _ask(redis, ["EVALSHA", _SHAS[name], *parts], copies)
    except NoScriptError:
        answer = await _ask(redis, ["EVAL", _TEXTS[name], *parts], copies)
    if isinstance(answer, str) and answer in _REFUSALS:
        raise _REFUSALS[answer]
    return answer


async def run_many(redis: Redis, name: str, calls: Sequence[Call]) -> list[Any]:
    """Runs a script for many (keys, args) in one round trip; the answers in order.

    Raises the first error, and NotReady and Restarted.
    """
    answers = await run_each(redis, name, calls)
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


async def run_each(redis: Redis, name: str, calls: Sequence[Call]) -> list[Any]:
    """Like run_many, but what went wrong with one call stands in its place and stops no other.

    Raises RedisError when Redis does not answer.
    """
    async with redis.pipeline(transaction=False) as pipeline:
        for keys, args in calls:
            pipeline.evalsha(_SHAS[name], *_parts(name, keys, args))
        answers = list(await pipeline.execute(raise_on_error=False))
    if any(isinstance(answer, NoScriptError) for answer in answers):
        # All failed alike: the script was missing for every one of them.
        await redis.script_load(_TEXTS[name])
        return await run_each(redis, name, calls)
    return [
        _REFUSALS[answer]() if isinstance(answer, str) and answer in _REFUSALS else answer for answer in answers
    ]


async def _ask(redis: Redis, command: list[Any], copies: int) -> Any:
    if not copies:
        return await redis.execute_command(*command)  # type: ignore[no-untyped-call]
    # WAIT is about all that happened before the last command of its own connection, whoever did it.
    async with redis.pipeline(transaction=False) as pipeline:
        pipeline.execute_command(*command)
        pipeline.wait(copies, COPY_MS)
        answer, copied = await pipeline.execute()
    if copied < copies:
        raise NotCopied(f"{copied} of {copies} replicas have it")
    return answer


def sha(name: str) -> str:
    """What Redis calls a script."""
    return _SHAS[name]


def _parts(name: str, keys: Sequence[str], args: Sequence[Argument]) -> list[Any]:
    """What EVALSHA takes after the script: how many keys, keys and arguments, and for ready.lua sale and epoch."""
    if name in _ANYTIME:
        return [len(keys), *keys, *args]
    event_id = event_of_key(keys[0])
    return [len(keys) + 1, *keys, key(event_id, "sale"), *args, epoch_of(event_id)]
