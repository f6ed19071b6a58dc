"""`ticketcraze mend`: what does not agree between us and the providers, or the books and Redis, and mending it."""

import argparse

from app.cli.command import Answer, Commands, Failed
from app.infra.kafka import open_producer
from app.infra.mysql import open_database
from app.infra.redis import open_redis
from app.payments.findings import PEOPLE, Finding, close, mend, open_findings
from app.settings import Settings
from app.units import iso

MOST = 10_000


def add(commands: Commands) -> None:
    """Adds the command."""
    made = commands.add(
        "mend",
        "Does what mends the findings of the reconciliation: all of them that need no people, or those that are"
        " named. What is mended is closed by the next look.",
        _mend,
        "ticketcraze mend --list",
    )
    made.add_argument("ids", metavar="ID", nargs="*", help="as --list names it")
    made.add_argument("--list", action="store_true", help="only says what does not agree")
    made.add_argument("--done", action="store_true", help="people saw to the named ones: closes them")


async def _mend(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database, open_redis(settings) as redis:
        found = {finding.id: finding for finding in await open_findings(database, most=MOST)}
        if arguments.list:
            return {"findings": [_facts(one) for one in found.values()]}, "\n".join(
                map(_line, found.values())
            ) or ("Everything agrees.")
        if missing := [id_ for id_ in arguments.ids if id_ not in found]:
            raise Failed(f"No finding {', '.join(missing)} is open.")
        if arguments.done:
            for id_ in arguments.ids:
                await close(database, id_)
            return {"closed": arguments.ids}, f"Closed: {len(arguments.ids)}."
        chosen = [found[id_] for id_ in arguments.ids] or [one for one in found.values() if one.action != PEOPLE]
        async with open_producer(settings) as producer:
            done = [one.id for one in chosen if await mend(database, redis, producer, one)]
    left = [one.id for one in chosen if one.id not in done]
    text = f"Mending: {len(done)}." + (f" People have to see to {len(left)}." if left else "")
    return {"mended": done, "people": left}, text


def _facts(finding: Finding) -> dict[str, str]:
    return {
        "id": finding.id,
        "kind": finding.kind,
        "action": finding.action,
        "order_id": finding.order_id,
        "provider": finding.provider,
        "reference": finding.reference,
        "detail": finding.detail,
        "found_at": iso(finding.found_at_ms),
    }


def _line(finding: Finding) -> str:
    return f"{finding.id}  {finding.kind:<14} {finding.action:<13} order {finding.order_id}: {finding.detail}"
