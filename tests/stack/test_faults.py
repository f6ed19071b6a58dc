"""A few sales in which something goes wrong, on servers of their own; `make faults` plays all of them."""

import asyncio
from pathlib import Path

from faults.night import Night
from faults.play import Played, play
from faults.rows import ROWS
from tests.world.apart import own_topics
from tests.world.stack import Stack

SEED = "every change"
BUYERS = 24  # there is a ticket for each, so nobody waits for what others give back


async def play_quick_rows(folder: Path, settings: dict[str, str]) -> list[Played]:
    async with Night(folder / "night", settings).running() as night:
        return [await play(night, row, SEED, folder / "failed", BUYERS) for row in ROWS if row.is_quick]


def test_quick_rows_lose_nothing_double_nothing_and_let_nobody_overtake(stack: Stack, tmp_path: Path) -> None:
    with own_topics(stack.env) as env:
        shared = {name: env[name] for name in ("KAFKA_BOOTSTRAP_SERVERS", "ORDERS_TOPIC")}
        played = asyncio.run(play_quick_rows(tmp_path, {**shared, "LEDGER_GROUP": env["ORDERS_TOPIC"]}))
    assert [(one.row, one.problems) for one in played if one.problems] == []
    assert all(one.answered for one in played)
