"""How a sale stood at every moment: by the minute for ever, by the second of the last days while it was open."""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from app.infra.mysql import Database
from app.live.shapes import Money, Time
from app.organisers.snapshot import Passed, Snapshot
from app.units import iso, now_ms, to_datetime, to_ms

SECOND, MINUTE = 1, 60
STEPS: Final = (1, 5, 15, 60, 300, 900, 3_600, 86_400)  # each a divisor of a day
MOST_POINTS: Final = 1_500
SECONDS_KEPT: Final = 7 * 86_400
_DELETED_AT_ONCE: Final = 5_000
_WHILE: Final = ("open", "sold_out", "paused", "drawing")  # seconds are kept


class Point(Struct, frozen=True):
    """How many were in each stage, how many ever came into it, and what was sold and taken."""

    lobby: int
    waiting: int
    admitted: int
    holding: int
    paid: int
    refunded: int
    passed: Passed
    available: int
    held: int
    sold: dict[str, int]  # by sku
    taken: Money


class PointAt(Struct, frozen=True):
    """How a sale stood at a time. Where points are missing nothing had changed since the one before."""

    at: Time
    figures: Point


class History(Struct, frozen=True):
    """A sale over time, oldest first. `next` is where to go on; null: it is up to now."""

    slug: str
    step: int
    points: list[PointAt]
    next: Time | None


def point_of(snapshot: Snapshot) -> Point:
    """What of a snapshot is kept."""
    funnel, skus = snapshot.funnel, snapshot.skus
    return Point(
        lobby=funnel.lobby,
        waiting=funnel.waiting,
        admitted=funnel.admitted,
        holding=funnel.holding,
        paid=funnel.paid,
        refunded=funnel.refunded,
        passed=snapshot.passed,
        available=sum(sku.available for sku in skus),
        held=sum(sku.held for sku in skus),
        sold={str(sku.id): sku.sold for sku in skus},
        taken=snapshot.money.taken,
    )


class Recorder:
    """Writes history down: what is as it was before is left out."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._last: dict[tuple[int, int], tuple[int, Point]] = {}  # by event and step: at which second, what

    async def record(self, snapshots: dict[int, Snapshot]) -> None:
        """One point of each event where something changed. Raises DatabaseUnavailable."""
        second = now_ms() // 1000
        rows, noted = [], {}
        for event_id, snapshot in snapshots.items():
            point = point_of(snapshot)
            for step in (SECOND, MINUTE) if snapshot.event.sale in _WHILE else (MINUTE,):
                at = second - second % step
                last = self._last.get((event_id, step))
                if last is None or (last[0] != at and last[1] != point):
                    text = msgspec.json.encode(point).decode()
                    rows.append((event_id, step, to_datetime(at * 1000), text))
                    noted[event_id, step] = at, point
        async with self._database.connection() as connection:
            await connection.insert_many(
                "INSERT IGNORE INTO sale_history (event_id, step_seconds, at, point) VALUES (%s, %s, %s, %s)", rows
            )
        self._last |= noted

    async def forget(self) -> bool:
        """Deletes seconds that are days old; whether there may be more."""
        deleted = await self._database.execute(
            "DELETE FROM sale_history WHERE step_seconds = %s AND at < %s LIMIT %s",
            (SECOND, to_datetime(now_ms() - SECONDS_KEPT * 1000), _DELETED_AT_ONCE),
        )
        return deleted == _DELETED_AT_ONCE


async def read_history(database: Database, event_id: int, from_ms: int, step: int) -> list[tuple[int, Point]]:
    """Points from a time on, (UTC ms, figures), oldest first: of MOST_POINTS steps.

    `step` is one of STEPS. Of finer points the last in each step stands for it.
    """
    kept = SECOND if step < MINUTE else MINUTE
    last_of_each = (
        "SELECT MAX(at) AS at FROM sale_history WHERE event_id = %s AND step_seconds = %s AND at >= %s AND at < %s"
        " GROUP BY TIMESTAMPDIFF(SECOND, '2000-01-01', at) DIV %s"
    )
    until_ms = from_ms + step * MOST_POINTS * 1000
    rows = await database.fetch_all(
        "SELECT h.at, h.point FROM sale_history h"  # noqa: S608  # no input in it
        f" JOIN ({last_of_each}) AS l ON l.at = h.at"
        " WHERE h.event_id = %s AND h.step_seconds = %s ORDER BY h.at",
        (event_id, kept, to_datetime(from_ms), to_datetime(until_ms), step, event_id, kept),
    )
    return [(to_ms(row["at"]), msgspec.json.decode(row["point"], type=Point)) for row in rows]


async def first_ms(database: Database, event_id: int) -> int | None:
    """When the history of an event begins, UTC ms."""
    row = await database.fetch_one(
        "SELECT MIN(at) AS at FROM sale_history WHERE event_id = %s AND step_seconds = %s", (event_id, MINUTE)
    )
    return to_ms(row["at"]) if row and row["at"] else None


def step_for(from_ms: int) -> int:
    """The finest step in which everything since a time is one answer."""
    seconds = max(0, now_ms() - from_ms) / 1000
    return next((step for step in STEPS if seconds / step < MOST_POINTS), STEPS[-1])


def history_of(slug: str, from_ms: int, step: int, points: Sequence[tuple[int, Point]]) -> History:
    """Points as they are told."""
    until_ms = from_ms + step * MOST_POINTS * 1000
    told = [PointAt(iso(at_ms), point) for at_ms, point in points]
    return History(slug, step, told, iso(until_ms) if until_ms < now_ms() else None)
