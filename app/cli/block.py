"""`ticketcraze block`: whom a sale keeps out."""

import argparse

from app.cli.command import COMMAND_LINE, Answer, Commands, Failed
from app.infra.mysql import open_database
from app.infra.redis import open_redis
from app.organisers.log import AdminLog, Deed
from app.sale.blocking import block, unblock
from app.sale.events import find_event
from app.settings import Settings
from app.units import iso


def add(commands: Commands) -> None:
    """Adds the group."""
    group = commands.group("block", "buyers and addresses that a sale keeps out")
    added = group.add(
        "add",
        "Keeps a buyer, by id, or an address out at once: no joining, no orders. What was ordered stays.",
        _add,
        "ticketcraze block add night-of-lights 198.51.100.7 --why 'a robot'",
    )
    added.add_argument("slug", metavar="SLUG")
    added.add_argument("who", metavar="WHO", help="a buyer's id, an IPv4 address, or an IPv6 one with its /64")
    added.add_argument("--why", default="", help="for whoever looks later")
    ended = group.add("end", "Lets them in again.", _end, "ticketcraze block end night-of-lights 198.51.100.7")
    ended.add_argument("slug", metavar="SLUG")
    ended.add_argument("who", metavar="WHO")
    group.add("list", "Who is kept out.", _list, "ticketcraze block list night-of-lights").add_argument(
        "slug", metavar="SLUG"
    )


async def _add(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database, open_redis(settings) as redis:
        event = await find_event(database, arguments.slug)
        await block(database, redis, event, arguments.who, arguments.why, COMMAND_LINE)
        await AdminLog(redis, database).write(Deed(COMMAND_LINE, "blocked", event.id, arguments.who))
    return {"slug": event.slug, "who": arguments.who}, f"{arguments.who} is kept out of {event.slug}."


async def _end(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database, open_redis(settings) as redis:
        event = await find_event(database, arguments.slug)
        if not await unblock(database, redis, event, arguments.who):
            raise Failed(f"{arguments.who} is not blocked.")
        await AdminLog(redis, database).write(Deed(COMMAND_LINE, "unblocked", event.id, arguments.who))
    return {"slug": event.slug, "who": arguments.who}, f"{arguments.who} may come in again."


async def _list(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database:
        event = await find_event(database, arguments.slug)
    found = [
        {"who": who, "why": said.why, "by": said.by, "at": iso(said.at_ms)} for who, said in event.blocked.items()
    ]
    lines = [f"{b['who']:<40} {b['at']}  {b['by']}: {b['why']}" for b in found]
    return {"blocked": found}, "\n".join(lines) or "Nobody is kept out."
