"""Walls: a sale in big figures, for whoever has the link to it, and nothing else of the event.

A link is signed, so one row an event is all that is kept: which version of the link is good, and until when. A new
link voids those before.
"""

from functools import lru_cache
from typing import Final

import msgspec
from msgspec import Struct

from app.infra.mysql import Database
from app.live.shapes import Money, Time
from app.organisers.snapshot import OrganiserState, Snapshot
from app.units import HOUR_MS, now_ms, to_datetime, to_ms

MOST_HOURS: Final = 14 * 24


class Wall(Struct, frozen=True):
    """The link that is good: its version, until when, and whether it shows money."""

    version: int
    ends_at_ms: int
    shows_money: bool


class WallSku(Struct, frozen=True):
    """A kind of ticket on a wall."""

    id: int
    name: str
    capacity: int
    sold: int
    held: int


class WallFacts(Struct, frozen=True, tag_field="type", tag="wall"):
    """What a wall shows of a sale. `taken` is what was paid; null where the link shows no money.

    `inside` are buyers who choose now, `let_in` those who came in during the last minute.
    """

    server_now: Time
    slug: str
    name: str
    sale: OrganiserState
    opens_at: Time
    capacity: int
    sold: int
    held: int
    lobby: int
    waiting: int
    inside: int
    let_in: int
    skus: list[WallSku]
    currency: str
    taken: Money | None


def wall_facts(snapshot: Snapshot, shows_money: bool) -> WallFacts:
    """What a wall shows of a snapshot."""
    skus = [WallSku(sku.id, sku.name, sku.capacity, sku.sold, sku.held) for sku in snapshot.skus]
    return WallFacts(
        server_now=snapshot.server_now,
        slug=snapshot.event.slug,
        name=snapshot.event.name,
        sale=snapshot.event.sale,
        opens_at=snapshot.event.opens_at,
        capacity=sum(sku.capacity for sku in skus),
        sold=sum(sku.sold for sku in skus),
        held=sum(sku.held for sku in skus),
        lobby=snapshot.funnel.lobby,
        waiting=snapshot.funnel.waiting,
        inside=snapshot.funnel.admitted,
        let_in=snapshot.pace.admitted_last_minute,
        skus=skus,
        currency=snapshot.money.currency,
        taken=snapshot.money.taken if shows_money else None,
    )


@lru_cache(maxsize=16)  # made once for all walls of a sale
def wall_frame(snapshot: str, shows_money: bool) -> str:
    """The frame of a wall's socket, from the frame of an organiser's."""
    facts = wall_facts(msgspec.json.decode(snapshot, type=Snapshot), shows_money)
    return msgspec.json.encode(facts).decode()


async def read_wall(database: Database, event_id: int) -> Wall | None:
    """The link that is good now. Raises DatabaseUnavailable."""
    row = await database.fetch_one(
        "SELECT version, ends_at, shows_money FROM walls WHERE event_id = %s", (event_id,)
    )
    wall = Wall(row["version"], to_ms(row["ends_at"]), bool(row["shows_money"])) if row else None
    return wall if wall and wall.ends_at_ms > now_ms() else None


async def open_wall(database: Database, event_id: int, hours: int, shows_money: bool) -> Wall:
    """A new link, good for so many hours; those before are void. Raises DatabaseUnavailable."""
    ends_at_ms = now_ms() + hours * HOUR_MS
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO walls (event_id, version, ends_at, shows_money) VALUES (%s, 1, %s, %s)"
            " ON DUPLICATE KEY UPDATE version = version + 1, ends_at = VALUES(ends_at),"
            " shows_money = VALUES(shows_money)",
            (event_id, to_datetime(ends_at_ms), shows_money),
        )
        row = await connection.fetch_one("SELECT version FROM walls WHERE event_id = %s", (event_id,))
    return Wall(row["version"] if row else 1, ends_at_ms, shows_money)


async def end_wall(database: Database, event_id: int) -> None:
    """From now on there is no link that is good. Raises DatabaseUnavailable."""
    await database.execute("UPDATE walls SET ends_at = %s WHERE event_id = %s", (to_datetime(now_ms()), event_id))
