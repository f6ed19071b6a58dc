"""Plays a rehearsal: a copy of an event, a crowd in a process of its own, a kill if wanted, and the verdict."""

import asyncio
import json
import os
import secrets
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis

from app.infra.local_stack import local_stack
from app.infra.mysql import Database
from app.organisers.history import SECOND, read_history
from app.organisers.rehearsal import Check, Verdict, begin, judge, keep_verdict
from app.organisers.strain import Strain
from app.sale.catalog import Event
from app.sale.events import set_state
from app.settings import Settings
from app.units import now_ms
from app.watch.verify import verify

MOST_BUYERS: Final = 20_000
MOST_TICKETS: Final = 1_000_000
KILL_AFTER_SECONDS: Final = 8.0
AT_REST_SECONDS: Final = 120.0

Told = Callable[[str, str], Awaitable[None]]


class CannotRehearse(Exception):
    """A rehearsal cannot be played like this; the text says why."""


@dataclass(frozen=True)
class Plan:
    """Who comes, and what happens to them: `kills` is a process of the local stack."""

    buyers: int
    tickets: int | None = None
    within_seconds: float = 1.0
    kills: str | None = None


async def nobody(step: str, slug: str) -> None:
    """Is told nothing."""


async def rehearse(
    settings: Settings, redis: Redis, database: Database, event: Event, plan: Plan, told: Told = nobody
) -> tuple[str, Verdict]:
    """Plays it to the end: the copy's slug, and the verdict, which is kept. `told` hears each step as it begins.

    Raises CannotRehearse, RedisError, DatabaseUnavailable, KafkaUnavailable.
    """
    if not 1 <= plan.buyers <= MOST_BUYERS:
        raise CannotRehearse(f"buyers: from 1 to {MOST_BUYERS}")
    if plan.tickets is not None and not 1 <= plan.tickets <= MOST_TICKETS:
        raise CannotRehearse(f"tickets: from 1 to {MOST_TICKETS}")
    if not settings.sandbox_url:
        raise CannotRehearse("A rehearsal pays in the sandbox, and there is none here.")
    victim = _process(plan.kills) if plan.kills else None
    slug = f"rehearsal-{now_ms():x}-{secrets.token_hex(2)}"
    copy = await begin(database, redis, event, slug, plan.tickets)
    began_ms = now_ms()
    await told("crowd", slug)
    strain = Strain(redis, copy.id)
    watching = asyncio.create_task(strain.watch())
    try:
        seen = await _crowd(settings, slug, plan, victim)
    finally:
        watching.cancel()
    await told("checks", slug)
    found = await verify(settings, redis, database, copy, AT_REST_SECONDS)
    await set_state(database, redis, copy, "closed", "", "The rehearsal")
    points = await read_history(database, copy.id, began_ms - 10_000, SECOND)
    checks = [Check(f"{check.number}. {check.title}", check.ok, check.detail) for check in found]
    verdict = judge(
        copy, event.name, seen["ends"], seen["waited_seconds"], points, checks, seen["seconds"], plan.kills, strain
    )
    await keep_verdict(database, copy.id, verdict)
    return slug, verdict


def _process(name: str) -> int:
    """The id of a process of the local stack."""
    processes: dict[str, int] = local_stack().get("processes", {})
    if name not in processes:
        raise CannotRehearse(f"kill: one of {', '.join(sorted(processes)) or 'a local stack, which there is not'}")
    return processes[name]


async def _crowd(settings: Settings, slug: str, plan: Plan, victim: int | None) -> dict[str, Any]:
    """Buyers in a process of their own, so that theirs is not the machine that is measured."""
    words = ["--event", slug, "--buyers", str(plan.buyers), "--url", settings.public_url]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "crowd", *words, "--within", str(plan.within_seconds), "--json",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        saying = asyncio.create_task(process.communicate())
        if victim:
            await asyncio.sleep(KILL_AFTER_SECONDS)
            os.kill(victim, signal.SIGKILL)
        said, _ = await saying
        told: dict[str, Any] = json.loads(said)
    except ValueError:
        raise CannotRehearse("The crowd did not come back.") from None
    except ProcessLookupError:
        raise CannotRehearse(f"{plan.kills} was gone before it could be killed.") from None
    finally:
        if process.returncode is None:  # nobody waits for it any more
            process.kill()
    return told
