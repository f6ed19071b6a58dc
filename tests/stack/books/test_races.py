"""A thousand payments race against the ends of their holds, and somebody else is after the same tickets."""

import asyncio
from contextlib import suppress
from random import Random

from app.orders.facts import Fact
from app.orders.ledger import Ledger
from app.orders.lifecycle import money_kept
from app.orders.reservations import Refused
from app.outbound.following import follow
from tests.world.books import PRICE_MINOR, World, in_a_world, lapsed, paid, refunds_done

RACES = 1_000
MOST_IN_A_BATCH = 60


def test_of_a_thousand_races_each_has_one_winner_and_the_money_of_losers_goes_back(
    own_env: dict[str, str],
) -> None:
    chance = Random(20_261_129)  # noqa: S311  # the same each time

    async def story(world: World) -> None:
        racing = [await world.place() for _ in range(RACES)]
        await world.carry()
        # As from Kafka: all facts of an order come to the same one of two ledgers, in batches of any size.
        lanes: list[list[Fact]] = [[], []]
        for number, order_id in enumerate(racing):
            lanes[number % 2] += [paid(order_id), lapsed(order_id)]
        for lane in lanes:
            chance.shuffle(lane)
        others: list[str] = []

        async def write(lane: list[Fact]) -> None:
            ledger = Ledger(world.database, world.redis, also=follow)
            while lane:
                size = chance.randint(1, MOST_IN_A_BATCH)
                assert await ledger.write(lane[:size]) == []
                await ledger.settle()
                del lane[:size]

        async def buy_what_comes_back() -> None:
            while any(lanes):
                with suppress(Refused):  # nothing came back yet, or a payment that was late took it again
                    others.append(await world.place())
                await asyncio.sleep(0)

        await asyncio.gather(*map(write, lanes), buy_what_comes_back())
        await world.carry()
        await world.write(*[lapsed(order_id) for order_id in others])
        ends = {order_id: await world.read(order_id) for order_id in racing}
        await world.write(*[fact for order in ends.values() for fact in refunds_done(order)])

        kept = {order_id: money_kept(await world.read(order_id))["USD"] for order_id in racing}
        for order_id, order in ends.items():
            assert (order.status, kept[order_id]) in (("CONFIRMED", PRICE_MINOR), ("EXPIRED", 0))
        won = sum(order.status == "CONFIRMED" for order in ends.values())
        assert 0 < won < RACES, "both win some"
        assert len(others) > 0
        assert await world.failing() == {}

    in_a_world(own_env, story, capacity=RACES)
