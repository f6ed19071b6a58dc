"""MySQL."""

import asyncio
from contextlib import suppress
from random import Random

from faults.night import Night, NightFailed
from faults.proxy import Moment
from faults.rows.common import cut_off, drop_answers, fill_disk, kill, pause, take_down
from faults.rows.row import Sale, row

COMMIT = b"\x03COMMIT"  # COM_QUERY and its text


async def kill_at_commit(night: Night, sale: Sale, chance: Random) -> None:
    """It dies with a COMMIT in its hands: nobody knows whether it happened."""
    had = night.pid("mysql")

    async def die() -> None:
        await asyncio.sleep(chance.uniform(0, 0.003))
        night.kill_now("mysql")

    await night.at(night.mysql_proxy, Moment(COMMIT, "during", die, skips=chance.randint(0, 3)))
    await night.until_new("mysql", had)


async def lose_commits(night: Night, sale: Sale, chance: Random) -> None:
    """Commits happen, and whoever asked for them hears of a lost connection."""
    await night.at(night.mysql_proxy, Moment(COMMIT, "after", times=5))


async def read_only(night: Night, sale: Sale, chance: Random, *, seconds: float) -> None:
    """Every write is refused."""
    await asyncio.to_thread(night.sql, "SET GLOBAL read_only = ON")
    await asyncio.sleep(seconds)
    await asyncio.to_thread(night.sql, "SET GLOBAL read_only = OFF")


async def kill_connections(night: Night, sale: Sale, chance: Random) -> None:
    """Every connection, again and again."""
    for _ in range(10):
        found = await asyncio.to_thread(
            night.sql,
            "SELECT id FROM information_schema.processlist WHERE user <> 'root' AND user <> 'system user'",
        )
        await asyncio.to_thread(night.sql, "".join(f"KILL {number};" for number in found.split()) or "SELECT 1")
        await asyncio.sleep(chance.uniform(0.2, 0.8))


async def lock_rows(night: Night, sale: Sale, chance: Random) -> None:
    """Somebody holds the rows that every sale of a ticket changes."""
    await asyncio.to_thread(
        night.sql,
        f"START TRANSACTION; SELECT * FROM ticketcraze.skus WHERE event_id = {sale.id} FOR UPDATE; DO SLEEP(6);",  # noqa: S608  # an id of our own
    )


async def deadlocks(night: Night, sale: Sale, chance: Random) -> None:
    """Somebody takes the rows of orders and stock the other way round than the ledger does."""
    stock = f"SELECT * FROM ticketcraze.skus WHERE event_id = {sale.id} FOR UPDATE;"  # noqa: S608
    orders = f"SELECT * FROM ticketcraze.orders WHERE event_id = {sale.id} AND status = 'PENDING' FOR UPDATE;"  # noqa: S608
    for number in range(12):
        first, second = (stock, orders) if number % 3 else (orders, stock)
        # One of the two who wait for each other is told to try again; it may be this one.
        statement = f"START TRANSACTION; {first} DO SLEEP({chance.uniform(0.1, 0.5):.2f}); {second} COMMIT;"
        with suppress(NightFailed):
            await asyncio.to_thread(night.sql, statement)


ROWS = (
    row("mysql-killed", "MySQL: SIGKILL", kill, names=("mysql",)),
    row("mysql-killed-at-commit", "MySQL: SIGKILL within 3 ms of a COMMIT", kill_at_commit),
    row("mysql-commits-unheard", "five COMMITs happen, and their answers are lost", lose_commits),
    row("mysql-stopped", "MySQL: SIGSTOP for 12 s", pause, of="mysql", seconds=12),
    row("mysql-down", "MySQL is down for 60 s", take_down, of="mysql", seconds=60),
    row("mysql-read-only", "MySQL read-only for 8 s", read_only, seconds=8),
    row("mysql-connections-killed", "every connection to MySQL killed, ten times", kill_connections),
    row("mysql-rows-locked", "the stock's rows locked for 6 s", lock_rows),
    row("mysql-deadlocks", "deadlocks with the ledger, a dozen times", deadlocks),
    row(
        "mysql-answers-lost",
        "MySQL does what it was asked to, and its answers are lost",
        drop_answers,
        of="mysql",
    ),
    row("mysql-cut", "connections to MySQL reset, then refused for 5 s", cut_off, of="mysql", seconds=5),
    row("mysql-disk-full", "MySQL's disk is full for 8 s", fill_disk, needs_root=True, of="mysql", seconds=8),
)
