"""What organisers decide about money: refunds whole and in part, reviews, cancelling; at once, in any order.

The books and Redis are real, and agree after each.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.ids import new_id
from app.infra.kafka import open_orders_log
from app.orders import calling_off, refund_requests
from app.orders.facts import Fact, OrderCalledOff, Returned, ReviewAccepted
from app.orders.lifecycle import TooMuch
from app.orders.rebuild import rebuild
from app.orders.refund_requests import KeyReused, NotRefundable, Wanted
from app.units import now_ms
from tests.world.books import CAPACITY, PRICE_MINOR, World, in_a_world, lapsed, paid, refunds_done

Story = Callable[[World], Awaitable[None]]


async def decide(world: World, order_id: str, wanted: Wanted, key: str = "") -> refund_requests.Request:
    return await refund_requests.decide(world.database, order_id, wanted, "ada", key or new_id())


async def tell(world: World) -> None:
    """What the worker does with decisions."""
    await world.write(*await refund_requests.follow(world.database, -60))
    assert await refund_requests.follow(world.database, -60) == [], "each is in the books, or void"


async def bought(world: World, quantity: int = 2) -> str:
    order_id = await world.order(quantity)
    await world.write(paid(order_id, quantity * PRICE_MINOR))
    return order_id


async def available(world: World) -> int:
    return int(await world.redis.hget(world.key("stock"), f"{world.sku}:available") or 0)


def called_off(order_id: str) -> OrderCalledOff:
    return OrderCalledOff(fact_id=new_id(), order_id=order_id, occurred_at_ms=now_ms(), restock=True, reason="")


def accepted(order_id: str) -> ReviewAccepted:
    return ReviewAccepted(fact_id=new_id(), order_id=order_id, occurred_at_ms=now_ms(), reason="")


async def money(world: World, order_id: str) -> list[tuple[str, str, int]]:
    return [(p.kind, p.status, p.amount_minor) for p in (await world.read(order_id)).payments]


@pytest.mark.parametrize("restock", [True, False])
def test_tickets_go_back_one_by_one_and_are_sold_again_where_that_is_wanted(
    own_env: dict[str, str], restock: bool
) -> None:
    async def story(world: World) -> None:
        order_id = await bought(world, 3)
        buyer = await world.buyer_of(order_id)
        one = Wanted(items=(Returned(world.sku, 1),), restock=restock, reason="ill")
        for left in (2, 1):
            await decide(world, order_id, one)
            await tell(world)
            order = await world.read(order_id)
            assert (order.status, order.back[0].void) == ("PARTIALLY_REFUNDED", 3 - left)
            assert await available(world) == CAPACITY - (left if restock else 3)
            assert await world.redis.hget(world.key("bought"), buyer) == str(left if restock else 3)
            assert await world.failing() == {8: (await world.failing())[8]}, (
                "but for refunds that are on their way"
            )
        await decide(world, order_id, one)
        await tell(world)
        await world.write(*refunds_done(await world.read(order_id)))
        assert (await world.read(order_id)).status == "REFUNDED"
        assert await available(world) == CAPACITY - (0 if restock else 3)
        assert await world.failing() == {}

    in_a_world(own_env, story)


def test_an_amount_goes_back_and_the_tickets_stay(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        order_id = await bought(world)
        await decide(world, order_id, Wanted(1_234))
        await tell(world)
        await world.write(*refunds_done(await world.read(order_id)))
        order = await world.read(order_id)
        assert (order.status, order.back) == ("PARTIALLY_REFUNDED", ())
        assert await world.failing() == {}
        with pytest.raises(ValueError, match="restock"):
            await decide(world, order_id, Wanted(1, restock=True))

    in_a_world(own_env, story)


def test_all_of_it_goes_back_at_once_and_the_refund_reaches_whoever_took_the_money(
    own_env: dict[str, str],
) -> None:
    async def story(world: World) -> None:
        kept_off, sold_again = await bought(world), await bought(world)
        await decide(world, kept_off, Wanted(restock=False))
        await decide(world, sold_again, Wanted())
        await tell(world)
        for order_id in (kept_off, sold_again):
            order = await world.read(order_id)
            assert (order.status, sum(back.void for back in order.back)) == ("REFUNDED", 2)
            assert await money(world, order_id) == [
                ("CHARGE", "COMPLETED", 2 * PRICE_MINOR),
                ("REFUND", "REFUND_PENDING", 2 * PRICE_MINOR),
            ]
        assert await available(world) == CAPACITY - 2
        for order_id in (kept_off, sold_again):
            await world.write(*refunds_done(await world.read(order_id)))
        assert await available(world) == CAPACITY - 2
        assert await world.failing() == {}

    in_a_world(own_env, story)


def test_refunds_asked_for_at_once_never_come_to_more_than_was_paid(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        order_id = await bought(world)
        third = 2 * PRICE_MINOR // 3
        answers = await asyncio.gather(
            *(decide(world, order_id, Wanted(third)) for _ in range(8)), return_exceptions=True
        )
        refused = [answer for answer in answers if isinstance(answer, BaseException)]
        assert (len(answers) - len(refused), {type(error) for error in refused}) == (3, {NotRefundable})
        await tell(world)
        order = await world.read(order_id)
        assert sum(p.amount_minor for p in order.payments if p.kind == "REFUND") == 2 * PRICE_MINOR
        assert order.status == "REFUNDED"

    in_a_world(own_env, story)


def test_more_than_is_left_is_refused_and_what_is_not_paid_too(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        order_id, unpaid = await bought(world), await world.order()
        await decide(world, order_id, Wanted(1_000))
        for wanted in (
            Wanted(2 * PRICE_MINOR - 999),
            Wanted(items=(Returned(world.sku, 3),)),
            Wanted(items=(Returned(world.sku, 2),)),  # a thousand of their price is on its way already
            Wanted(items=(Returned(world.event.skus[1].id, 1),)),
        ):
            with pytest.raises(TooMuch):
                await decide(world, order_id, wanted)
        for nothing in (unpaid, f"{order_id[:-12]}0000{world.event.id:08x}"):
            with pytest.raises(NotRefundable):
                await decide(world, nothing, Wanted())

    in_a_world(own_env, story)


def test_the_same_key_is_one_refund(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        order_id = await bought(world)
        first = await decide(world, order_id, Wanted(1_000), "key")
        assert await decide(world, order_id, Wanted(1_000), "key") == first
        with pytest.raises(KeyReused):
            await decide(world, order_id, Wanted(1_001), "key")
        await tell(world)
        await world.write(first.fact(), first.fact())
        assert [amount for kind, _, amount in await money(world, order_id) if kind == "REFUND"] == [1_000]
        again = await decide(world, order_id, Wanted(1_000), "key")
        assert (again.id, again.status) == (first.id, "BOOKED")

    in_a_world(own_env, story)


def test_a_decision_that_another_one_overtakes_comes_to_nothing(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        order_id = await bought(world)
        late = await decide(world, order_id, Wanted(1_000))
        await world.write(called_off(order_id))
        await tell(world)
        assert (await decide_again(world, order_id, late)).status == "VOID"
        await world.write(*refunds_done(await world.read(order_id)))
        assert await world.failing() == {}

    async def decide_again(world: World, order_id: str, request: refund_requests.Request) -> Any:
        (row,) = await world.database.fetch_all("SELECT * FROM refund_requests WHERE id = %s", (request.id,))
        return refund_requests._request(row)

    in_a_world(own_env, story)


@pytest.mark.parametrize(
    ("amount", "currency", "kept", "returned"),
    [
        (PRICE_MINOR + 100, "USD", (0, ""), 100),
        (PRICE_MINOR - 100, "USD", (PRICE_MINOR - 100, "USD"), 0),
        (PRICE_MINOR, "EUR", (PRICE_MINOR, "EUR"), 0),
    ],
)
def test_a_review_is_accepted_and_what_is_too_much_goes_back(
    own_env: dict[str, str], amount: int, currency: str, kept: tuple[int, str], returned: int
) -> None:
    async def story(world: World) -> None:
        order_id = await world.order()
        await world.write(paid(order_id, amount, currency), accepted(order_id))
        order = await world.read(order_id)
        assert (order.status, (order.accepted_minor, order.accepted_currency)) == ("CONFIRMED", kept)
        await world.write(accepted(order_id), *refunds_done(order))
        assert sum(p.amount_minor for p in (await world.read(order_id)).payments if p.kind == "REFUND") == returned
        assert await world.failing() == {}
        await decide(world, order_id, Wanted())
        await tell(world)
        await world.write(*refunds_done(await world.read(order_id)))
        assert (await world.read(order_id)).status == "REFUNDED"
        assert await world.failing() == {}

    in_a_world(own_env, story)


def test_a_review_is_refunded_or_confirmed_by_the_right_money_whichever_comes_first(
    own_env: dict[str, str],
) -> None:
    async def story(world: World) -> None:
        given_back, mended = await world.order(), await world.order()
        await world.write(paid(given_back, 1), paid(mended, 1))
        await decide(world, given_back, Wanted())
        await tell(world)
        await world.write(paid(given_back), paid(mended), accepted(given_back))
        assert [(await world.read(id_)).status for id_ in (given_back, mended)] == ["REFUNDED", "CONFIRMED"]
        for order_id in (given_back, mended):
            await world.write(*refunds_done(await world.read(order_id)))
        assert await available(world) == CAPACITY - 1
        assert await world.failing() == {}

    in_a_world(own_env, story)


def test_an_order_that_was_called_off_is_bought_by_no_late_money(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        unpaid, owned, expired = await world.order(), await bought(world), await world.order()
        await world.write(lapsed(expired))
        facts: list[Fact] = [called_off(order_id) for order_id in (unpaid, owned, expired)]
        await world.write(*facts)
        await world.write(*(paid(order_id) for order_id in (unpaid, expired)))
        statuses = [(await world.read(order_id)).status for order_id in (unpaid, owned, expired)]
        assert statuses == ["CANCELED", "REFUNDED", "EXPIRED"]
        for order_id in (unpaid, owned, expired):
            await world.write(*refunds_done(await world.read(order_id)))
        assert await available(world) == CAPACITY
        assert await world.failing() == {}

    in_a_world(own_env, story)


def test_an_event_is_called_off_page_by_page_and_late_money_goes_back(
    own_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling_off, "PAGE", 2)

    async def story(world: World) -> None:
        orders = [await bought(world, 1) for _ in range(3)]
        pending, review, expired = await world.order(), await world.order(), await world.order()
        await world.write(paid(review, 7), lapsed(expired))
        await calling_off.call_off(world.database, world.redis, world.event, "ada", "Flooded.")
        assert world.event.id in await calling_off.called_off(world.database)
        pages = [page async for page in calling_off.facts_of(world.database, world.event.id, "Flooded.")]
        assert [len(page) for page in pages] == [2, 2, 1]
        await world.write(*pages[0])  # interrupted here
        assert (await calling_off.progress(world.database, world.event.id)).to_call_off == 3
        async for page in calling_off.facts_of(world.database, world.event.id, "Flooded."):
            await world.write(*page)
        await world.write(paid(expired), paid(pending))
        for order_id in (*orders, pending, review, expired):
            await world.write(*refunds_done(await world.read(order_id)))
        stands = await calling_off.progress(world.database, world.event.id)
        assert (stands.done, stands.orders, stands.refunds_done) == (True, 6, 6)
        assert world.event.id not in await calling_off.called_off(world.database)
        assert await world.failing() == {}

    in_a_world(own_env, story)


def test_a_buyer_asks_once_and_the_organiser_answers(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        granted, declined = await bought(world), await bought(world)
        asked = [await refund_requests.ask(world.database, id_, Wanted(), new_id()) for id_ in (granted, declined)]
        with pytest.raises(NotRefundable, match="asked for already"):
            await refund_requests.ask(world.database, granted, Wanted(), new_id())
        assert await refund_requests.follow(world.database, -60) == [], "nobody decided yet"
        await refund_requests.grant(world.database, world.event.id, asked[0].id, "ada")
        await refund_requests.decline(world.database, world.event.id, asked[1].id, "ada")
        for request in asked:
            with pytest.raises(refund_requests.NoSuchRequest):
                await refund_requests.grant(world.database, world.event.id, request.id, "ada")
        await tell(world)
        assert [(await world.read(id_)).status for id_ in (granted, declined)] == ["REFUNDED", "CONFIRMED"]

    in_a_world(own_env, story)


def test_a_rebuilt_sale_knows_what_was_put_back_on_sale(own_topics: dict[str, str]) -> None:
    async def story(world: World) -> None:
        for restock in (True, False):
            order_id = await bought(world, 3)
            await decide(world, order_id, Wanted(items=(Returned(world.sku, 2),), restock=restock))
            await tell(world)
            await world.write(*refunds_done(await world.read(order_id)))
        before = await world.redis.hgetall(world.key("stock"))
        await world.redis.delete(world.key("stock"), world.key("sale"))
        async with open_orders_log(world.settings) as log:
            await rebuild(world.database, world.redis, log, world.event.id)
        assert await world.redis.hgetall(world.key("stock")) == before
        last = await world.read(order_id)
        await decide(world, last.id, Wanted(items=(Returned(world.sku, 1),)))
        await tell(world)
        await world.write(*refunds_done(await world.read(order_id)))
        assert await world.failing() == {}

    in_a_world(own_topics, story)
