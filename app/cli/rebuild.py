"""`ticketcraze rebuild`: makes a sale anew in Redis, from the books."""

import argparse
import sys

from app.cli.command import Answer, Commands
from app.infra.kafka import open_orders_log
from app.infra.mysql import open_database
from app.infra.redis import open_redis
from app.orders.rebuild import rebuild
from app.sale.events import find_event
from app.settings import Settings


def add(commands: Commands) -> None:
    """Adds the command."""
    again = commands.add(
        "rebuild",
        "Makes a sale anew in Redis, from the books. Nothing is sold meanwhile; everybody keeps their number.",
        _rebuild,
        "ticketcraze rebuild night-of-lights",
    )
    again.add_argument("slug", metavar="SLUG")


async def _rebuild(settings: Settings, arguments: argparse.Namespace) -> Answer:
    def say(step: str) -> None:
        print(step, file=sys.stderr, flush=True)

    async with (
        open_database(settings) as database,
        open_redis(settings) as redis,
        open_orders_log(settings) as orders_log,
    ):
        event = await find_event(database, arguments.slug)
        rebuilt = await rebuild(database, redis, orders_log, event.id, say)
    answer = {
        "slug": event.slug,
        "epoch": rebuilt.epoch,
        "orders": rebuilt.orders,
        "held": rebuilt.held,
        "sold": rebuilt.sold,
        "from_outbox": rebuilt.from_outbox,
        "homeless": rebuilt.homeless,
        "seconds": round(rebuilt.seconds, 2),
    }
    text = (
        f"{event.slug} is ready again, epoch {rebuilt.epoch}: {rebuilt.orders} orders from the books"
        f" ({rebuilt.held} held, {rebuilt.sold} sold), {rebuilt.from_outbox} more from the outbox,"
        f" in {rebuilt.seconds:.1f} s"
    )
    if rebuilt.homeless:
        text += f"\nAnswered, and their tickets are gone: {', '.join(rebuilt.homeless)}"
    return answer, text
