import secrets
from collections.abc import Iterator

import pytest
from redis import Redis

from tests.world.buyers import api, come_in, join, make_event, order, until_status
from tests.world.shopper import World
from tests.world.stack import Stack


@pytest.fixture(scope="package")
def world(stack: Stack) -> Iterator[World]:
    sale = make_event(stack.env, "Floor:4500:20", "Balcony:2500:20")
    with (
        api(stack) as shopper,
        api(stack) as waiting,
        Redis.from_url(stack.env["REDIS_URL"], decode_responses=True) as redis,
    ):
        come_in(shopper, sale)
        key = secrets.token_hex(8)
        order_id = order(shopper, sale, quantity=1, key=key).json()["order_id"]
        until_status(shopper, order_id, "PENDING")
        join(waiting, make_event(stack.env, opens_in=3_600))
        yield World(stack, sale, shopper, order_id, key, waiting, redis)


@pytest.fixture(autouse=True)
def nothing_changes(world: World) -> Iterator[None]:
    """After every test of bad input the stock is what it was."""
    before = world.holdings()
    yield
    assert world.holdings() == before
