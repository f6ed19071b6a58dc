"""`ticketcraze rehearse`: a crowd on a copy of an event, and the verdict on what came of it."""

import argparse
from typing import Any

import msgspec

from app.cli.command import Answer, Commands, Failed
from app.infra.mysql import open_database
from app.infra.redis import open_redis
from app.organisers.rehearsal import Verdict
from app.organisers.rehearsing import MOST_BUYERS, CannotRehearse, Plan, rehearse
from app.sale.catalog import Event, Sku
from app.sale.events import find_event
from app.settings import Settings

USUAL = Event(
    id=0, slug="", name="an ordinary night", currency="USD", state="scheduled", notice=None, accent="",
    opens_at_ms=0, rate_per_minute=6_000, room=200, pass_ttl_seconds=60, hold_ttl_seconds=60, max_per_buyer=4,
    draw_secret="", skus=(Sku(0, "Floor", 4_500, 500),),
)  # fmt: skip


def add(commands: Commands) -> None:
    """Adds the command."""
    command = commands.add(
        "rehearse",
        "Plays a sale: a crowd on a copy of an event, on the real servers, and a verdict. Pays in the sandbox.",
        _rehearse,
        "ticketcraze rehearse night-of-lights --buyers 5000 --tickets 500",
    )
    command.add_argument("slug", metavar="SLUG", nargs="?", help="the event that is copied (an ordinary one)")
    command.add_argument("--buyers", type=int, default=500, help=f"1 to {MOST_BUYERS} (500)")
    command.add_argument("--tickets", type=int, help="in all, instead of what the event has")
    command.add_argument("--within", type=float, default=1.0, metavar="SECONDS", help="in which all arrive (1)")
    command.add_argument("--kill", metavar="PROCESS", help="of the local stack, killed in the middle: ledger")


async def _rehearse(settings: Settings, arguments: argparse.Namespace) -> Answer:
    plan = Plan(arguments.buyers, arguments.tickets, arguments.within, arguments.kill)
    async with open_database(settings) as database, open_redis(settings) as redis:
        event = await find_event(database, arguments.slug) if arguments.slug else USUAL
        try:
            slug, verdict = await rehearse(settings, redis, database, event, plan)
        except CannotRehearse as error:
            raise Failed(str(error)) from None
    answer: dict[str, Any] = msgspec.to_builtins(verdict)
    return {"slug": slug, **answer}, _page(slug, verdict)


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
