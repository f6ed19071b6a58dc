"""Processes are told apart wherever they run."""

import msgspec

from app.ids import instance
from app.infra.keys import PROCESSES
from app.watch.processes import Report, reporting, reports
from tests.world.room import Room


def test_two_processes_of_one_name_and_number_are_two(room: Room) -> None:
    """In containers every process has the number 1."""

    async def both() -> list[Report]:
        async with reporting(room.redis, "web"):
            for host in ("host-a", "host-b"):
                report = Report("web", 1, world_now, 0, 0, 0, host)
                await room.redis.hset(PROCESSES, f"web:{host}", msgspec.json.encode(report).decode())
            while len(found := await reports(room.redis)) < 3:
                pass
            return found

    world_now = room.now_ms()
    assert {report.instance for report in room.run(both())} == {"host-a", "host-b", instance()}
