"""Webhooks and mail once more, as organisers ask for them over the API."""

import json
import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from standardwebhooks import Webhook as Verifier

from tests.stack.outbound.conftest import receiver
from tests.stack.tickets.conftest import Shop
from tests.world.buyers import make_event, refused
from tests.world.commands import ticketcraze
from tests.world.stack import Stack
from tests.world.waiting import until


@pytest.fixture(scope="module")
def shop(stack: Stack) -> Iterator[Shop]:
    with ExitStack() as closing:
        yield Shop(stack, make_event(stack.env, "Floor:4500:20"), closing)


@pytest.fixture(scope="module")
def organiser(shop: Shop) -> Iterator[httpx.Client]:
    words = ("--name", f"hooks {uuid.uuid4().hex[:8]}", "--scope", "write", "--event", shop.sale.slug)
    _, made = ticketcraze(shop.stack.env, "admin", "key", "create", *words)
    headers = {"Authorization": f"Bearer {made['key']}"}
    base = f"{shop.stack.web}/api/v1/admin"
    with httpx.Client(base_url=base, headers=headers, trust_env=False, timeout=20) as client:
        yield client


def test_a_webhook_is_added_told_looked_into_and_removed(shop: Shop, organiser: httpx.Client) -> None:
    hooks = f"/events/{shop.sale.slug}/webhooks"
    with receiver() as to:
        made = organiser.post(hooks, json={"url": to.url, "kinds": ["order.confirmed"]})
        assert made.status_code == httpx.codes.CREATED, made.text
        mine = f"{hooks}/{made.json()['id']}"
        assert [hook["url"] for hook in organiser.get(hooks).json()["webhooks"]] == [to.url]
        assert made.json()["secret"] not in organiser.get(hooks).text
        bought = shop.bought(1)
        until(lambda: to.requests, what="the call")
        headers, body = to.requests[0]
        assert Verifier(made.json()["secret"]).verify(body, headers)
        assert json.loads(body)["data"]["order_id"] == bought.order_id

        def sent() -> bool:
            [delivery] = organiser.get(f"{mine}/deliveries").json()["deliveries"]
            return bool(delivery["status"] == "SENT")

        until(sent, what="its line in the log")
        again = f"{mine}/deliveries/{headers['webhook-id']}/resend"
        assert organiser.post(again).status_code == httpx.codes.ACCEPTED
        until(lambda: len(to.requests) == 2, what="the call once more")
        refused(organiser.post(f"{mine}/deliveries/{uuid.uuid4()}/resend"), 404, "not_found")
        assert organiser.delete(mine).status_code == httpx.codes.NO_CONTENT
        refused(organiser.delete(mine), 404, "not_found")
    for url in ("ftp://a.example/", "https://u:p@a.example/", "x" * 600):
        refused(organiser.post(hooks, json={"url": url}), 422, "invalid")


def test_a_webhook_of_another_event_is_not_there(shop: Shop, organiser: httpx.Client) -> None:
    other = make_event(shop.stack.env)
    refused(organiser.get(f"/events/{other.slug}/webhooks"), 403, "forbidden")
    code, made = ticketcraze(
        shop.stack.env, "webhook", "add", "http://127.0.0.1:9/", "--event", other.slug, "--kind", "ticket.used"
    )
    assert code == 0
    refused(organiser.delete(f"/events/{shop.sale.slug}/webhooks/{made['id']}"), 404, "not_found")
    assert ticketcraze(shop.stack.env, "webhook", "remove", str(made["id"]))[0] == 0


def test_tickets_are_mailed_once_more_where_there_is_an_address(shop: Shop, organiser: httpx.Client) -> None:
    bought = shop.bought(1)
    path = f"/orders/{bought.order_id}/resend"
    refused(organiser.post(path), 409, "no_contact")
    bought.buyer.put(f"/orders/{bought.order_id}/contact", json={"email": "kim@example.com"})

    def sent(attempts: int) -> bool:
        _, listed = ticketcraze(shop.stack.env, "messages", "list", "--order", bought.order_id)
        [message] = listed["messages"]
        return bool(message["status"] == "SENT" and message["attempts"] == attempts)

    until(lambda: sent(1), what="the mail")
    assert organiser.post(path).status_code == httpx.codes.ACCEPTED
    until(lambda: sent(2), what="the mail once more")
