"""`ticketcraze rehearse`: a crowd on a copy of an event, and the verdict on what came of it."""

import argparse
import asyncio
import json
import os
import secrets
import signal
import sys
from typing import Any

import msgspec

from app.cli.command import Answer, Commands, Failed, local_stack
from app.infra.mysql import open_database
from app.infra.redis import open_redis
from app.organisers.history import SECOND, read_history
from app.organisers.rehearsal import Check, Verdict, begin, judge, keep_verdict
from app.sale.catalog import Event, Sku
from app.sale.events import find_event, set_state
from app.settings import Settings
from app.units import now_ms
from app.watch.verify import verify

MOST_BUYERS = 20_000
KILL_AFTER_SECONDS = 8.0
AT_REST_SECONDS = 120.0
USUAL = Event(
    id=0, slug="", name="an ordinary night", currency="USD", state="scheduled", notice=None, accent="",
    opens_at_ms=0, rate_per_minute=6_000, room=200, pass_ttl_seconds=60, hold_ttl_seconds=60, max_per_buyer=4,
    draw_secret="", skus=(Sku(0, "Floor", 4_500, 500),),
)  # fmt: skip


def add(commands: Commands) -> None:
    """Adds the command."""
    rehearse = commands.add(
        "rehearse",
        "Plays a sale: a crowd on a copy of an event, on the real servers, and a verdict. Pays in the sandbox.",
        _rehearse,
        "ticketcraze rehearse night-of-lights --buyers 5000 --tickets 500",
    )
    rehearse.add_argument("slug", metavar="SLUG", nargs="?", help="the event that is copied (an ordinary one)")
    rehearse.add_argument("--buyers", type=int, default=500, help=f"1 to {MOST_BUYERS} (500)")
    rehearse.add_argument("--tickets", type=int, help="in all, instead of what the event has")
    rehearse.add_argument("--within", type=float, default=1.0, metavar="SECONDS", help="in which all arrive (1)")
    rehearse.add_argument("--kill", metavar="PROCESS", help="of the local stack, killed in the middle: ledger")


async def _rehearse(settings: Settings, arguments: argparse.Namespace) -> Answer:
    if not 1 <= arguments.buyers <= MOST_BUYERS:
        raise Failed(f"buyers: from 1 to {MOST_BUYERS}")
    if arguments.tickets is not None and not 1 <= arguments.tickets <= 1_000_000:
        raise Failed("tickets: from 1 to 1000000")
    if not settings.sandbox_url:
        raise Failed("A rehearsal pays in the sandbox, and there is none here.")
    victim = _process(arguments.kill) if arguments.kill else None
    async with open_database(settings) as database, open_redis(settings) as redis:
        event = await find_event(database, arguments.slug) if arguments.slug else USUAL
        slug = f"rehearsal-{now_ms():x}-{secrets.token_hex(2)}"
        copy = await begin(database, redis, event, slug, arguments.tickets)
        began_ms = now_ms()
        crowd = asyncio.create_task(_crowd(settings, slug, arguments))
        if victim:
            await asyncio.sleep(KILL_AFTER_SECONDS)
            os.kill(victim, signal.SIGKILL)
        told = await crowd
        found = await verify(settings, redis, database, copy, AT_REST_SECONDS)
        await set_state(database, redis, copy, "closed", "", "The rehearsal")
        points = await read_history(database, copy.id, began_ms - 10_000, SECOND)
        checks = [Check(f"{check.number}. {check.title}", check.ok, check.detail) for check in found]
        verdict = judge(
            copy, event.name, told["ends"], told["waited_seconds"], points, checks, told["seconds"], arguments.kill
        )
        await keep_verdict(database, copy.id, verdict)
    answer: dict[str, Any] = msgspec.to_builtins(verdict)
    return {"slug": slug, **answer}, _page(slug, verdict)


def _process(name: str) -> int:
    """The id of a process of the local stack."""
    processes: dict[str, int] = local_stack().get("processes", {})
    if name not in processes:
        raise Failed(f"kill: one of {', '.join(sorted(processes)) or 'a local stack, which there is not'}")
    return processes[name]


async def _crowd(settings: Settings, slug: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Buyers in a process of their own, so that theirs is not the machine that is measured."""
    words = ["--event", slug, "--buyers", str(arguments.buyers), "--url", settings.public_url]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "crowd", *words, "--within", str(arguments.within), "--json",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate()
    try:
        told: dict[str, Any] = json.loads(said)
    except ValueError:
        raise Failed("The crowd did not come back.") from None
    return told


def _page(slug: str, verdict: Verdict) -> str:
    waited = verdict.waited_seconds
    lines = [
        f"{slug}: {'every check holds' if verdict.ok else 'SOMETHING IS WRONG'}",
        f"  {verdict.buyers} buyers, {verdict.tickets} tickets, {verdict.sold} sold, {verdict.seconds} s",
        f"  waited {waited['p50']:.0f} s, one in twenty {waited['p95']:.0f} s, the longest {waited['max']:.0f} s",
        f"  at once {verdict.most['waiting']} waiting, {verdict.most['admitted']} choosing,"
        f" {verdict.most['holding']} holding; {verdict.orders_a_second} orders in the busiest second",
        "  " + ", ".join(f"{n} {how}" for how, n in sorted(verdict.ends.items(), key=lambda end: -end[1])),
        *(f"  FAIL {check.title}: {check.detail}" for check in verdict.checks if not check.ok),
        *(f"  think of: {finding}" for finding in verdict.findings),
        f"  the page: /admin/events/{slug}/verdict",
    ]
    return "\n".join(lines)
