"""Money whose refund was refused has a way back: it is listed, and asked for again, once however often."""

import asyncio
from typing import Any

from app.organisers.dashboard import Dashboard
from tests.world.books import World, in_a_world, live_a_little, refunds_done
from tests.world.commands import ticketcraze
from tests.world.processes import processes
from tests.world.waiting import until


def test_a_refused_refund_is_asked_for_again_once(own_topics: dict[str, str]) -> None:
    def command(*words: str) -> tuple[int, Any]:
        return ticketcraze(own_topics, "refunds", *words)

    async def waiting(world: World) -> tuple[object, object]:
        """As verify says, and as the dashboard does."""
        snapshot = await Dashboard(world.redis, world.database).snapshot(world.event)
        verified = (await world.check(at_rest_seconds=None))[5].figures["refused_refunds"]
        return verified, snapshot.trouble.refused_refunds

    async def story(world: World) -> None:
        await live_a_little(world)
        order_id = world.orders["refund failed"]
        code, answer = await asyncio.to_thread(command, "list")
        (refused,) = answer["refunds"]
        assert (code, refused["order_id"], refused["amount"], refused["currency"]) == (0, order_id, 700, "USD")
        assert await waiting(world) == (1, 1)

        for ids in ((refused["id"],), ()):  # the second time before the ledger has heard of the first
            assert await asyncio.to_thread(command, "retry", *ids) == (0, {"retried": [refused["id"]]})

        def is_empty() -> bool:
            return command("list") == (0, {"refunds": []})

        with processes(own_topics, "workers.ledger"):
            await asyncio.to_thread(until, is_empty)
        order = await world.read(order_id)
        assert [p.amount_minor for p in order.payments if p.status == "REFUND_PENDING"] == [700]
        code, answer = await asyncio.to_thread(command, "retry", refused["id"])
        assert code == 1
        assert "asked for again already" in answer["error"]

        await world.write(*refunds_done(order))
        assert (await world.read(order_id)).status == "PARTIALLY_REFUNDED"
        assert await waiting(world) == (0, 0)
        assert await world.failing() == {}

    in_a_world(own_topics, story)
