"""Plays one row: a sale, its crowd, the fault in the middle of it, rest, and the two verdicts."""

import asyncio
import json
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import msgspec

from app.payments.provider import ProviderUnavailable
from app.payments.sandbox import SandboxProvider
from app.sale.catalog import Event, parse_sku
from app.sale.events import create_event, set_state
from app.units import now_ms
from app.watch.verify import Check, verify
from crowd.browser import visit
from crowd.buyer import Outcome
from faults import crowd, journal
from faults.night import Night, NightFailed
from faults.rows import Row, Sale
from workers.runner import AWAY

AT_REST_SECONDS = 330  # a charge that the provider dates an hour back, and never reports, takes a far look
STOCK_CHECKS = (1, 3)


class Played(msgspec.Struct, frozen=True):
    """How one row went; `problems` is empty when nothing was lost, doubled, oversold or unfair."""

    row: str
    seed: str
    ends: dict[str, int]
    answered: int
    gone: int
    lost: int
    doubled: int
    oversold: int
    back_seconds: float  # from the end of the fault until the application and this sale are ready
    seconds: float  # the whole play
    problems: list[str]


async def play(night: Night, row: Row, seed: str, keep: Path) -> Played:
    """Plays a row with the crowd and the moments of a seed. If it fails, `keep` gets the logs and the journal."""
    began = time.monotonic()
    chance = Random(f"{row.name}:{seed}")  # noqa: S311  # a play, no secrets
    await night.until_ready()
    log_sizes = {name: log.stat().st_size for name, log in night.logs.items()}
    dead_letters = await night.dead_letters()
    event = await _put_on_sale(night, row)
    sale = Sale(event.id, event.slug, sum(sku.capacity for sku in event.skus))
    shop = await visit(night.web_itself if row.scale.is_direct else night.web, sale.slug)
    coming = crowd.Crowd(shop, f"{row.name}:{seed}", row.habits, row.scale.buyers)
    problems: list[str] = []
    back_seconds = 0.0
    try:
        await night.until_taken(sale.id, chance.randint(3, sale.capacity // 2))
        await row.act(night, sale, chance)
        back_seconds = await night.until_ready(sale.slug)
    except NightFailed as error:
        problems.append(str(error))
    finally:
        for proxy in (night.web_proxy, night.redis_proxy, night.mysql_proxy):
            proxy.heal()
    outcomes = await coming.go_home(row.scale.patience_seconds)
    checks: list[Check] = []
    seen = journal.Findings(0, 0, 0, 0, 0, [])
    try:
        charges = await _charges(night, event)  # before the rest: one that comes later may still be on its way
        checks = await _verify(night, event)
        if not row.poisons and await night.dead_letters() > dead_letters:
            problems.append("facts went to the dlq")
        books = await _books(night, sale.id)
        seen = journal.check(outcomes, books, charges, sale.capacity, undoes_writes=row.undoes_writes)
        await _close(night, event)
    except (NightFailed, ProviderUnavailable, *AWAY) as error:
        problems.append(f"no verdict: {error!r}")
    problems += [f"{check.number}. {check.title}: {check.detail}" for check in checks if not check.ok]
    problems += seen.problems
    played = Played(
        row.name,
        seed,
        dict(Counter(outcome.how for outcome in outcomes).most_common()),
        seen.answered,
        seen.gone,
        seen.lost + seen.unbooked,
        seen.doubled,
        sum(check.number in STOCK_CHECKS and not check.ok for check in checks),
        round(back_seconds, 2),
        round(time.monotonic() - began, 1),
        problems,
    )
    if problems:
        _keep(night, keep / f"{row.name}-{seed}", log_sizes, event, outcomes, played)
    return played


async def _put_on_sale(night: Night, row: Row) -> Event:
    event = Event(
        id=0,
        slug=f"fault-{uuid.uuid4().hex[:10]}",
        name="Fault",
        currency="USD",
        state="open",
        notice=None,
        accent="",
        opens_at_ms=now_ms(),
        rate_per_minute=6_000,
        room=row.scale.room,
        pass_ttl_seconds=crowd.PASS_SECONDS,
        hold_ttl_seconds=row.hold_seconds,
        max_per_buyer=2,
        draw_secret="",
        skus=tuple(parse_sku(text) for text in row.scale.skus),
    )
    async with night.inside() as (_, redis, database):
        return await create_event(database, redis, event)


async def _verify(night: Night, event: Event) -> list[Check]:
    """What `ticketcraze verify` finds, once all it asks are there. Raises NightFailed."""
    deadline = time.monotonic() + AT_REST_SECONDS
    while True:
        try:
            async with night.inside() as (settings, redis, database):
                return await verify(settings, redis, database, event, AT_REST_SECONDS)
        except AWAY as error:
            if time.monotonic() > deadline:
                raise NightFailed(f"verify: {error!r}") from error
            await asyncio.sleep(1)


async def _close(night: Night, event: Event) -> None:
    async with night.inside() as (_, redis, database):
        await set_state(database, redis, event, "closed", "", "The harness")


async def _books(night: Night, event_id: int) -> journal.Books:
    async with night.inside() as (_, _, database):
        orders = await database.fetch_all("SELECT id, status FROM orders WHERE event_id = %s", (event_id,))
        booked = await database.fetch_all(
            "SELECT transaction_id FROM payments WHERE kind = 'CHARGE' AND RIGHT(order_id, 8) = %s",
            (f"{event_id:08x}",),
        )
    return journal.Books(
        {row["id"]: row["status"] for row in orders},
        frozenset(row["transaction_id"] for row in booked if row["transaction_id"]),
    )


async def _charges(night: Night, event: Event) -> list[journal.Charge]:
    tail = f"{event.id:08x}"
    charges: list[journal.Charge] = []
    async with SandboxProvider(night.settings) as provider:
        after = ""
        while True:
            page = await provider.list_transactions(event.opens_at_ms, after)
            charges += [
                journal.Charge(notice.transaction_id, notice.order_id, notice.amount_minor)
                for notice in page.notices
                if notice.order_id.endswith(tail)
            ]
            if not page.after:
                return charges
            after = page.after


def _keep(
    night: Night,
    folder: Path,
    log_sizes: dict[str, int],
    event: Event,
    outcomes: Sequence[Outcome],
    played: Played,
) -> None:
    """What explains a failure: what each process said meanwhile, and what each buyer was told."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, log in night.logs.items():
        with log.open("rb") as file:
            file.seek(min(log_sizes.get(name, 0), log.stat().st_size))
            (folder / f"{name}.log").write_bytes(file.read())
    (folder / "played.json").write_bytes(msgspec.json.format(msgspec.json.encode(played)))
    with (folder / "journal.jsonl").open("w") as file:
        for outcome in outcomes:
            told = [[round(one.at, 3), one.how, one.status, one.body] for one in outcome.told]
            line = {"how": outcome.how, "order_id": outcome.order_id, "event": event.slug, "told": told}
            file.write(json.dumps(line) + "\n")
