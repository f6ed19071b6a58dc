"""Several things at once, and what people do."""

import asyncio
from random import Random

from faults.night import SERVERS, WORKERS, Night
from faults.rows.common import kill, nothing
from faults.rows.row import Sale, row


async def kill_two_servers(night: Night, sale: Sale, chance: Random) -> None:
    """Two of the three at once."""
    await night.kill(*chance.sample(SERVERS, 2))


async def kill_by_chance(night: Night, sale: Sale, chance: Random) -> None:
    """One to three of anything, again and again."""
    for _ in range(4):
        await night.kill(*chance.sample((*SERVERS, "web", "sandbox", *WORKERS), chance.randint(1, 3)))
        await asyncio.sleep(chance.uniform(0, 2))


async def pause_and_go_on(night: Night, sale: Sale, chance: Random) -> None:
    """The organiser pauses the sale, and opens it again."""
    await asyncio.to_thread(night.command, "event", "pause", sale.slug)
    await asyncio.sleep(4)
    await asyncio.to_thread(night.command, "event", "open", sale.slug)


ROWS = (
    row("nothing", "nothing goes wrong: the row that the others are compared with", nothing),
    row("paused", "the organiser pauses the sale for 4 s", pause_and_go_on),
    row("two-servers-killed", "two of Redis, MySQL and Kafka: SIGKILL", kill_two_servers),
    row(
        "everything-killed",
        "every server and every process: SIGKILL",
        kill,
        names=(*SERVERS, "web", "sandbox", *WORKERS),
    ),
    row("random-kills", "one to three of anything: SIGKILL, four times", kill_by_chance),
)
