"""A Redis client that sends the commands of many tasks in one round trip.

A web process has thousands of requests and sockets that each ask Redis for little. redis-py sends every command by
itself: most of the CPU goes into the trip, not the command. Here commands wait for one turn of the event loop and
travel together, at most 256 at once and two trips at a time; what comes meanwhile goes with the next. They are
packed and read by hiredis alone: redis-py's packing and its time limit for each answer cost more than Redis does.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from hiredis import pack_command
from redis.asyncio import Redis
from redis.exceptions import ConnectionError, DataError, TimeoutError

MOST_AT_ONCE = 256
MOST_TRIPS = 2

Waiting = tuple[bytes, asyncio.Future[Any]]


class CoalescingRedis(Redis):
    """Redis, for commands that do not block. Pipelines and subscriptions are as ever."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._waiting: list[Waiting] = []
        self._trips: set[asyncio.Task[None]] = set()
        self._starting = False

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """One command's answer, or its error."""
        # What cannot be written is its sender's matter alone, not that of all who would have travelled with it.
        try:
            packed = pack_command((*args[0].split(), *args[1:]))
        except TypeError as error:
            raise DataError(str(error)) from error
        loop = asyncio.get_running_loop()
        arrival = loop.create_future()
        self._waiting.append((packed, arrival))
        if not self._starting and len(self._trips) < MOST_TRIPS:
            self._starting = True
            loop.call_soon(self._start)
        answer = await arrival
        callback = self.response_callbacks.get(args[0])
        if callback is None:
            return answer
        options.pop("keys", None)  # for a cache of redis-py's
        return callback(answer, **options)

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
            answers = await self._ask([packed for packed, _ in batch])
        except Exception as error:
            answers = [error] * len(batch)
        finally:  # whatever happens, also when the trip is cancelled: every one of them is answered
            for (_, arrival), answer in zip(batch, answers, strict=True):
                if arrival.done():  # whoever asked is gone
                    continue
                if isinstance(answer, Exception):
                    arrival.set_exception(answer)
                else:
                    arrival.set_result(answer)

    async def _ask(self, commands: Sequence[bytes]) -> list[Any]:
        """The answers in order; what Redis refused is an error among them. Raises RedisError for all together."""
        connection = await self.connection_pool.get_connection()  # type: ignore[no-untyped-call]
        whole = False
        try:
            async with asyncio.timeout(connection.socket_timeout):
                await connection.send_packed_command([b"".join(commands)], check_health=False)
                read = connection._parser.read_response
                answers = [await read() for _ in commands]
            whole = True
            return answers
        except OSError as error:
            if isinstance(error, asyncio.TimeoutError):
                raise TimeoutError("Redis did not answer in time") from error
            raise ConnectionError(f"Redis went away: {error}") from error
        finally:
            if not whole:  # what is still to come would be taken for the answer to something else
                await connection.disconnect(nowait=True)
            await self.connection_pool.release(connection)
