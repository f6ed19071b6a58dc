"""`ticketcraze verify`: checks what must always be true, and says it on a page."""

import argparse
import re
import shutil
import textwrap
from collections.abc import Sequence

from app.cli.command import Answer, Commands
from app.infra.mysql import open_database
from app.infra.redis import open_redis
from app.sale.events import find_event
from app.settings import Settings
from app.units import money_text
from app.watch.verify import Check, verify

MAX_AT_REST_SECONDS = 86_400.0
NARROWEST, WIDEST = 60, 120
INDENT = " " * 9
MONEY = re.compile(r"(?P<what>\w+)_minor_(?P<currency>[A-Z]{3})")


def add(commands: Commands) -> None:
    """Adds the command."""
    check = commands.add(
        "verify",
        "Checks what must always be true; exit 1 if something is not.",
        _verify,
        "ticketcraze verify night-of-lights --at-rest 30",
    )
    check.add_argument("slug", metavar="SLUG", nargs="?", help="only this event")
    check.add_argument(
        "--at-rest", type=_seconds, metavar="SECONDS",
        help="wait at most this long until nothing is in flight, then check also what is true at rest",
    )  # fmt: skip


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= MAX_AT_REST_SECONDS:  # "nan" is neither
        raise argparse.ArgumentTypeError(f"from 0 to {MAX_AT_REST_SECONDS:.0f} seconds")
    return seconds


async def _verify(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database, open_redis(settings) as redis:
        event = await find_event(database, arguments.slug) if arguments.slug else None
        checks = await verify(settings, redis, database, event, arguments.at_rest)
    return {
        "ok": all(check.ok for check in checks),
        "checks": [
            {"number": c.number, "title": c.title, "ok": c.ok, "figures": c.figures, "detail": c.detail}
            for c in checks
        ],
    }, report(checks, shutil.get_terminal_size((100, 24)).columns, was_at_rest=arguments.at_rest is not None)


def report(checks: Sequence[Check], columns: int, *, was_at_rest: bool) -> str:
    """The checks for people, folded to the width of a terminal; the last line sums up."""
    width = min(max(columns, NARROWEST), WIDEST)
    lines = []
    for check in checks:
        figures = ", ".join(_figure(name, figure) for name, figure in check.figures.items())
        lines += _folded(f"{'ok  ' if check.ok else 'FAIL'} {check.number:>2}. {check.title}: {figures}", width)
        if check.detail:
            lines += _folded(f"{INDENT}{check.detail}", width)
    broken = [str(check.number) for check in checks if not check.ok]
    if broken:
        lines.append(f"FAIL: {len(broken)} of {len(checks)} checks found something: {', '.join(broken)}.")
    else:
        lines.append(
            f"ok: all {len(checks)} checks hold" + ("." if was_at_rest else " (more with --at-rest SECONDS).")
        )
    return "\n".join(lines)


def _figure(name: str, figure: int | str) -> str:
    """Money in major units, everything else as it is."""
    if isinstance(figure, int) and (money := MONEY.fullmatch(name)):
        return f"{money['what'].replace('_', ' ')} {money_text(figure, money['currency'])}"
    return f"{name.replace('_', ' ')} {figure}"


def _folded(line: str, width: int) -> list[str]:
    return textwrap.wrap(line, width, subsequent_indent=INDENT, break_on_hyphens=False)
