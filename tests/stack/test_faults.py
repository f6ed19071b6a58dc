"""A few sales in which something goes wrong, on servers of their own; `make faults` plays all of them."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from faults.night import Night
from faults.play import Played, play
from faults.rows import BY_NAME, ROWS, Row, Scale
from tests.world.apart import own_topics
from tests.world.stack import Stack

SEED = "every change"
FEW = Scale(buyers=24)  # there is a ticket for each, so nobody waits for what others give back


# One for each part that may die at the wrong moment, and a wrong clock.
WORTH_A_MINUTE = (
    *("web-killed-before-2xx", "stalled-sockets", "relay-killed-after-send", "ledger-killed-after-commit"),
    *("mysql-killed-at-commit", "clock-ahead", "clock-behind"),
)


async def play_rows(rows: list[Row], folder: Path, settings: dict[str, str]) -> list[Played]:
    async with Night(folder / "night", settings).running() as night:
        return [await play(night, replace(row, scale=FEW), SEED, folder / "failed") for row in rows]


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([row for row in ROWS if row.is_quick], id="quick"),
        pytest.param([BY_NAME[name] for name in WORTH_A_MINUTE], id="slow", marks=pytest.mark.slow),
    ],
)
def test_rows_lose_nothing_double_nothing_and_let_nobody_overtake(
    rows: list[Row], stack: Stack, tmp_path: Path
) -> None:
    with own_topics(stack.env) as env:
        shared = {name: env[name] for name in ("KAFKA_BOOTSTRAP_SERVERS", "ORDERS_TOPIC")}
        played = asyncio.run(play_rows(rows, tmp_path, {**shared, "LEDGER_GROUP": env["ORDERS_TOPIC"]}))
    assert [(one.row, one.problems) for one in played if one.problems] == []
    assert all(one.answered for one in played)
