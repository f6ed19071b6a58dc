"""The admin log: who changed what, when, from where; what it was and what it became. Nobody can rewrite it.

A control takes effect in Redis, so it must work while the books do not answer. Then its line waits in Redis, and
is written down as soon as they do: once, for it has an id.
"""

import logging
from typing import Any, Final, cast

import msgspec
from asyncmy.errors import MySQLError
from redis.asyncio import Redis

from app.ids import new_id
from app.infra.mysql import Database, DatabaseUnavailable, Row, in_list
from app.units import now_ms, to_datetime

log = logging.getLogger(__name__)

WAITING: Final = "tc:admin-log"  # stream: lines that are not in the books yet
MOST_WAITING: Final = 10_000
AT_ONCE: Final = 200
SIGNING_IN: Final = ("signed in", "wrong password", "wrong code")
_MOST_TEXT = 60_000  # bytes: what TEXT holds, with room to spare


class Deed(msgspec.Struct, frozen=True):
    """One line. `subject` is what it was done to, where that is not the event itself: an order, a key, a name."""

    who: str
    action: str
    event_id: int = 0
    subject: str = ""
    was: Any = None
    became: Any = None
    address: str = ""
    at_ms: int = msgspec.field(default_factory=now_ms)
    id: str = msgspec.field(default_factory=new_id)


class AdminLog:
    """Where deeds are written down."""

    def __init__(self, redis: Redis, database: Database) -> None:
        self._redis = redis
        self._database = database

    async def write(self, deed: Deed) -> None:
        """Writes a line down, or has it wait. Raises RedisError when neither can be done."""
        try:
            await _insert(self._database, [deed])
        except (DatabaseUnavailable, MySQLError) as error:
            log.warning("%s: %s, event %d: written down later: %s", deed.who, deed.action, deed.event_id, error)
            await self._redis.xadd(WAITING, {"deed": msgspec.json.encode(deed)}, maxlen=MOST_WAITING)

    async def catch_up(self) -> int:
        """Writes down what waits; how many lines that were. Raises RedisError, DatabaseUnavailable."""
        entries = cast(list[tuple[str, dict[str, str]]], await self._redis.xrange(WAITING, count=AT_ONCE))
        if entries:
            await _insert(
                self._database, [msgspec.json.decode(fields["deed"], type=Deed) for _, fields in entries]
            )
            await self._redis.xdel(WAITING, *(id_ for id_, _ in entries))
        return len(entries)


async def _insert(database: Database, deeds: list[Deed]) -> None:
    async with database.connection() as connection:
        await connection.insert_many(
            "INSERT IGNORE INTO admin_log (id, at, who, address, event_id, action, subject, was, became)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    deed.id,
                    to_datetime(deed.at_ms),
                    deed.who[:140],
                    deed.address[:45],
                    deed.event_id,
                    deed.action[:40],
                    deed.subject[:140],
                    _text(deed.was),
                    _text(deed.became),
                )
                for deed in deeds
            ],
        )


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return msgspec.json.encode(value).decode()[: _MOST_TEXT // 4]


async def read_log(
    database: Database, event_id: int | None = None, before: int | None = None, most: int = 50
) -> list[Row]:
    """The newest lines, of one event or of all; those before a `seq` where that is given."""
    wheres = {"event_id = %s": event_id, "seq < %s": before}
    given = {where: value for where, value in wheres.items() if value is not None}
    where = f"WHERE {' AND '.join(given)}" if given else ""
    return await database.fetch_all(
        "SELECT seq, id, at, who, address, event_id, action, subject, was, became FROM admin_log"  # noqa: S608
        f" {where} ORDER BY seq DESC LIMIT %s",
        (*given.values(), most),
    )


async def read_log_of(database: Database, who: str, most: int) -> list[Row]:
    """The newest lines of one person, and of nobody's key."""
    return await database.fetch_all(
        "SELECT seq, at, who, address, event_id, action, subject FROM admin_log WHERE who = %s"
        " ORDER BY seq DESC LIMIT %s",
        (who, most),
    )


async def read_logins(database: Database, who: str | None, most: int) -> list[Row]:
    """The newest lines about signing in, of one person or of everybody."""
    return await database.fetch_all(
        "SELECT at, who, address, action FROM admin_log WHERE event_id = 0 AND (%s IS NULL OR who = %s)"  # noqa: S608
        f" AND action IN {in_list(SIGNING_IN)} ORDER BY seq DESC LIMIT %s",
        (who, who, *SIGNING_IN, most),
    )
