"""An order in two instalments, with real books and a real mail server: paid in full, or ended; told in time."""

from collections.abc import Callable

from app.outbound.contacts import set_contact
from app.outbound.following import REMIND_MS
from app.payments.findings import of_order
from tests.stack.outbound.conftest import Night, Story
from tests.world.books import CAPACITY, PRICE_MINOR, lapsed, paid, refunds_done

Tell = Callable[[Story], None]
DAY_MS = 86_400_000
DEPOSIT = PRICE_MINOR // 5


async def deposited(night: Night, email: str) -> str:
    """An order whose deposit was paid; its buyer gave this address."""
    world = night.world
    await world.database.execute(
        "UPDATE events SET deposit_percent = 20, rest_due_days = 14 WHERE id = %s", (world.event.id,)
    )
    order_id = await world.order()
    await set_contact(world.database, order_id, world.event.id, email, "0.1.key")
    await world.write(paid(order_id, DEPOSIT))
    return order_id


async def failing(night: Night) -> set[int]:
    """The checks that do not hold, but for the one that asks the provider: there is none here."""
    return (await night.world.failing()).keys() - {11}


async def subjects(night: Night, email: str) -> list[str]:
    await night.send()
    return [mail["Subject"] for mail in night.mail.to(email)]


def test_a_deposit_holds_the_tickets_for_weeks_its_buyer_is_reminded_and_the_rest_buys_them(tell: Tell) -> None:
    async def story(night: Night) -> None:
        world = night.world
        order_id = await deposited(night, "kim@example.com")
        order = await world.read(order_id)
        assert (order.status, order.expires_at_ms) == ("PENDING", order.placed_at_ms + 14 * DAY_MS)
        assert await world.redis.zscore(world.key("holds"), order_id) == order.expires_at_ms
        assert await failing(night) == set()
        assert of_order(order, order.version) == []

        # The checks see a deposit that is not there.
        await world.execute("UPDATE payments SET amount = amount - 1 WHERE id = %s", order.deposit_id)
        assert {4, 5} <= await failing(night)
        await world.execute("UPDATE payments SET amount = amount + 1 WHERE id = %s", order.deposit_id)

        assert await subjects(night, "kim@example.com") == ["Your deposit for A test"]
        body = night.mail.to("kim@example.com")[0].get_body(("plain",))
        assert body
        assert all(amount in body.get_content() for amount in ("$9.00", "$36.00"))
        night.clock.ms = order.expires_at_ms - REMIND_MS - 1
        assert len(await subjects(night, "kim@example.com")) == 1
        night.clock.ms += 2
        assert (await subjects(night, "kim@example.com"))[1:] == ["Still to be paid: A test"]

        await world.write(paid(order_id, PRICE_MINOR - DEPOSIT))
        order = await world.read(order_id)
        assert (order.status, order.deposit_minor) == ("CONFIRMED", DEPOSIT)
        assert (await subjects(night, "kim@example.com"))[2:] == ["Your tickets for A test"]
        assert await failing(night) == set()

    tell(story)


def test_when_the_rest_stays_away_the_tickets_are_sold_again_and_the_deposit_goes_back(tell: Tell) -> None:
    async def story(night: Night) -> None:
        world = night.world
        order_id = await deposited(night, "ann@example.com")
        await world.write(lapsed(order_id), paid(order_id, PRICE_MINOR - DEPOSIT))
        assert (await world.read(order_id)).status == "EXPIRED"
        assert int(await world.redis.hget(world.key("stock"), f"{world.sku}:available") or 0) == CAPACITY
        await world.write(*refunds_done(await world.read(order_id)))
        order = await world.read(order_id)
        back = {(p.status, p.amount_minor) for p in order.payments if p.kind == "REFUND"}
        assert back == {("REFUNDED", DEPOSIT), ("REFUNDED", PRICE_MINOR - DEPOSIT)}
        night.clock.go(hours=24 * 14)
        told = await subjects(night, "ann@example.com")
        assert sorted(told) == [
            "Not paid in time: A test",
            "Your money is back: A test",
            "Your money is back: A test",
            "Your payment came too late: A test",
        ], "and nobody is reminded"
        assert await failing(night) == set()

    tell(story)
