"""What waits for somebody to decide is counted in the dashboard's snapshot, and its page says so."""

import re

import msgspec

from app.ids import short_code
from app.organisers.dashboard import Dashboard
from app.web.rendering import page
from tests.world.books import STORIES, World, in_a_world, live_a_little


def test_refunds_in_the_funnel_and_in_the_money_are_the_same(own_env: dict[str, str]) -> None:
    """Whatever an order came to: money that came too late, or twice, went back as well."""

    async def story(world: World) -> None:
        await live_a_little(world)
        snapshot = await Dashboard(world.redis, world.database).snapshot(world.event)
        sent_back = [
            payment.amount_minor
            for name in STORIES
            for payment in (await world.read(world.orders[name])).payments
            if payment.status == "REFUNDED"
        ]
        assert len(sent_back) == 4
        assert (snapshot.funnel.refunded, snapshot.passed.refunded) == (4, 4)
        assert snapshot.money.refunded == sum(sent_back)

    in_a_world(own_env, story)


async def look(world: World) -> tuple[dict[str, object], str]:
    """The snapshot's trouble, and what the page says of it."""
    snapshot = msgspec.to_builtins(await Dashboard(world.redis, world.database).snapshot(world.event))
    html = bytes(page("admin/event.html", snapshot=snapshot).body).decode()
    match = re.search(r'<div class="trouble".*?</div>', html, re.DOTALL)
    assert match
    return snapshot["trouble"], match[0]


def test_orders_in_review_and_refused_refunds_are_counted_and_shown(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        trouble, shown = await look(world)
        assert trouble == {"in_review": 0, "orders": [], "refused_refunds": 0}
        assert "hidden" in shown

        await live_a_little(world)
        trouble, shown = await look(world)
        assert (trouble["in_review"], trouble["refused_refunds"]) == (1, 1)
        assert short_code(world.orders["review"]) in str(trouble["orders"])
        assert "hidden" not in shown
        assert "1 order waits for a decision" in shown
        assert "1 refund was refused by the provider" in shown

    in_a_world(own_env, story)
