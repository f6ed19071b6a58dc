"""Webhooks and mail once more, as organisers ask for them over the API."""

import json
import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from standardwebhooks import Webhook as Verifier

from tests.stack.admin.people import browser, new_admin, sign_in, token_of
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


def test_the_page_shows_what_a_webhook_was_told_and_no_other_events(shop: Shop, stack: Stack) -> None:
    other = make_event(stack.env)
    hooks = {
        sale.slug: ticketcraze(
            stack.env, "webhook", "add", f"http://127.0.0.1:9/{sale.slug}", "--event", sale.slug
        )[1]
        for sale in (shop.sale, other)
    }
    shop.bought(1)
    with browser(stack) as client:
        admin = new_admin(stack.env)
        token_of(sign_in(client, admin.name, admin.password))
        page = f"/admin/events/{shop.sale.slug}/webhooks"
        until(lambda: "order.confirmed, 1 attempt: " in client.get(page).text, what="the call that failed")
        html = client.get(page).text
        assert f"http://127.0.0.1:9/{shop.sale.slug}" in html
        assert other.slug not in html
        assert hooks[shop.sale.slug]["secret"] not in html
        for of_another in (hooks[other.slug]["id"], "x", 10**30):
            answer = client.get(page, params={"webhook": of_another})
            assert answer.status_code == httpx.codes.NOT_FOUND
        ticketcraze(stack.env, "admin", "role", admin.name, "box_office")
        until(lambda: client.get(page).status_code == httpx.codes.FORBIDDEN, what="the other role")
    for hook in hooks.values():
        ticketcraze(stack.env, "webhook", "remove", str(hook["id"]))


def test_a_draft_has_webhooks_before_anybody_buys(stack: Stack) -> None:
    with browser(stack) as client:
        admin = new_admin(stack.env)
        token_of(sign_in(client, admin.name, admin.password))
        slug = f"test-{uuid.uuid4().hex[:12]}"
        sku = {"name": "Floor", "price": 4_500, "capacity": 20}
        draft = {"slug": slug, "name": "A draft", "skus": [sku], "draft": True}
        created = client.post("/api/v1/admin/events", json=draft)
        assert created.status_code == httpx.codes.CREATED, created.text
        made = client.post(f"/api/v1/admin/events/{slug}/webhooks", json={"url": "http://127.0.0.1:9/"})
        assert made.status_code == httpx.codes.CREATED, made.text
        assert "http://127.0.0.1:9/" in client.get(f"/admin/events/{slug}/webhooks").text
        assert client.delete(f"/api/v1/admin/events/{slug}").status_code == httpx.codes.NO_CONTENT
    _, left = ticketcraze(stack.env, "webhook", "list")
    assert made.json()["id"] not in [hook["id"] for hook in left["webhooks"]], "they go with it"
