"""An organiser's change and the ledger meet at the same rows, and none of them is sent away."""

import asyncio

from app.ids import new_order_id
from app.sale.changing import change_event
from tests.world.books import World, in_a_world

STANDING_SECONDS = 0.5


def test_a_change_waits_for_a_batch_of_orders_and_both_are_written(own_env: dict[str, str]) -> None:
    """Each held what the other one needed: MySQL then rolls one of them back."""

    async def story(world: World) -> None:
        async with world.database.transaction() as batch:
            await batch.execute("UPDATE skus SET held = held + 1 WHERE id = %s", (world.sku,))
            changing = asyncio.create_task(change_event(world.database, world.redis, world.event, {"room": 7}))
            await asyncio.wait([changing], timeout=STANDING_SECONDS)
            await batch.execute(
                "INSERT INTO orders (id, event_id, buyer_id, idempotency_key, request_hash, status, version,"
                " total, currency, placed_at, expires_at, updated_at)"
                " VALUES (%s, %s, %s, 'k', '', 'PENDING', 1, 45, 'USD', NOW(), NOW(), NOW())",
                (new_order_id(world.event.id), world.event.id, "0a" * 16),
            )
            await batch.execute("UPDATE skus SET held = held - 1 WHERE id = %s", (world.sku,))
        _, after = await changing
        assert after.room == 7

    in_a_world(own_env, story)
