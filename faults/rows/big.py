"""The big night: thousands of people come for a few hundred tickets, and each process of ours dies meanwhile."""

from dataclasses import replace
from random import Random

from crowd.habits import Habits
from faults import crowd
from faults.night import WORKERS, Night
from faults.rows.row import Sale, Scale, row

LEAVING_SHARE = 0.1  # and coming back
SCALE = Scale(buyers=5_000, skus=("Floor:4500:370", "Box:9900:130"), room=60, patience_seconds=240, is_direct=True)


async def kill_one_after_the_other(night: Night, sale: Sale, chance: Random) -> None:
    """The web and every worker: the next one as soon as all is well again."""
    processes = ("web", *WORKERS)
    for name in chance.sample(processes, len(processes)):
        await night.kill(name)
        await night.until_ready()


def habits(chance: Random) -> Habits:
    """As everywhere, but more of them leave and come back."""
    leaves = chance.random() < LEAVING_SHARE
    return replace(
        crowd.habits(chance),
        away_after_seconds=chance.uniform(0.3, 20) if leaves else None,
        away_seconds=chance.uniform(1, 10) if leaves else 0,
    )


ROWS = (
    row(
        "big-night",
        "5,000 buyers for 500 tickets, one in ten leaves and comes back; web and every worker: SIGKILL in turn",
        kill_one_after_the_other,
        habits=habits,
        scale=SCALE,
    ),
)
