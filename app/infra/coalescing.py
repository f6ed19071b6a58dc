"""A Redis client that sends the commands of many tasks in one round trip.

A web process has thousands of requests and sockets that each ask Redis for little. redis-py sends every command by
itself: most of the CPU goes into the trip, not the command. Here commands wait for one turn of the event loop and
travel together, at most 256 at once and two trips at a time; what comes meanwhile goes with the next.
"""

import asyncio
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ConnectionError

MOST_AT_ONCE = 256
MOST_TRIPS = 2

Waiting = tuple[tuple[Any, ...], dict[str, Any], asyncio.Future[Any]]


class CoalescingRedis(Redis):
    """Redis, for commands that do not block. Pipelines and subscriptions are as ever."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._waiting: list[Waiting] = []
        self._trips: set[asyncio.Task[None]] = set()
        self._starting = False
        self._encode = self.get_encoder().encode  # type: ignore[no-untyped-call]

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """One command's answer, or its error."""
        # What cannot be written is its sender's matter alone, not that of all who would have travelled with it.
        args = (args[0], *map(self._encode, args[1:]))
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        self._waiting.append((args, options, answer))
        if not self._starting and len(self._trips) < MOST_TRIPS:
            self._starting = True
            loop.call_soon(self._start)
        return await answer

    def _start(self) -> None:
        self._starting = False
        if self._waiting and len(self._trips) < MOST_TRIPS:
            batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            trip = asyncio.create_task(self._travel(batch))
            self._trips.add(trip)
            trip.add_done_callback(self._arrive)

    def _arrive(self, trip: asyncio.Task[None]) -> None:
        self._trips.discard(trip)
        self._start()

    async def _travel(self, batch: list[Waiting]) -> None:
        answers: list[Any] = [ConnectionError("the trip was given up")] * len(batch)
        try:
            async with self.pipeline(transaction=False) as pipeline:
                for args, options, _ in batch:
                    pipeline.execute_command(*args, **options)
                answers = await pipeline.execute(raise_on_error=False)
        except Exception as error:
            answers = [error] * len(batch)
        finally:  # whatever happens, also when the trip is cancelled: every one of them is answered
            for (_, _, future), answer in zip(batch, answers, strict=True):
                if future.done():  # whoever asked is gone
                    continue
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)
