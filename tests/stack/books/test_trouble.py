"""What waits for somebody to decide: each kind of it, and how it is counted in the dashboard's snapshot."""

import re

import msgspec
from msgspec import UNSET

from app.ids import new_id, short_code
from app.infra.kafka import DeadLetter
from app.orders.facts import records
from app.orders.refund_requests import Wanted, ask, decline
from app.organisers.dashboard import Dashboard
from app.organisers.trouble import TroubleItem, read_trouble
from app.outbound.outbox import Message, ended, enqueue, resend_mail
from app.payments.findings import Finding, close, keep_findings, mended_findings, of_order
from app.units import now_ms
from app.web.rendering import page
from tests.world.books import STORIES, World, in_a_world, live_a_little, paid, refund_asked, refunds_done

Items = dict[str, list[TroubleItem]]


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


async def waiting(world: World, letters: int | list[DeadLetter] = 0, failed: tuple[str, ...] = ()) -> Items:
    """What waits in the world's event, by kind."""
    found: Items = {}
    trouble = await read_trouble(world.database, world.event.id, letters, [*failed])
    assert trouble.count == len(trouble.items)
    for item in trouble.items:
        found.setdefault(item.kind, []).append(item)
    return found


def test_on_a_good_night_nothing_waits(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        order_id = await world.order()
        await world.write(paid(order_id))
        await world.order()
        assert await waiting(world) == {}

    in_a_world(own_env, story)


def test_what_orders_come_to_waits_where_somebody_has_to_decide(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        await live_a_little(world)
        found = await waiting(world)
        assert {kind: [item.order_id for item in items] for kind, items in found.items()} == {
            "review": [world.orders["review"]],
            "refused_refund": [world.orders["refund failed"]],
            "late_money": [world.orders["unknown"]],
        }
        assert "Paid $0.01 of $45.00" in found["review"][0].text
        assert found["refused_refund"][0].text == "The provider refused to give $7.00 back"
        assert found["late_money"][0].text == "$45.00 came that nobody decided about yet"
        assert all(item.since for items in found.values() for item in items)

    in_a_world(own_env, story)


def test_a_refused_refund_is_mended_where_it_is_a_finding(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        order_id = await world.order()
        await world.write(paid(order_id))
        await world.write(*refund_asked(await world.read(order_id), 700))
        await world.write(*refunds_done(await world.read(order_id), ok=False))
        found = of_order(await world.read(order_id), 99)
        async with world.database.connection() as connection:
            await keep_findings(connection, found)
        [item] = (await waiting(world))["refused_refund"]
        assert (item.finding_id, item.action) == (found[0].id, "retry_refund")
        assert "finding" not in await waiting(world), "it is told once"

    in_a_world(own_env, story)


def test_a_refund_that_is_on_its_way_for_half_an_hour_is_stuck(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        order_id = await world.order()
        await world.write(paid(order_id))
        await world.write(*refund_asked(await world.read(order_id), 700))

        async def asked_ago(minutes: int) -> None:
            await world.execute(
                "UPDATE payments SET updated_at = UTC_TIMESTAMP(3) - INTERVAL %s MINUTE"
                " WHERE order_id = %s AND kind = 'REFUND'",
                minutes, order_id,
            )  # fmt: skip

        await asked_ago(29)
        assert await waiting(world) == {}
        await asked_ago(31)
        [stuck] = (await waiting(world))["stuck_refund"]
        assert (stuck.order_id, stuck.text) == (order_id, "A refund of $7.00 is on its way for long")
        await world.write(*refunds_done(await world.read(order_id)))
        assert await waiting(world) == {}

    in_a_world(own_env, story)


def test_a_refund_that_a_buyer_asks_for_waits_until_it_is_answered(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        order_id = await world.order()
        await world.write(paid(order_id))
        asked = await ask(world.database, order_id, Wanted(reason="I broke a leg"), "key")
        [item] = (await waiting(world))["refund_request"]
        assert (item.order_id, item.text) == (order_id, "A buyer asks for a refund: I broke a leg")
        await decline(world.database, world.event.id, asked.id, "ada")
        assert await waiting(world) == {}

    in_a_world(own_env, story)


def test_mail_and_webhooks_that_were_given_up_lately_are_undelivered(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        order_id = await world.order()
        mail = Message(new_id(), "order.refunded", world.event.id, order_id)
        call = Message(new_id(), "order.confirmed", world.event.id, order_id, webhook_id=7)
        sent = Message(new_id(), "rest.due", world.event.id, order_id)
        now = now_ms()
        async with world.database.connection() as connection:
            await enqueue(connection, [mail, call, sent], now)
            await ended(connection, mail, "FAILED", "550 no such mailbox", now, now)
            await ended(connection, call, "FAILED", "500", now + 1, now + 1)
            await ended(connection, sent, "SENT", "", now, now)
        hook, letter = (await waiting(world))["undelivered"]
        assert letter.text == "Mail order.refunded is given up: 550 no such mailbox"
        assert (letter.message_id, letter.webhook_id) == (mail.id, UNSET)
        assert hook.text == "Webhook order.confirmed is given up: 500"
        assert (hook.message_id, hook.webhook_id, hook.order_id) == (call.id, 7, order_id)
        assert not await resend_mail(world.database, call.id, world.event.id, now), "a webhook is no mail"
        assert not await resend_mail(world.database, mail.id, world.event.id + 1, now), "nor another event's"
        assert await resend_mail(world.database, mail.id, world.event.id, now)
        assert [item.message_id for item in (await waiting(world))["undelivered"]] == [call.id]
        await world.execute("UPDATE messages SET next_at = next_at - INTERVAL 8 DAY WHERE id = %s", call.id)
        assert await waiting(world) == {}, "it is over"

    in_a_world(own_env, story)


def test_what_does_not_agree_waits_until_it_is_mended(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        order_id = await world.order()
        one = Finding("missing_there", "people", order_id, "the books have $45.00", "sandbox", "tx-1")
        async with world.database.connection() as connection:
            await keep_findings(connection, [one])
        [item] = (await waiting(world))["finding"]
        assert (item.text, item.order_id) == ("Missing there: the books have $45.00", order_id)
        assert (item.finding_id, item.action) == (one.id, "people")
        await close(world.database, one.id)
        assert await waiting(world) == {}
        [closed] = await mended_findings(world.database, world.event.id, 10)
        assert closed.id == one.id
        assert closed.mended_at_ms
        await world.database.execute("DELETE FROM findings")

    in_a_world(own_env, story)


def test_facts_set_aside_are_a_line_each_or_their_number_and_what_fails_is_a_line_each(
    own_env: dict[str, str],
) -> None:
    async def story(world: World) -> None:
        order_id = await world.order()
        [(_, record)] = records(paid(order_id))
        letters = [
            DeadLetter("0:17", order_id, record, "a constraint", 1_000),
            DeadLetter("0:18", "", b"?", "", 2_000),
        ]
        known, odd = (await waiting(world, letters))["dead_letters"]
        assert (known.text, known.order_id) == (
            f"PaymentSucceeded of order {order_id} could not be applied: a constraint", order_id,
        )  # fmt: skip
        assert (known.letter_id, known.since) == ("0:17", "1970-01-01T00:00:01.000Z")
        assert odd.text == "undecodable record of no order could not be applied: no reason is known"
        assert odd.order_id is UNSET
        found = await waiting(world, 2, ("Nothing is sold twice: Floor",))
        assert [item.text for item in found["dead_letters"]] == ["2 facts could not be applied"]
        assert [item.text for item in found["verdict"]] == ["Nothing is sold twice: Floor"]

    in_a_world(own_env, story)
