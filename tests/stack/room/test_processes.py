"""Processes are told apart wherever they run."""

import msgspec

from app.ids import instance
from app.infra.keys import PROCESSES
from app.watch.processes import Report, reporting, reports
from tests.stack.room.world import World


def test_two_processes_of_one_name_and_number_are_two(world: World) -> None:
    """In containers every process has the number 1."""

    async def both() -> list[Report]:
        async with reporting(world.redis, "web"):
            for host in ("host-a", "host-b"):
                report = Report("web", 1, world_now, 0, 0, 0, host)
                await world.redis.hset(PROCESSES, f"web:{host}", msgspec.json.encode(report).decode())
            while len(found := await reports(world.redis)) < 3:
                pass
            return found

    world_now = world.now_ms()
    assert {report.instance for report in world.run(both())} == {"host-a", "host-b", instance()}
