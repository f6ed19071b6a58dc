"""The workers: each dies, stands still, is there twice, or has a wrong clock."""

import asyncio
from contextlib import AsyncExitStack
from random import Random

from faults.night import PROCESSES, WORKERS, Night
from faults.rows.common import kill, pause
from faults.rows.row import Row, Sale, row

STEPS = {
    "relay": ("before send", "after send"),
    "ledger": ("before commit", "after commit", "before offset commit"),
}
HOUR_SECONDS = 3_600
WITH_CLOCKS = ("web", "sandbox", *WORKERS)


async def kill_at_step(night: Night, sale: Sale, chance: Random, *, worker: str, step: str) -> None:
    """It dies at exactly this step."""
    await night.at_step(worker, step)


async def rebalance(night: Night, sale: Sale, chance: Random) -> None:
    """Another ledger comes and goes."""
    for _ in range(10):
        async with night.another("workers.ledger"):
            await asyncio.sleep(chance.uniform(0.8, 2))


async def two_of_everything(night: Night, sale: Sale, chance: Random) -> None:
    """Each worker twice."""
    async with AsyncExitStack() as running:
        for worker in WORKERS:
            await running.enter_async_context(night.another(PROCESSES[worker]))
        await asyncio.sleep(8)


async def wrong_clock(night: Night, sale: Sale, chance: Random, *, seconds: int) -> None:
    """One process's clock is wrong while it goes on working."""
    name = chance.choice(WITH_CLOCKS)
    await night.set_clock(name, seconds)
    try:
        await asyncio.sleep(6)
    finally:
        await night.set_clock(name, 0)


def _steps() -> tuple[Row, ...]:
    return tuple(
        row(
            f"{worker}-killed-{step.replace(' ', '-')}",
            f"{worker}: SIGKILL {step}",
            kill_at_step,
            worker=worker,
            step=step,
        )
        for worker, steps in STEPS.items()
        for step in steps
    )


ROWS = (
    row("relay-killed", "relay: SIGKILL, three times", kill, names=("relay",), times=3),
    row("ledger-killed", "ledger: SIGKILL, three times", kill, names=("ledger",), times=3),
    *_steps(),
    row("ledger-stopped", "ledger: SIGSTOP past its session, then woken", pause, of="ledger", seconds=9),
    row("rebalances", "another ledger comes and goes ten times", rebalance),
    row("workers-killed", "all workers: SIGKILL, twice", kill, names=WORKERS, times=2),
    row("two-of-everything", "two of each worker", two_of_everything),
    row("clock-ahead", "the clock of one process is an hour ahead", wrong_clock, seconds=HOUR_SECONDS),
    row("clock-behind", "the clock of one process is an hour behind", wrong_clock, seconds=-HOUR_SECONDS),
)
