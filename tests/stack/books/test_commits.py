"""A COMMIT that fails or whose answer is lost is waited for, and nothing is written twice."""

from collections.abc import Awaitable, Callable

import pytest
from asyncmy.errors import OperationalError

from app.infra.mysql import STATEMENT_SECONDS, Connection, Database, DatabaseUnavailable
from app.orders.facts import Fact
from tests.world.books import World, in_a_world, lapsed, paid

TIMES = 3

execute = Connection.execute
End = Callable[[Connection, Database], Awaitable[None]]


async def deadlock(connection: Connection, _: Database) -> None:
    """As Galera says it when another node was first: the transaction is rolled back."""
    await execute(connection, "ROLLBACK")
    raise OperationalError(1213, "Deadlock found when trying to get lock; try restarting transaction")


async def lock_wait(connection: Connection, _: Database) -> None:
    await execute(connection, "ROLLBACK")
    raise OperationalError(1205, "Lock wait timeout exceeded; try restarting transaction")


async def connection_lost_before(connection: Connection, database: Database) -> None:
    row = await connection.fetch_one("SELECT CONNECTION_ID() AS id")
    assert row
    await database.execute(f"KILL {row['id']}")
    await execute(connection, "COMMIT")


async def answer_lost(connection: Connection, _: Database) -> None:
    await execute(connection, "COMMIT")
    raise OperationalError(2013, "Lost connection to MySQL server during query")


@pytest.mark.parametrize("end", [deadlock, lock_wait, connection_lost_before, answer_lost])
def test_a_commit_that_fails_is_waited_for_and_nothing_is_written_twice(
    own_env: dict[str, str], monkeypatch: pytest.MonkeyPatch, end: End
) -> None:
    async def story(world: World) -> None:
        async def fails_at_commit(
            self: Connection, statement: str, args: tuple[object, ...] = (), seconds: float = STATEMENT_SECONDS
        ) -> int:
            if statement == "COMMIT":
                await end(self, world.database)
            return await execute(self, statement, args, seconds)

        async def written_in_the_end(*facts: Fact) -> None:
            with monkeypatch.context() as broken:
                broken.setattr(Connection, "execute", fails_at_commit)
                for _ in range(TIMES):
                    with pytest.raises(DatabaseUnavailable):
                        await world.ledger.write(facts)
            await world.write(*facts)

        in_time, late = await world.order(), await world.order()
        await written_in_the_end(paid(in_time))
        await written_in_the_end(lapsed(late))
        await written_in_the_end(paid(late))  # its tickets were claimed again before the first COMMIT failed
        for order_id, movements in ((in_time, ["PLACED"]), (late, ["PLACED", "EXPIRED", "RECLAIMED"])):
            order = await world.read(order_id)
            assert (order.status, [payment.status for payment in order.payments]) == ("CONFIRMED", ["COMPLETED"])
            audit = await world.database.fetch_all(
                "SELECT reason FROM inventory_audit WHERE ref_id = %s ORDER BY id", (order_id,)
            )
            assert [row["reason"] for row in audit] == movements
        assert world.database.borrowed == 0
        assert await world.failing() == {}

    in_a_world(own_env, story)
