"""Plays the rehearsals that organisers ask for, one at a time. Where none are allowed it has nothing to do."""

import asyncio
import logging

from app.infra.mysql import open_database
from app.infra.redis import open_redis
from app.organisers.asked_rehearsals import Asked, beat, claim, end
from app.organisers.rehearsing import CannotRehearse, Plan, rehearse
from app.sale.events import UnknownEvent, event_by_id
from app.settings import Settings
from app.watch.processes import reporting
from workers.runner import AWAY, Stop, every, run

log = logging.getLogger(__name__)

NAME = "rehearsals"
LOOK_SECONDS = 1.0
BEAT_SECONDS = 5.0


async def work(settings: Settings, stop: Stop) -> None:
    """Playing, until asked to stop."""
    async with (
        open_redis(settings) as redis,
        open_database(settings) as database,
        reporting(redis, NAME, database),
    ):

        async def play(asked: Asked) -> None:
            step, slug = "", ""

            async def told(now: str, copy_slug: str) -> None:
                nonlocal step, slug
                step, slug = now, copy_slug
                await beat(database, asked.id, step, slug)

            async def still_there() -> None:
                await beat(database, asked.id, step, slug or None)

            ended, error = Stop(), None
            beating = asyncio.create_task(every(BEAT_SECONDS, still_there, ended))
            try:
                event = await event_by_id(database, asked.event_id)
                plan = Plan(asked.buyers, asked.tickets, kills=asked.kills)
                await rehearse(settings, redis, database, event, plan, told)
            except (CannotRehearse, UnknownEvent, *AWAY) as failed:
                error = str(failed) or type(failed).__name__
                log.warning("rehearsal %s failed: %s", asked.id, error)
            ended.ask()
            await beating
            await end(database, asked.id, error)

        async def look() -> bool:
            asked = await claim(database) if settings.rehearsal_buyers else None
            if asked is None:
                return False
            playing = asyncio.create_task(play(asked))
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait([playing, stopping], return_when=asyncio.FIRST_COMPLETED)
            if not playing.done():  # it is not waited for: it counts as failed as soon as nobody says anything
                playing.cancel()
                await asyncio.wait([playing])
                await end(database, asked.id, "whoever played it was stopped")
            else:
                playing.result()
            stopping.cancel()
            return True

        await every(LOOK_SECONDS, look, stop)


if __name__ == "__main__":
    run(work)
