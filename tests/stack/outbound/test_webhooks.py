"""Webhooks: signed, tried for three days, in nobody's way, and never sent into a private network."""

import json
from collections.abc import Callable

import pytest
from standardwebhooks import Webhook as Verifier

from app.infra.outward import Forbidden, post
from app.outbound.outbox import attempts_of, give_up_old, resend
from app.outbound.webhooks import BadWebhook, Webhook, add_webhook, remove_webhook, tell_used
from app.tickets.door import use
from tests.stack.outbound.conftest import LOOPBACK, Night, Receiver, Story, receiver
from tests.world.books import PRICE_MINOR, refund_asked, refunds_done
from tests.world.machine import free_port

Tell = Callable[[Story], None]


async def hook_of(night: Night, url: str, *kinds: str, event_id: int | None = None) -> Webhook:
    event_id = night.world.event.id if event_id is None else event_id
    return await add_webhook(night.world.database, url, event_id, kinds, LOOPBACK)


def told(to: Receiver) -> list[tuple[str, str]]:
    return [(json.loads(body)["type"], json.loads(body)["data"].get("order_id", "")) for _, body in to.requests]


def test_what_happens_is_told_signed_and_once(tell: Tell) -> None:
    async def story(night: Night) -> None:
        with receiver() as to, receiver() as other:
            await hook_of(night, to.url)
            await hook_of(night, other.url, "sale.sold_out")
            await hook_of(night, other.url, event_id=night.world.event.id + 1)
            order_id = await night.bought()
            [ticket] = await night.world.database.fetch_all(
                "SELECT id FROM tickets WHERE order_id = %s", (order_id,)
            )
            for _ in range(2):
                await use(night.world.database, ticket["id"], "Gate B", "", also=tell_used)
            await night.world.write(*refund_asked(await night.world.read(order_id), PRICE_MINOR))
            await night.world.write(*refunds_done(await night.world.read(order_id)))
            night.clock.go(minutes=1)
            await night.send()
            await night.send()
            kinds = [kind for kind, _ in told(to)]
            assert sorted(kinds) == ["order.confirmed", "order.refunded", "ticket.used"]
            assert {id_ for _, id_ in told(to)} == {order_id}
            assert other.requests == []
            headers, body = to.requests[0]
            assert headers["content-type"] == "application/json"
            assert json.loads(body)["data"]["event_id"] == night.world.event.id
            assert headers["webhook-id"] in {message.id for message in await night.messages()}

    tell(story)


def test_the_signature_is_the_schemes(tell: Tell) -> None:
    async def story(night: Night) -> None:
        with receiver() as to:
            hook = await hook_of(night, to.url, "order.confirmed")
            await night.bought()
            await night.send()
            headers, body = to.requests[0]
            assert Verifier(hook.secret).verify(body, headers)
            with pytest.raises(Exception, match="signature"):
                Verifier(hook.secret).verify(body + b" ", headers)

    tell(story)


def test_a_sale_that_sells_out_is_told(tell: Tell) -> None:
    async def story(night: Night) -> None:
        with receiver() as to:
            await hook_of(night, to.url, "sale.sold_out")
            await night.bought(quantity=1)
            await night.send()
            assert to.requests == []
            await night.world.execute(
                "UPDATE skus SET capacity = sold + held + IF(id = %s, 1, 0) WHERE event_id = %s",
                night.world.sku,
                night.world.event.id,
            )
            await night.bought(quantity=1)
            await night.send()
            assert [kind for kind, _ in told(to)] == ["sale.sold_out"]

    tell(story)


def test_one_that_is_dead_is_in_nobodys_way_and_is_told_when_it_is_back(tell: Tell) -> None:
    async def story(night: Night) -> None:
        with receiver() as to, receiver() as broken:
            broken.status = 500
            silent = await hook_of(night, f"http://127.0.0.1:{free_port()}/", "order.confirmed")
            failing = await hook_of(night, broken.url, "order.confirmed")
            await hook_of(night, to.url, "order.confirmed")
            orders = {await night.bought() for _ in range(4)}
            await night.send()
            assert {id_ for _, id_ in told(to)} == orders
            assert len(broken.requests) == 1, "one that fails is left alone for a while, not asked for each"
            for _ in range(10):
                night.clock.go(minutes=10)
                await night.send()
            assert len(broken.requests) < 30
            broken.status = 204
            for _ in range(6):
                night.clock.go(hours=2)
                await night.send()
            assert {id_ for _, id_ in told(broken)} == orders
            assert {m.status for m in await night.messages(webhook_id=failing.id)} == {"SENT"}
            assert {m.status for m in await night.messages(webhook_id=silent.id)} == {"DUE"}
            for _ in range(12):
                night.clock.go(hours=6)
                await night.send()
            await give_up_old(night.world.database, night.clock())
            assert {m.status for m in await night.messages(webhook_id=silent.id)} == {"FAILED"}, "after three days"

    tell(story)


def test_each_attempt_is_in_the_log_with_the_same_id_and_can_be_sent_again(tell: Tell) -> None:
    async def story(night: Night) -> None:
        with receiver() as to:
            to.status = 503
            hook = await hook_of(night, to.url, "order.confirmed")
            await night.bought()
            await night.send()
            to.status = 200
            night.clock.go(minutes=1)
            await night.send()
            [message] = await night.messages(webhook_id=hook.id)
            log = await attempts_of(night.world.database, message.id)
            assert [row["outcome"] for row in log] == ["answered 503", "answered 200"]
            assert await resend(night.world.database, message.id, night.clock())
            await night.send()
            assert {headers["webhook-id"] for headers, _ in to.requests} == {message.id}
            assert len(to.requests) == 3
            await remove_webhook(night.world.database, hook.id)
            await night.bought()
            await night.send()
            assert len(to.requests) == 3

    tell(story)


def test_a_redirect_is_not_followed(tell: Tell) -> None:
    async def story(night: Night) -> None:
        with receiver() as to, receiver() as inside:
            to.status, to.location = 307, inside.url
            hook = await hook_of(night, to.url, "order.confirmed")
            await night.bought()
            await night.send()
            assert inside.requests == []
            [message] = await night.messages(webhook_id=hook.id)
            assert (message.status, message.error) == ("DUE", "answered 307")

    tell(story)


def test_nothing_is_sent_into_a_private_network(tell: Tell) -> None:
    async def story(night: Night) -> None:
        with receiver() as inside:
            for host in ("localhost", "127.0.0.1", "[::ffff:127.0.0.1]", "127.1", "2130706433"):
                with pytest.raises(Forbidden):
                    await post(f"https://{host}:{inside.port}/", {}, b"")
            with pytest.raises(BadWebhook):
                await add_webhook(night.world.database, inside.url, 0, (), ())
            assert inside.requests == []

    tell(story)
