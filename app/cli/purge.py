"""`ticketcraze purge`: clears a sale that is over out of Redis."""

import argparse

from app.cli.command import Answer, Commands, Failed
from app.infra.mysql import open_database
from app.infra.redis import open_redis
from app.sale.events import find_event, purge
from app.settings import Settings


def add(commands: Commands) -> None:
    """Adds the command."""
    commands.add(
        "purge",
        "Clears a closed sale out of Redis, for good. The books keep it.",
        _purge,
        "ticketcraze purge night-of-lights",
    ).add_argument("slug", metavar="SLUG")


async def _purge(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database, open_redis(settings) as redis:
        event = await find_event(database, arguments.slug)
        answer = await purge(database, redis, event)
    if answer == "NOT_CLOSED":
        raise Failed(f"{event.slug} is not closed. Close it first: ticketcraze event close {event.slug}")
    if answer == "IN_FLIGHT":
        raise Failed("Something is still under way: tickets that are held, or orders that are not settled.")
    return {"slug": event.slug, "purged": True}, f"{event.slug}: cleared away"
