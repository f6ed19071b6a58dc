"""The rows: what goes wrong in the middle of a sale, by what it happens to."""

from random import Random

from faults.night import Night
from faults.rows import anything, big, kafka, money, mysql, redis, web, workers
from faults.rows.row import Row, Sale, Scale, row

_ONE_BY_ONE = (
    *anything.ROWS,
    *web.ROWS,
    *money.ROWS,
    *workers.ROWS,
    *redis.ROWS,
    *kafka.ROWS,
    *mysql.ROWS,
)
_LONG = ("kafka-down", "mysql-down", "web-restarted-crowded")


async def several(night: Night, sale: Sale, chance: Random) -> None:
    """Two of the other rows, one after the other, in one sale."""
    for one in chance.sample([one for one in _ONE_BY_ONE if _goes_with_others(one)], 2):
        await one.act(night, sale, chance)
        await night.until_ready()


def _goes_with_others(one: Row) -> bool:
    """An exact moment may never come in what is left of a sale."""
    return not (one.poisons or one.needs_root or one.name in _LONG or "-killed-" in one.name or "lost" in one.name)


ROWS = (
    *_ONE_BY_ONE,
    row("several", "two of these, one after the other", several, undoes_writes=True),
)
BY_NAME = {one.name: one for one in (*ROWS, *big.ROWS)}  # those that are played only when they are named too

__all__ = ["BY_NAME", "ROWS", "Row", "Sale", "Scale"]
