"""Sends mail to buyers and webhooks to organisers: what is in the outbox; and forgets addresses in time."""

import asyncio

from app.infra.mysql import open_database
from app.infra.redis import open_redis
from app.infra.smtp import open_mailer
from app.organisers.privacy import forget_people
from app.outbound.announcing import announce
from app.outbound.mail import Letterhead
from app.outbound.outbox import forget, give_up_old
from app.outbound.sending import Outbound
from app.settings import OUTBOUND, Settings
from app.tickets.codes import TicketKeys
from app.units import now_ms
from app.watch.processes import reporting
from workers.runner import Stop, every, run

TICK_SECONDS = 0.5
ANNOUNCE_SECONDS = 5.0
CLEAR_SECONDS = 60.0


async def work(settings: Settings, stop: Stop) -> None:
    """Sends, until asked to stop."""
    async with (
        open_redis(settings) as redis,
        open_database(settings) as database,
        reporting(redis, "outbound", database),
    ):
        outbound = Outbound(
            database,
            open_mailer(settings),
            Letterhead(settings.mail_from, settings.public_url, TicketKeys(settings.ticket_keys)),
            settings.webhooks_private,
        )

        async def look_for_changes() -> None:
            await announce(database, now_ms())

        async def forget_people_of_the_past() -> None:
            await forget_people(database, now_ms())

        async def clear_away() -> bool:
            given_up = await give_up_old(database, now_ms())
            return bool(given_up + await forget(database, now_ms()))

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(every(TICK_SECONDS, outbound.tick, stop))
                group.create_task(every(ANNOUNCE_SECONDS, look_for_changes, stop))
                group.create_task(every(CLEAR_SECONDS, clear_away, stop))
                group.create_task(every(CLEAR_SECONDS, forget_people_of_the_past, stop))
        finally:
            await outbound.stop()


if __name__ == "__main__":
    run(work, OUTBOUND)
