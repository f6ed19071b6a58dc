"""With REDIS_WAIT_REPLICAS a buyer is told of a hold only when a replica has it."""

import os
import signal

import pytest

from app.infra.keys import order_key
from app.infra.redis import NotCopied
from app.orders.reservations import Hold, reserve
from app.units import now_ms
from tests.world.books import World, in_a_world
from tests.world.redis_server import OwnRedis, redis_server
from tests.world.waiting import until

BUYER = "b" * 32


async def ask(world: World, key: str) -> Hold:
    return await reserve(world.redis, world.event.id, BUYER, key, [(world.sku, 1)], 1_000, 20, copies=1)


@pytest.mark.slow
def test_no_hold_is_told_of_before_a_replica_has_it(env: dict[str, str], server: OwnRedis) -> None:
    async def story(world: World) -> None:
        await world.redis.zadd(world.key("passes"), {BUYER: now_ms() + 600_000})
        with pytest.raises(NotCopied):
            await ask(world, "alone")
        with redis_server("--replicaof", f"127.0.0.1 {server.port}") as replica:
            until(lambda: replica.client.info("replication")["master_link_status"] == "up")
            alone = await ask(world, "alone")
            assert replica.client.exists(order_key(world.event.id, alone.order_id))
            copied = await ask(world, "copied")
            assert replica.client.exists(order_key(world.event.id, copied.order_id))
            os.kill(replica.pid, signal.SIGSTOP)
            try:
                for _ in range(2):  # asking again is no way round it
                    with pytest.raises(NotCopied):
                        await ask(world, "late")
            finally:
                os.kill(replica.pid, signal.SIGCONT)
            late = await ask(world, "late")
            assert replica.client.exists(order_key(world.event.id, late.order_id))
        assert await world.redis.zcard(world.key("holds")) == 3, "one for each key, however often it was asked for"

    in_a_world(env, story)
