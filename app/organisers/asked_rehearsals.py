"""Rehearsals that organisers ask for: written down by the web, played by a worker, one at a time."""

from typing import Final

import msgspec

from app.ids import new_short_id
from app.infra.mysql import Connection, Database, Row
from app.units import now_ms, to_datetime, to_ms

MOST_WAITING: Final = 5  # of all events
MOST_LISTED: Final = 20
SILENT_MS: Final = 60_000  # nobody plays it any more


class AlreadyAsked(Exception):
    """This event is being rehearsed, or is about to be."""


class TooManyRehearsals(Exception):
    """As many wait as may."""


class Asked(msgspec.Struct, frozen=True):
    """A rehearsal that was asked for."""

    id: str
    event_id: int
    buyers: int
    tickets: int | None
    kills: str | None


async def ask(
    database: Database, event_id: int, buyers: int, tickets: int | None, kills: str | None, who: str
) -> str:
    """Writes down that a rehearsal is wanted: its id. Raises AlreadyAsked, TooManyRehearsals."""
    id_, now = new_short_id(), now_ms()
    async with database.transaction() as connection:
        standing = await _standing(connection)
        asked, full = event_id in [row["event_id"] for row in standing], len(standing) >= MOST_WAITING
        if not asked and not full:
            await connection.execute(
                "INSERT INTO asked_rehearsals"
                " (id, event_id, buyers, tickets, kills, asked_by, asked_at, state, step)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, 'WAITING', '')",
                (id_, event_id, buyers, tickets, kills, who[:140], to_datetime(now)),
            )
    if asked:
        raise AlreadyAsked
    if full:
        raise TooManyRehearsals
    return id_


async def _standing(connection: Connection) -> list[Row]:
    """Those that wait or are played, locked; one that nobody plays any more has failed."""
    await connection.execute(
        "UPDATE asked_rehearsals SET state = 'FAILED', error = 'whoever played it ended'"
        " WHERE state = 'PLAYED' AND beat_at < %s",
        (to_datetime(now_ms() - SILENT_MS),),
    )
    return await connection.fetch_all(
        "SELECT id, event_id, buyers, tickets, kills, state FROM asked_rehearsals"
        " WHERE state IN ('WAITING', 'PLAYED') ORDER BY asked_at FOR UPDATE"
    )


async def claim(database: Database) -> Asked | None:
    """The next one to be played; None while one is played, or none is wanted."""
    async with database.transaction() as connection:
        standing = await _standing(connection)
        if not standing or any(row.pop("state") == "PLAYED" for row in standing):
            return None
        asked = Asked(**standing[0])
        await connection.execute(
            "UPDATE asked_rehearsals SET state = 'PLAYED', beat_at = %s WHERE id = %s",
            (to_datetime(now_ms()), asked.id),
        )
    return asked


async def beat(database: Database, id_: str, step: str, copy_slug: str | None) -> None:
    """Tells how far it is."""
    await database.execute(
        "UPDATE asked_rehearsals SET beat_at = %s, step = %s, copy_slug = %s WHERE id = %s AND state = 'PLAYED'",
        (to_datetime(now_ms()), step, copy_slug, id_),
    )


async def end(database: Database, id_: str, error: str | None) -> None:
    """It is DONE, or FAILED with an error."""
    await database.execute(
        "UPDATE asked_rehearsals SET state = %s, error = %s WHERE id = %s AND state = 'PLAYED'",
        ("FAILED" if error else "DONE", error and error[:200], id_),
    )


async def list_asked(database: Database, event_id: int) -> list[Row]:
    """The newest of an event."""
    rows = await database.fetch_all(
        "SELECT id, buyers, tickets, kills, asked_by, asked_at, state, step, beat_at, copy_slug, error"
        " FROM asked_rehearsals WHERE event_id = %s ORDER BY asked_at DESC LIMIT %s",
        (event_id, MOST_LISTED),
    )
    for row in rows:
        if row["state"] == "PLAYED" and to_ms(row["beat_at"]) < now_ms() - SILENT_MS:
            row |= {"state": "FAILED", "error": "whoever played it ended"}
    return rows
