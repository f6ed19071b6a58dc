"""The demo's crowd: python -m crowd --event SLUG --buyers 300 --url http://127.0.0.1:8000.

Ends when everybody is done, when the sale is over, or LIMIT_SECONDS after the opening.
"""

import argparse
import asyncio
import json
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from time import monotonic
from urllib.parse import urlsplit

import uvloop

from crowd.browser import Gone, visit
from crowd.buyer import Outcome, buy
from crowd.habits import plan
from crowd.limits import allow_open_files, source_address

MOST_BUYERS = 20_000
LIMIT_SECONDS = 900


def main() -> int:
    """Runs the crowd; exit code 0 when the sale was there, 1 when not, 2 for options that are not understood."""
    parser = argparse.ArgumentParser(prog="python -m crowd", description="Simulated buyers of one sale.")
    parser.add_argument("--event", required=True, metavar="SLUG")
    parser.add_argument("--buyers", type=int, required=True, help=f"1 to {MOST_BUYERS}")
    parser.add_argument("--url", required=True, help="where the sale is: http://127.0.0.1:8000")
    parser.add_argument("--seed", type=int, default=1, help="another number makes another crowd (1)")
    parser.add_argument("--within", type=float, metavar="SECONDS", help="all arrive within so many seconds")
    parser.add_argument("--json", action="store_true", help="sum up in one line of JSON")
    arguments = parser.parse_args()
    if not 1 <= arguments.buyers <= MOST_BUYERS:
        parser.error(f"--buyers: from 1 to {MOST_BUYERS}")
    url = arguments.url.rstrip("/")
    if urlsplit(url).scheme != "http" or not urlsplit(url).hostname:
        parser.error(f"--url: {url!r} is not an address like http://127.0.0.1:8000")
    allow_open_files()
    started = monotonic()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            outcomes = runner.run(crowd(arguments.event, arguments.buyers, url, arguments.seed, arguments.within))
        except Gone as gone:
            print(f"crowd: {url}/events/{arguments.event}: {gone.how}", file=sys.stderr)
            return 1
    print(_summary(arguments.event, outcomes, monotonic() - started, arguments.json))
    return 0


async def crowd(slug: str, buyers: int, url: str, seed: int, within: float | None = None) -> list[Outcome]:
    """So many buyers, all the way; SIGTERM and Ctrl-C send everybody home. Raises Gone when there is no sale.

    They arrive as their habits say, or all of them `within` so many seconds from now.
    """
    shop = await visit(url, slug)
    opens_in_seconds = (datetime.fromisoformat(shop.opens_at) - datetime.now(UTC)).total_seconds()
    tickets = sum(sku.available for sku in shop.skus)
    limit_seconds = max(opens_in_seconds, 0) + LIMIT_SECONDS
    planned = [habits for _, habits in plan(buyers, seed, opens_in_seconds, tickets)]
    if within is not None:
        chance = Random(seed)  # noqa: S311  # a play, no secrets
        planned = [replace(habits, arrives_after_seconds=chance.uniform(0, within)) for habits in planned]
    tasks = [
        asyncio.create_task(
            buy(shop, habits, seconds=limit_seconds, source_address=source_address(url, i), seed=f"{seed}:{i}")
        )
        for i, habits in enumerate(planned)
    ]
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _send_home, tasks)
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    outcomes = [Outcome("sent_home") if isinstance(e, asyncio.CancelledError) else e for e in ended]
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return [outcome for outcome in outcomes if isinstance(outcome, Outcome)]


def _send_home(tasks: Sequence[asyncio.Task[Outcome]]) -> None:
    for task in tasks:
        task.cancel()


def _summary(slug: str, outcomes: Sequence[Outcome], seconds: float, as_json: bool) -> str:
    ends = Counter(outcome.how for outcome in outcomes)
    tickets = sum(outcome.tickets for outcome in outcomes if outcome.how == "confirmed")
    if as_json:
        return json.dumps(
            {
                "event": slug,
                "buyers": len(outcomes),
                "tickets": tickets,
                "seconds": round(seconds),
                "ends": ends,
                "waited_seconds": sorted(round(o.waited_seconds, 1) for o in outcomes if o.waited_seconds),
            }
        )
    counts = ", ".join(f"{count} {how}" for how, count in ends.most_common())
    return f"{slug}: {len(outcomes)} buyers in {seconds:.0f} s: {counts}; {tickets} tickets"


if __name__ == "__main__":
    sys.exit(main())
