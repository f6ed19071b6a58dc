"""Whoever waited when Redis lost the sale gets back exactly the number in their token, and nobody else does."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable

import pytest

from app.infra.kafka import open_orders_log
from app.orders.rebuild import rebuild
from app.orders.repair import Repair
from app.sale.admission import admit
from app.sale.events import set_state
from app.sale.gates.codes import create_codes, give_codes, note_uses
from app.sale.returning import come_back, look_again
from app.sale.waiting_room import NotJoined, join, leave, look
from app.settings import Settings
from app.tokens import Tokens
from tests.world.books import World, new_world

MOST_WAITING = 1_000


def tell(env: dict[str, str], story: Callable[[World], Awaitable[None]]) -> None:
    async def main() -> None:
        async with new_world(Settings.from_environment(env)) as world:
            await story(world)

    asyncio.run(main())


async def joined(world: World, buyers: int) -> dict[str, int]:
    """New buyers in the waiting room: buyer -> the number in their token."""
    ids = [secrets.token_hex(16) for _ in range(buyers)]
    return {buyer: (await join(world.redis, world.event.id, buyer, MOST_WAITING)).number for buyer in ids}


async def lose_and_rebuild(world: World) -> None:
    """The books have been told how far Redis was; then it is wiped."""

    async def none(event_id: int) -> None:
        pytest.fail("there is nothing to rebuild")

    async with Repair(world.database, world.redis, none) as repair:
        await repair.tick()
    await world.redis.flushall()
    async with open_orders_log(world.settings) as log:
        await rebuild(world.database, world.redis, log, world.event.id)


def test_everybody_gets_back_the_number_they_had(env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        numbers = await joined(world, 5)
        await lose_and_rebuild(world)
        late = await joined(world, 1)
        for buyer, number in reversed(numbers.items()):
            place = await look_again(world.redis, world.event.id, buyer, number)
            assert (place.status, place.number) == ("waiting", number)
        positions = [(await look(world.redis, world.event.id, buyer)).position for buyer in [*numbers, *late]]
        assert positions == [0, 1, 2, 3, 4, 5]

    tell(env, story)


def test_whoever_was_in_is_called_first(env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        numbers = await joined(world, 3)
        first = next(iter(numbers))
        await admit(world.redis, [world.event.id], overbooking=1.1, may_park=False, grace_seconds=30)
        assert (await look(world.redis, world.event.id, first)).status == "admitted"
        await lose_and_rebuild(world)
        await come_back(world.redis, world.event.id, list(numbers.items()))
        await admit(world.redis, [world.event.id], overbooking=1.1, may_park=False, grace_seconds=30)
        assert (await look(world.redis, world.event.id, first)).status == "admitted"

    tell(env, story)


def test_a_number_comes_back_once(env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        (buyer, number), *_ = (await joined(world, 2)).items()
        await lose_and_rebuild(world)
        assert await come_back(world.redis, world.event.id, [(buyer, number)]) == [True]
        assert await come_back(world.redis, world.event.id, [(buyer, number)]) == [False], "it is there"
        await leave(world.redis, world.event.id, buyer)
        assert await come_back(world.redis, world.event.id, [(buyer, number)]) == [False], "it was given up"
        with pytest.raises(NotJoined):
            await look_again(world.redis, world.event.id, buyer, number)

    tell(env, story)


def test_no_number_is_had_by_two(env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        (buyer, number), *_ = (await joined(world, 1)).items()
        await lose_and_rebuild(world)
        await come_back(world.redis, world.event.id, [(buyer, number)])
        assert await come_back(world.redis, world.event.id, [(secrets.token_hex(16), number)]) == [False]

    tell(env, story)


def test_without_a_loss_nobody_comes_back(env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        (buyer, number), *_ = (await joined(world, 1)).items()
        await leave(world.redis, world.event.id, buyer)
        assert await come_back(world.redis, world.event.id, [(buyer, number)]) == [False]

    tell(env, story)


def test_a_number_given_after_the_loss_was_not_lost(env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        await joined(world, 1)
        await lose_and_rebuild(world)
        (buyer, number), *_ = (await joined(world, 1)).items()
        await leave(world.redis, world.event.id, buyer)
        assert await come_back(world.redis, world.event.id, [(buyer, number)]) == [False]

    tell(env, story)


def test_before_the_draw_the_lobby_is_joined_again(env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        await world.database.execute("UPDATE events SET state = 'scheduled' WHERE id = %s", (world.event.id,))
        await lose_and_rebuild(world)
        buyer = secrets.token_hex(16)
        assert (await look_again(world.redis, world.event.id, buyer, 0)).status == "lobby"
        await set_state(world.database, world.redis, world.event, "closed", "", "A test")
        assert await come_back(world.redis, world.event.id, [(secrets.token_hex(16), 0)]) == [False]

    tell(env, story)


def test_a_presale_code_is_not_lost_with_redis(env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        hashes = Tokens({"0": "k" * 32}).code_hashes(world.event.id, "FANCLUB")
        await create_codes(world.database, world.event.id, lambda _: hashes[0], ["FANCLUB"], band=2, uses=3)
        assert await give_codes(world.database, world.redis, [world.event.id]) == 1
        numbers = await joined(world, 2)
        holder = secrets.token_hex(16)
        place = await join(world.redis, world.event.id, holder, MOST_WAITING, code_hashes=hashes)
        assert (place.number, place.band, place.position) == (3, 2, 0)
        await note_uses(world.database, world.redis, [world.event.id])
        await lose_and_rebuild(world)
        assert await give_codes(world.database, world.redis, [world.event.id]) == 1, "with what is left of it"
        assert await give_codes(world.database, world.redis, [world.event.id]) == 0
        assert await world.redis.hget(world.key("codes"), hashes[0]) == "2 2"
        for buyer, number in numbers.items():
            await look_again(world.redis, world.event.id, buyer, number)
        back = await look_again(world.redis, world.event.id, holder, place.standing)
        assert (back.number, back.band, back.position) == (3, 2, 0)

    tell(env, story)
