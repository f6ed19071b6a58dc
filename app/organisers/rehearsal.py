"""A rehearsal: a copy of an event that is only played, and the verdict on what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from app.infra.mysql import Database
from app.live.shapes import Time
from app.organisers.history import Point
from app.organisers.strain import Strain
from app.sale.catalog import Event, hints
from app.sale.events import create_event
from app.sale.gates.rules import NO_GATES
from app.units import iso, now_ms, to_datetime

OPENS_IN_MS: Final = 5_000
LONG_WAIT_SECONDS: Final = 600


class Check(Struct, frozen=True):
    """One of the things that must always be true."""

    title: str
    ok: bool
    detail: str


class Verdict(Struct, frozen=True):
    """What came of a rehearsal. `findings` are what would have gone wrong, and which setting to change."""

    ok: bool
    of: str
    at: Time
    buyers: int
    tickets: int
    sold: int
    seconds: int
    ends: dict[str, int]  # how it ended for the buyers
    waited_seconds: dict[str, float]  # p50, p95, max
    most: dict[str, int]  # at once: waiting, admitted, holding, and what strained the machine
    orders_a_second: float  # in the busiest second
    killed: str | None
    findings: list[str]
    checks: list[Check]


async def begin(database: Database, redis: Redis, event: Event, slug: str, tickets: int | None) -> Event:
    """A copy of an event that opens in some seconds, marked as one; its tickets are paid in the sandbox."""
    capacity = sum(sku.capacity for sku in event.skus)
    skus = tuple(
        replace(
            sku,
            id=0,
            sold=0,
            capacity=max(1, sku.capacity * (tickets or capacity) // capacity),
            sells_from_ms=None,  # nobody waits for days
            sells_until_ms=None,
        )
        for sku in event.skus
    )
    copy = await create_event(
        database,
        redis,
        replace(
            event,
            id=0,
            slug=slug,
            name=f"Rehearsal: {event.name}"[:120],
            state="scheduled",
            notice=None,
            opens_at_ms=now_ms() + OPENS_IN_MS,
            skus=skus,
            pauses=(),
            on_sale=True,
            purged=False,
            archived=False,
            epoch=1,
            revision=1,
            provider="sandbox",
            deposit_percent=None,  # nor here
            rest_due_days=None,
            gates=NO_GATES,  # the crowd has neither codes nor accounts
            called_off_at_ms=None,
            called_off_reason="",
        ),
    )
    await database.execute(
        "INSERT INTO rehearsals (event_id, of_slug, began_at) VALUES (%s, %s, %s)",
        (copy.id, event.slug, to_datetime(now_ms())),
    )
    return copy


async def keep_verdict(database: Database, event_id: int, verdict: Verdict) -> None:
    """Writes the verdict down, for its page."""
    await database.execute(
        "UPDATE rehearsals SET verdict = %s WHERE event_id = %s", (msgspec.json.encode(verdict).decode(), event_id)
    )


async def read_verdict(database: Database, event_id: int) -> Verdict | None:
    """The verdict on a rehearsal; None for an event that is none, or is still played."""
    row = await database.fetch_one("SELECT verdict FROM rehearsals WHERE event_id = %s", (event_id,))
    return msgspec.json.decode(row["verdict"], type=Verdict) if row and row["verdict"] else None


def judge(
    event: Event,
    of: str,
    ends: Mapping[str, int],
    waited: Sequence[float],
    points: Sequence[tuple[int, Point]],
    checks: Sequence[Check],
    seconds: int,
    killed: str | None,
    strain: Strain,
) -> Verdict:
    """The verdict on what was seen. `waited` is in order, `points` are a second apart."""
    tickets = sum(sku.capacity for sku in event.skus)
    sold = sum(points[-1][1].sold.values()) if points else 0
    orders = [
        (later.passed.holding - earlier.passed.holding) * 1000 / max(at - before, 1)
        for (before, earlier), (at, later) in pairwise(points)
    ]
    waits = {"p50": _share(waited, 0.5), "p95": _share(waited, 0.95), "max": _share(waited, 1.0)}
    return Verdict(
        ok=all(check.ok for check in checks),
        of=of,
        at=iso(now_ms()),
        buyers=sum(ends.values()),
        tickets=tickets,
        sold=sold,
        seconds=seconds,
        ends=dict(ends),
        waited_seconds=waits,
        most={
            name: max((getattr(point, name) for _, point in points), default=0)
            for name in ("waiting", "admitted", "holding")
        }
        | strain.most,
        orders_a_second=round(max(orders, default=0.0), 1),
        killed=killed,
        findings=[*_findings(event, ends, waits, sold, tickets), *_strained(strain), *hints(event)],
        checks=list(checks),
    )


def _strained(strain: Strain) -> list[str]:
    """What was too much, in sentences."""
    more = {
        "loop": "The web could not keep up, so newcomers were asked to wait: more web processes (WEB_PROCESSES).",
        "outbox": "More orders came than could be passed on: lower the rate, or look at Kafka and the relay.",
        "books": "Orders took long to reach the books: lower the rate, or look at MySQL and the ledger.",
    }
    return [text for reason, text in more.items() if reason in strain.reasons]


def _share(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def _findings(
    event: Event, ends: Mapping[str, int], waits: Mapping[str, float], sold: int, tickets: int
) -> list[str]:
    """What would have gone wrong, in sentences."""
    found = []
    buyers = sum(ends.values()) or 1
    failed = {how: ends.get(how, 0) for how in ("refused", "unreachable", "timed_out", "busy", "internal")}
    if lost := sum(failed.values()):
        found.append(f"{lost} of {buyers} buyers could not get through: more web processes (WEB_PROCESSES).")
    if waits["p95"] > LONG_WAIT_SECONDS and sold < tickets:
        found.append(
            f"One in twenty waited longer than {waits['p95'] / 60:.0f} min while tickets were left: raise the rate"
            f" ({event.rate_per_minute:,} a minute) or the room ({event.room:,})."
        )
    if ends.get("lapsed", 0) > buyers // 10:
        found.append(
            f"{ends['lapsed']} buyers ran out of time to choose: give them more than {event.pass_ttl_seconds} s."
        )
    if ends.get("expired", 0) > buyers // 10:
        found.append(f"{ends['expired']} orders were not paid in {event.hold_ttl_seconds} s: give them more time.")
    if sold < tickets and ends.get("left", 0) > buyers // 5:
        found.append("One in five gave up waiting while tickets were left: raise the rate.")
    return found
