"""What a draw publishes waits in Redis until the books have it, comes there once, and stays when Redis forgets."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from hashlib import sha256

import pytest

from app.sale import published
from app.sale.draw import begin_draws, draw_order, finish_draw, public_buyer_id
from app.sale.events import purge, retire, set_state
from app.sale.published import draw_state, publish, published_draw, read_numbers, unpublished
from app.sale.waiting_room import join
from app.settings import Settings
from tests.world.books import World, new_world


def tell(env: dict[str, str], story: Callable[[World], Awaitable[None]]) -> None:
    async def main() -> None:
        async with new_world(Settings.from_environment(env)) as world:
            await story(world)

    asyncio.run(main())


async def drawn(world: World, buyers: int) -> list[str]:
    """A lobby that was drawn: the buyers in the order of their numbers."""
    await world.redis.hset(world.key("sale"), mapping={"state": "scheduled", "opens_at_ms": 0})
    ids = [secrets.token_hex(16) for _ in range(buyers)]
    for buyer in ids:
        await join(world.redis, world.event.id, buyer, 1_000)
    after = (await begin_draws(world.redis, [world.event.id]))[world.event.id]
    await finish_draw(world.redis, world.event.id, world.event.draw_secret, after)
    return draw_order(ids, world.event.draw_secret)


async def numbers(world: World, after: int = 0, most: int = 1_000) -> list[tuple[str, int]]:
    return [pair async for some in read_numbers(world.database, world.event.id, after, most) for pair in some]


def test_a_draw_is_published_once_in_slices_and_read_from_any_number(
    own_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "SLICE", 3)

    async def story(world: World) -> None:
        order = await drawn(world, 10)
        expected = [(public_buyer_id(buyer), number) for number, buyer in enumerate(order, 1)]
        assert await unpublished(world.redis, [world.event.id]) == [world.event.id]
        assert await draw_state(world.redis, world.event.id) == "drawn"
        assert await published_draw(world.database, world.event.id) is None
        both = [publish(world.database, world.redis, world.event) for _ in range(2)]
        assert sorted(await asyncio.gather(*both)) == [0, 10], "two workers, one publication"
        draw = await published_draw(world.database, world.event.id)
        assert draw
        listed = sha256("\n".join(sorted(id for id, _ in expected)).encode()).hexdigest()
        assert (draw.drawn_after, draw.entrants, draw.list_hash) == (0, 10, listed)
        assert await unpublished(world.redis, [world.event.id]) == []
        assert await world.redis.exists(world.key("drawn")) == 0, "nothing is left of it in Redis"
        assert await publish(world.database, world.redis, world.event) == 0
        for after in range(12):
            for most in (1, 2, 3, 4, 100):
                assert await numbers(world, after, most) == expected[after : after + most], (after, most)

    tell(own_env, story)


def test_a_sale_is_not_cleared_away_before_its_draw_is_published(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        order = await drawn(world, 2)
        await set_state(world.database, world.redis, world.event, "closed", "", "A test")
        assert not await retire(world.redis, world.event.id), "somebody still has to publish it"
        assert await purge(world.database, world.redis, world.event) == "IN_FLIGHT"
        await publish(world.database, world.redis, world.event)
        assert await purge(world.database, world.redis, world.event) == "PURGED"
        assert [id for id, _ in await numbers(world)] == [public_buyer_id(buyer) for buyer in order]

    tell(own_env, story)


def test_a_list_that_redis_lost_is_not_published_as_if_nobody_had_been_there(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        await drawn(world, 2)
        await world.redis.delete(world.key("sale"), world.key("drawn"))
        assert await publish(world.database, world.redis, world.event) == 0
        assert await published_draw(world.database, world.event.id) is None

    tell(own_env, story)
