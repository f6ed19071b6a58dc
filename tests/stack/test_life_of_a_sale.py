"""A sale from its creation to its end: put on sale, paused, closed, cleared away."""

import asyncio
import time
import uuid
from contextlib import ExitStack
from datetime import datetime

import httpx
import pytest
import redis

from app.infra.redis import open_redis
from app.sale import waiting_room
from app.settings import Settings
from tests.world.apart import apart
from tests.world.buyers import (
    OpenSale,
    Sale,
    Sku,
    api,
    assert_sound,
    come_in,
    frames_until,
    make_event,
    order,
    pay,
    until_status,
)
from tests.world.commands import ticketcraze
from tests.world.machine import free_port
from tests.world.processes import processes
from tests.world.stack import Stack
from tests.world.waiting import until

GONE, UNAVAILABLE = httpx.codes.GONE, httpx.codes.SERVICE_UNAVAILABLE


def ms(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp() * 1000


def test_an_event_made_while_redis_does_not_answer_goes_on_sale_by_itself(
    stack: Stack, env: dict[str, str]
) -> None:
    """Once its slug was taken and it was never on sale."""
    slug = f"test-{uuid.uuid4().hex[:12]}"
    away = {**env, "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}
    words = ("--slug", slug, "--name", "A test", "--sku", "Floor:4500:20", "--opens-in", "0", "--rate", "60000")
    code, created = ticketcraze(away, "event", "create", *words)
    assert (code, created["on_sale"]) == (0, False)
    with api(stack) as client:
        until(lambda: client.post(f"/events/{slug}/queue").status_code == httpx.codes.OK)
    sale = Sale(slug, created["id"], tuple(Sku(**sku) for sku in created["skus"]))
    assert_sound(env, sale)


def test_a_pause_keeps_what_is_left_of_a_hold_and_it_can_be_paid_meanwhile(
    stack: Stack, env: dict[str, str]
) -> None:
    sale = make_event(env, hold_ttl=2)
    with api(stack) as payer, api(stack) as waiter:
        orders = []
        for client in (payer, waiter):
            come_in(client, sale)
            orders.append(order(client, sale).json())
        for client, placed in zip((payer, waiter), orders, strict=True):
            until_status(client, placed["order_id"], "PENDING")
        assert ticketcraze(env, "event", "pause", sale.slug)[0] == 0
        until(lambda: time.time() * 1000 > ms(orders[1]["expires_at"]) + 1_000)
        kept = waiter.get(f"/orders/{orders[1]['order_id']}").json()
        assert kept["status"] == "PENDING"
        pay(payer, orders[0]["order_id"])
        until_status(payer, orders[0]["order_id"], "CONFIRMED")
        assert order(waiter, sale).status_code == UNAVAILABLE
        assert ticketcraze(env, "event", "open", sale.slug)[0] == 0
        until_status(waiter, orders[1]["order_id"], "EXPIRED")
    assert_sound(env, sale)


def test_pages_are_told_the_new_ends_after_a_pause(stack: Stack, env: dict[str, str]) -> None:
    sale = make_event(env)
    with ExitStack() as closing:
        world = OpenSale(stack, sale, closing)
        buyer = world.buyer()
        until(lambda: buyer.client.get(f"/events/{sale.slug}/queue").json()["status"] == "admitted")
        placed = order(buyer.client, sale).json()
        socket = world.socket(buyer.token)
        first = frames_until(socket, lambda frame: frame["type"] == "order")
        pass_end = next(frame for frame in first if frame["type"] == "place")["expires_at"]
        ticketcraze(env, "event", "pause", sale.slug)
        frames_until(socket, lambda frame: frame["type"] == "stock" and frame["sale"] == "paused")
        paused_at = time.time()
        until(lambda: time.time() - paused_at > 1)
        ticketcraze(env, "event", "open", sale.slug)
        resumed = frames_until(socket, lambda frame: frame["type"] == "stock" and frame["sale"] == "open")
        told = [*resumed]

        def later(kind: str, end: str) -> bool:
            return any(frame["type"] == kind and ms(frame["expires_at"]) >= ms(end) + 1_000 for frame in told)

        while not (later("place", pass_end) and later("order", placed["expires_at"])):
            told += frames_until(socket, lambda frame: True)


@pytest.mark.slow
def test_a_closed_sale_is_cleared_out_of_redis_and_the_books_keep_it(stack: Stack, env: dict[str, str]) -> None:
    sale = make_event(env)
    with api(stack) as client, api(stack) as stranger:
        come_in(client, sale)
        placed = order(client, sale, 2, key="the key").json()
        until_status(client, placed["order_id"], "PENDING")
        assert ticketcraze(env, "purge", sale.slug)[0] == 1, "it is open"
        ticketcraze(env, "event", "close", sale.slug)
        assert ticketcraze(env, "purge", sale.slug)[0] == 1, "an order can still be paid"
        pay(client, placed["order_id"])
        until_status(client, placed["order_id"], "CONFIRMED")
        until(lambda: ticketcraze(env, "purge", sale.slug)[0] == 0)

        with redis.Redis.from_url(env["REDIS_URL"]) as inside:
            # A snapshot that was being made meanwhile ends on its own.
            until(lambda: not list(inside.scan_iter(match=f"tc:{{{sale.id}}}:*")), what="an empty Redis")
        until(lambda: stranger.post(f"/events/{sale.slug}/queue").status_code == GONE)
        until(lambda: order(client, sale, 2, key="the key").status_code == GONE)
        assert client.get(f"/events/{sale.slug}/queue").status_code == GONE
        facts = client.get(f"/events/{sale.slug}").json()
        assert (facts["sale"], facts["skus"][0]["available"]) == ("closed", 18)
        assert client.get(f"/orders/{placed['order_id']}").json()["status"] == "CONFIRMED"
        page = httpx.get(f"{stack.web}/events/{sale.slug}", cookies=client.cookies, trust_env=False)
        assert page.status_code == httpx.codes.OK
        code, answer = ticketcraze(env, "event", "open", sale.slug)
        assert code == 1, answer
    assert ticketcraze(env, "purge", sale.slug)[0] == 0, "again is the same"
    assert_sound(env, sale)


@pytest.mark.slow
def test_without_mysql_buyers_come_in_and_lobbies_are_drawn(stack: Stack) -> None:
    """Once nobody was let in anywhere for 42 s, since one sale was due to open and its secret is in the books."""
    with apart(stack) as own:
        lacking, sale = (make_event(own, opens_in=1).id for _ in range(2))
        with redis.Redis.from_url(own["REDIS_URL"]) as inside:
            inside.hdel(f"tc:{{{lacking}}}:sale", "draw_secret")

            async def join_both() -> None:
                async with open_redis(Settings.from_environment(own)) as redis:
                    for event_id in (lacking, sale):
                        await waiting_room.join(redis, event_id, "buyer", 10)

            asyncio.run(join_both())
            away = {**own, "DATABASE_URL": f"mysql+asyncmy://nobody:none@127.0.0.1:{free_port()}/none"}
            with processes(away, "workers.sales", "workers.admission"):
                until(lambda: inside.zcard(f"tc:{{{sale}}}:passes") == 1)
            assert inside.hget(f"tc:{{{lacking}}}:sale", "state") == b"drawing", "it waits for its secret, alone"
