"""Plays one row: a sale, its crowd, the fault in the middle of it, rest, and the two verdicts."""

import asyncio
import time
import uuid
from dataclasses import dataclass
from random import Random

from app.infra.mysql import Database
from app.payments.sandbox import SandboxProvider
from crowd.browser import visit
from faults import crowd, journal
from faults.night import Night, NightFailed
from faults.rows import Row, Sale

SKUS = ("Floor:4500:30", "Box:9900:10")
CAPACITY = 40
OPTIONS = ("--opens-in=0", "--rate=3000", "--room=30", "--pass-ttl=20", "--hold-ttl=12", "--max-per-buyer=2")
AT_REST_SECONDS = 90


@dataclass(frozen=True)
class Played:
    """How one row went; `problems` is empty when nothing was lost, doubled, oversold or unfair."""

    row: str
    seed: str
    ends: dict[str, int]
    answered: int
    lost: int
    doubled: int
    oversold: int
    back_seconds: float  # from the end of the fault until the application says it is ready
    problems: list[str]


async def play(night: Night, row: Row, seed: str) -> Played:
    """Plays a row with the crowd and the moments of a seed."""
    chance = Random(f"{row.name}:{seed}")  # noqa: S311  # a play, no secrets
    await night.until_ready()
    dead_letters = _dead_letters(night)
    slug = f"fault-{uuid.uuid4().hex[:10]}"
    created = await asyncio.to_thread(
        night.command,
        "event",
        "create",
        f"--slug={slug}",
        "--name=Fault",
        *(f"--sku={sku}" for sku in SKUS),
        *OPTIONS,
    )
    sale = Sale(created["id"], slug, CAPACITY)
    began_ms = time.time_ns() // 1_000_000
    coming = asyncio.create_task(crowd.come(await visit(night.web, slug), f"{row.name}:{seed}"))
    problems: list[str] = []
    back_seconds = 0.0
    try:
        await night.until_taken(sale.id, chance.randint(3, CAPACITY // 2))
        await row.act(night, sale, chance)
        back_seconds = await night.until_ready()
    except NightFailed as error:
        problems.append(str(error))
    outcomes = await coming
    night.redis_proxy.heal()
    night.mysql_proxy.heal()
    verdict = await asyncio.to_thread(night.command, "verify", slug, f"--at-rest={AT_REST_SECONDS}")
    checks = verdict.get("checks", [])
    expects_letters = row.name == "kafka-poison"
    problems += [f"{check['number']}. {check['title']}: {check['detail']}" for check in checks if not check["ok"]]
    if not checks:
        problems.append(f"verify: {verdict}")
    if not expects_letters and _dead_letters(night) > dead_letters:
        problems.append("facts went to the dlq")
    seen = journal.check(
        outcomes, await _books(night, sale.id), await _charges(night, sale.id, began_ms), CAPACITY
    )
    oversold = sum(1 for check in checks if check["number"] in (1, 3) and not check["ok"])
    await asyncio.to_thread(night.command, "event", "close", slug)
    ends: dict[str, int] = {}
    for outcome in outcomes:
        ends[outcome.how] = ends.get(outcome.how, 0) + 1
    return Played(
        row.name,
        seed,
        ends,
        seen.answered,
        seen.lost + seen.unbooked,
        seen.doubled,
        oversold,
        back_seconds,
        problems + seen.problems,
    )


def _dead_letters(night: Night) -> int:
    answer = night.command("dlq", "list")
    return len(answer["letters"])


async def _books(night: Night, event_id: int) -> journal.Books:
    database = Database(night.servers_env["DATABASE_URL"], 1)
    await database.open()
    try:
        orders = await database.fetch_all("SELECT id, status FROM orders WHERE event_id = %s", (event_id,))
        booked = await database.fetch_all(
            "SELECT transaction_id FROM payments WHERE kind = 'CHARGE' AND RIGHT(order_id, 8) = %s",
            (f"{event_id:08x}",),
        )
    finally:
        await database.close()
    return journal.Books(
        {row["id"]: row["status"] for row in orders},
        frozenset(row["transaction_id"] for row in booked if row["transaction_id"]),
    )


async def _charges(night: Night, event_id: int, since_ms: int) -> list[journal.Charge]:
    tail = f"{event_id:08x}"
    charges: list[journal.Charge] = []
    async with SandboxProvider(night.settings) as provider:
        after = ""
        while True:
            page = await provider.list_transactions(since_ms, after)
            charges += [
                journal.Charge(notice.transaction_id, notice.order_id, notice.amount_minor)
                for notice in page.notices
                if notice.order_id.endswith(tail)
            ]
            if not page.after:
                return charges
            after = page.after
