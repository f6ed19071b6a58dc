"""Each thing broken by hand, and which checks say so."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from app.ids import new_id, new_order_id
from app.infra.keys import order_key
from app.units import now_ms
from tests.world.books import CAPACITY, World, forget, in_a_world, live_a_little, refund_asked

Breakage = Callable[[World], Awaitable[Any]]


async def a_ticket_appears_in_redis(world: World) -> None:
    await world.redis.hincrby(world.key("stock"), f"{world.sku}:available", 1)


async def redis_oversells(world: World) -> None:
    available = int(await world.redis.hget(world.key("stock"), f"{world.sku}:available") or 0)
    await world.redis.hincrby(world.key("stock"), f"{world.sku}:available", -available - 1)
    await world.redis.hincrby(world.key("stock"), f"{world.sku}:sold", available + 1)


async def a_ticket_is_held_without_a_hold(world: World) -> None:
    await world.redis.hincrby(world.key("stock"), f"{world.sku}:available", -1)
    await world.redis.hincrby(world.key("stock"), f"{world.sku}:held", 1)


async def redis_is_wiped(world: World) -> None:
    await world.redis.delete(world.key("sale"), world.key("stock"))


async def the_stock_is_gone(world: World) -> None:
    await world.redis.delete(world.key("stock"))


async def a_count_is_gone(world: World) -> None:
    await world.redis.hdel(world.key("stock"), f"{world.sku}:sold")


async def a_hold_has_no_record(world: World) -> None:
    await world.redis.zadd(world.key("holds"), {new_order_id(world.event.id): now_ms() + 60_000})


async def a_record_claims_nothing(world: World) -> None:
    await world.redis.hset(order_key(world.event.id, world.orders["pending"]), "claim", "none")


async def a_hold_is_forgotten(world: World) -> None:
    assert await world.redis.zrem(world.key("holds"), world.orders["pending"]) == 1


async def a_buyer_is_over_the_limit(world: World) -> None:
    buyer = await world.buyer_of(world.orders["confirmed"])
    await world.redis.hset(world.key("bought"), buyer, CAPACITY + 1)


async def a_buyers_ticket_is_not_counted(world: World) -> None:
    await world.redis.hincrby(world.key("bought"), await world.buyer_of(world.orders["confirmed"]), -1)


async def the_books_sell_one_more(world: World) -> None:
    await world.execute("UPDATE skus SET sold = sold + 1 WHERE id = %s", world.sku)


async def an_order_takes_one_more(world: World) -> None:
    await world.execute(
        "UPDATE order_items SET quantity = quantity + 1 WHERE order_id = %s", world.orders["confirmed"]
    )


async def the_audit_has_a_line_too_many(world: World) -> None:
    await world.execute(
        "INSERT INTO inventory_audit (sku_id, change_qty, reason, ref_id, created_at)"
        " VALUES (%s, -1, 'PLACED', %s, NOW())",
        world.sku,
        new_id(),
    )


async def the_audit_lacks_a_line(world: World) -> None:
    await world.execute("DELETE FROM inventory_audit WHERE ref_id = %s", world.orders["pending"])


async def a_total_is_wrong(world: World) -> None:
    await world.execute("UPDATE orders SET total = total + 0.01 WHERE id = %s", world.orders["pending"])


async def an_order_has_no_items(world: World) -> None:
    await world.execute("DELETE FROM order_items WHERE order_id = %s", world.orders["canceled"])


async def a_confirmed_order_is_not_paid(world: World) -> None:
    await world.execute("UPDATE payments SET status = 'FAILED' WHERE order_id = %s", world.orders["confirmed"])


async def a_confirmed_order_is_paid_in_euros(world: World) -> None:
    await world.execute("UPDATE payments SET currency = 'EUR' WHERE order_id = %s", world.orders["confirmed"])


async def a_confirmed_order_is_paid_too_much(world: World) -> None:
    await world.execute("UPDATE payments SET amount = amount + 1 WHERE order_id = %s", world.orders["confirmed"])


async def a_pending_order_is_paid(world: World) -> None:
    await world.execute(
        "UPDATE payments SET order_id = %s WHERE order_id = %s", world.orders["pending"], world.orders["unknown"]
    )


async def late_money_is_kept(world: World) -> None:
    await world.execute("DELETE FROM payments WHERE order_id = %s AND kind = 'REFUND'", world.orders["too late"])


async def a_refund_is_more_than_its_charge(world: World) -> None:
    await world.execute(
        "UPDATE payments SET amount = 45.01 WHERE order_id = %s AND kind = 'REFUND'",
        world.orders["partially refunded"],
    )


async def a_refund_has_no_charge(world: World) -> None:
    await world.execute(
        "UPDATE payments SET parent_id = NULL WHERE order_id = %s AND kind = 'REFUND'",
        world.orders["refund failed"],
    )


async def a_refund_is_in_another_currency(world: World) -> None:
    await world.execute(
        "UPDATE payments SET currency = 'EUR' WHERE order_id = %s AND kind = 'REFUND'",
        world.orders["refund failed"],
    )


async def a_charge_has_no_transaction(world: World) -> None:
    await world.execute("UPDATE payments SET transaction_id = NULL WHERE order_id = %s", world.orders["confirmed"])


async def an_answer_is_lost(world: World) -> None:
    await world.redis.delete(world.key(f"answers:{await world.buyer_of(world.orders['expired'])}"))


async def an_answer_without_an_order(world: World) -> None:
    answer = f"{new_order_id(world.event.id)} hash 4500 {now_ms()}"
    await world.redis.hset(world.key(f"answers:{secrets.token_hex(16)}"), "some-key", answer)


async def an_order_is_answered_twice(world: World) -> None:
    answers = world.key(f"answers:{await world.buyer_of(world.orders['confirmed'])}")
    await world.redis.hset(
        answers, "another-key", (await cast(Awaitable[list[str]], world.redis.hvals(answers)))[0]
    )


async def an_order_went_to_another_buyer(world: World) -> None:
    buyer = await world.buyer_of(world.orders["confirmed"])
    await world.redis.rename(world.key(f"answers:{buyer}"), world.key(f"answers:{secrets.token_hex(16)}"))


async def an_order_is_not_in_the_books(world: World) -> None:
    await world.execute("DELETE FROM order_items WHERE order_id = %s", world.orders["canceled"])
    await world.execute("DELETE FROM orders WHERE id = %s", world.orders["canceled"])


async def a_hold_is_overdue(world: World) -> None:
    await world.redis.zadd(world.key("holds"), {world.orders["pending"]: now_ms() - 20_000})


async def an_entry_stays_in_the_outbox(world: World) -> None:
    await world.redis.xadd(world.key("outbox"), {"type": "CancelRequested"})


async def a_refund_does_not_come_back(world: World) -> None:
    await world.write(*refund_asked(await world.read(world.orders["confirmed"]), 100))


async def a_ticket_is_gone(world: World) -> None:
    await world.execute("DELETE FROM tickets WHERE order_id = %s", world.orders["confirmed"])


async def a_ticket_is_good_twice(world: World) -> None:
    await world.execute(
        "INSERT INTO tickets (id, order_id, event_id, sku_id, number, issue, status, issued_at)"
        " SELECT %s, order_id, event_id, sku_id, number, 2, 'VALID', issued_at FROM tickets WHERE order_id = %s",
        secrets.token_hex(16),
        world.orders["confirmed"],
    )


async def a_ticket_of_a_refunded_order_is_good(world: World) -> None:
    await world.execute(
        "UPDATE tickets SET status = 'VALID', ended_at = NULL WHERE order_id = %s", world.orders["refunded"]
    )


async def a_used_ticket_is_good_again(world: World) -> None:
    await world.execute(
        "UPDATE tickets SET status = 'USED', gate = 'A', ended_at = issued_at WHERE order_id = %s",
        world.orders["confirmed"],
    )
    assert await world.failing() == {}, "a used one counts as a bought one"
    await world.execute("UPDATE tickets SET status = 'VALID' WHERE order_id = %s", world.orders["confirmed"])


async def a_void_ticket_is_mailed(world: World) -> None:
    await world.execute(
        "UPDATE tickets SET mailed_at = ended_at + INTERVAL 1 SECOND WHERE order_id = %s", world.orders["refunded"]
    )


async def a_ticket_is_not_in_the_mail(world: World) -> None:
    await world.execute(
        "INSERT INTO messages (id, kind, event_id, order_id, body, status, created_at, next_at, ended_at)"
        " VALUES (%s, 'order.confirmed', %s, %s, '{}', 'SENT', NOW(), NOW(), NOW())",
        new_id(),
        world.event.id,
        world.orders["confirmed"],
    )


async def a_figure_is_not_counted(world: World) -> None:
    """What a ledger would do that forgets a change, or adds it twice."""
    await world.execute(
        "UPDATE figures SET amount = amount - 1 WHERE event_id = %s AND name = 'orders:CONFIRMED'", world.event.id
    )


@pytest.mark.parametrize(
    ("breakage", "says"),
    [
        (a_ticket_appears_in_redis, {1: "available 34", 7: "Redis"}),
        (redis_oversells, {1: "below zero", 2: "buyers have 7", 7: "Redis"}),
        (a_ticket_is_held_without_a_hold, {2: "held 3, the records say 2", 7: "Redis"}),
        (redis_is_wiped, {1: "not in Redis", 7: "Redis nothing"}),
        (the_stock_is_gone, {1: "no stock", 7: "Redis nothing"}),
        (a_count_is_gone, {1: "cannot be read", 7: "Redis nothing"}),
        (a_hold_has_no_record, {2: "no record that claims it"}),
        (a_record_claims_nothing, {2: "no record that claims it"}),
        (a_hold_is_forgotten, {2: "held 2, the records say 1"}),
        (a_buyer_is_over_the_limit, {2: "over the limit"}),
        (a_buyers_ticket_is_not_counted, {2: "7 tickets held and sold, buyers have 6"}),
        (the_books_sell_one_more, {3: "sold 6", 7: "MySQL"}),
        (
            an_order_takes_one_more,
            {3: "orders say 2 and 6", 4: "its items cost 90", 12: "1 are good", 13: "revenue"},
        ),
        (the_audit_has_a_line_too_many, {3: "the audit says"}),
        (the_audit_lacks_a_line, {3: "the audit says"}),
        (a_total_is_wrong, {4: "total 45.01, its items cost 45.00"}),
        (an_order_has_no_items, {4: "cost nothing"}),
        (a_confirmed_order_is_not_paid, {4: "0.00 was kept", 5: "the orders say", 13: "payments:FAILED"}),
        (a_confirmed_order_is_paid_in_euros, {4: "0.00 was kept", 5: "45.00 EUR was kept"}),
        (a_confirmed_order_is_paid_too_much, {4: "46.00 was kept", 13: "money:COMPLETED"}),
        (a_pending_order_is_paid, {5: "PENDING, and 45.00 USD was kept", 13: "money:COMPLETED"}),
        (late_money_is_kept, {5: "EXPIRED, and 45.00 USD was kept", 13: "money:REFUNDED"}),
        (
            a_refund_is_more_than_its_charge,
            {4: "-0.01 was kept", 5: "45.01 of 45.00 refunded", 13: "money:REFUNDED"},
        ),
        (a_refund_has_no_charge, {5: "no completed charge"}),
        (a_refund_is_in_another_currency, {5: "no completed charge"}),
        (a_charge_has_no_transaction, {6: "completed without a transaction"}),
        (an_entry_stays_in_the_outbox, {8: "outbox: 1"}),
        (a_refund_does_not_come_back, {8: "refunds_pending: 1"}),
        (an_answer_is_lost, {9: "no client was answered"}),
        (an_answer_without_an_order, {9: "answered, and not in the books"}),
        (an_order_is_answered_twice, {9: "more than one key"}),
        (an_order_went_to_another_buyer, {9: "another buyer or key"}),
        (an_order_is_not_in_the_books, {9: "answered, and not in the books", 13: "orders:CANCELED"}),
        (a_hold_is_overdue, {10: "past its end"}),
        (a_ticket_is_gone, {12: "CONFIRMED with 1 tickets of sku"}),
        (a_ticket_is_good_twice, {12: "is good 2 times"}),
        (a_ticket_of_a_refunded_order_is_good, {12: "REFUNDED with 0 tickets"}),
        (a_used_ticket_is_good_again, {12: "its end says otherwise"}),
        (a_void_ticket_is_mailed, {12: "VOID, and what was mailed"}),
        (a_ticket_is_not_in_the_mail, {12: "VALID, and what was mailed"}),
        (a_figure_is_not_counted, {13: "orders:CONFIRMED is kept as 3, the books say 4"}),
    ],
)
def test_what_is_broken_is_told_and_nothing_else(
    own_env: dict[str, str], breakage: Breakage, says: dict[int, str]
) -> None:
    async def story(world: World) -> None:
        await live_a_little(world)
        assert await world.failing() == {}
        await breakage(world)
        details = await world.failing()
        assert details.keys() == says.keys(), details
        for number, words in says.items():
            assert words in details[number]

    in_a_world(own_env, story)


@asynccontextmanager
async def without(world: World, guard: str, restored: str) -> AsyncIterator[None]:
    """The schema without one of its own guards; what was broken meanwhile is deleted."""
    await world.database.execute(f"ALTER TABLE {guard}")
    try:
        yield
    finally:
        await forget(world)
        await world.database.execute(f"ALTER TABLE {restored}")


def test_a_transaction_that_is_there_twice_is_told(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        await live_a_little(world)
        charge = (await world.read(world.orders["paid twice"])).payments[0]
        async with without(
            world,
            "payments DROP INDEX payments_transaction",
            "payments ADD UNIQUE KEY payments_transaction (provider, transaction_id)",
        ):
            await world.execute(
                "UPDATE payments SET transaction_id = %s WHERE order_id = %s AND kind = 'REFUND'",
                charge.transaction_id,
                world.orders["refunded"],
            )
            details = await world.failing()
        assert details.keys() == {6}
        assert f"transaction {charge.transaction_id} of sandbox is there 2 times" in details[6]

    in_a_world(own_env, story)


def test_more_tickets_in_the_books_than_there_are_is_told(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        await live_a_little(world)
        async with without(
            world,
            "skus DROP CONSTRAINT skus_guard",
            "skus ADD CONSTRAINT skus_guard CHECK (held >= 0 AND sold >= 0 AND held + sold <= capacity)",
        ):
            await world.execute("UPDATE skus SET capacity = held + sold - 1 WHERE id = %s", world.sku)
            await world.execute(
                "UPDATE inventory_audit SET change_qty = change_qty - %s"
                " WHERE sku_id = %s AND reason = 'CAPACITY'",
                CAPACITY - 6,
                world.sku,
            )
            details = await world.failing()
        assert details.keys() == {3, 7}
        assert details[3] == f"sku {world.sku}: 1 more than there are"

    in_a_world(own_env, story)


def test_more_problems_than_fit_are_counted(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        for _ in range(8):
            await a_hold_has_no_record(world)
        detail = (await world.failing())[2]
        assert detail.count("no record that claims it") == 5
        assert detail.endswith("and 3 more")

    in_a_world(own_env, story)
