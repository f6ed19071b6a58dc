"""What organisers see: kept as it changes, equal to what the books say, made once for everybody who looks."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from socket import gethostname
from typing import Any

import httpx
import pytest
from redis import Redis
from websockets.sync.client import connect

from app.infra.keys import key
from app.infra.mysql import open_database
from app.orders.figures import CHANGES, count_figures, read_figures
from app.organisers.history import MINUTE
from app.sale.waits import longest_seconds
from app.settings import Settings
from tests.stack.admin.people import browser, new_admin, sign_in, token_of
from tests.world.buyers import OpenSale, assert_sound, make_event, pay, refused, until_status
from tests.world.processes import pressed
from tests.world.stack import Stack
from tests.world.waiting import until


def kept_and_counted(env: dict[str, str], event_id: int) -> tuple[dict[str, int], dict[str, int]]:
    async def read() -> tuple[dict[str, int], dict[str, int]]:
        async with open_database(Settings.from_environment(env)) as database, database.connection() as connection:
            kept = await read_figures(connection, event_id)
            assert kept is not None
            del kept[CHANGES]
            counted = await count_figures(connection, event_id)
            return {name: n for name, n in kept.items() if n}, counted[event_id]

    return asyncio.run(read())


@pytest.fixture(scope="module")
def sale(stack: Stack) -> Iterator[OpenSale]:
    """A sale with one order paid, one held and one given back."""
    with ExitStack() as closing:
        sale = OpenSale(stack, make_event(stack.env, "Floor:4500:20", "Balcony:2500:10"), closing)
        buyer = sale.buyer()
        paid, back = buyer.order(2), buyer.order()
        buyer.order()
        pay(buyer.client, paid)
        until_status(buyer.client, paid, "CONFIRMED")
        buyer.client.delete(f"/orders/{back}")
        until_status(buyer.client, back, "CANCELED")
        yield sale
        assert_sound(stack.env, sale.sale)


@pytest.fixture(scope="module")
def token(stack: Stack) -> str:
    admin = new_admin(stack.env)
    with browser(stack) as client:
        return token_of(sign_in(client, admin.name, admin.password))


def test_the_snapshot_says_what_the_books_say(stack: Stack, sale: OpenSale, token: str) -> None:
    with browser(stack) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        path = f"/api/v1/admin/events/{sale.sale.slug}"
        now = until(lambda: _settled(client.get(path).json()))
    kept, counted = kept_and_counted(stack.env, sale.sale.id)
    assert kept == counted
    assert now["money"] | {"currency": ""} == {
        "currency": "", "taken": 9_000, "pending": 0, "refunded": 0, "charges_completed": 1, "charges_failed": 0,
    }  # fmt: skip
    assert [(sku["sold"], sku["held"], sku["revenue"]) for sku in now["skus"]] == [(2, 1, 9_000), (0, 0, 0)]


def test_the_snapshot_says_how_long_those_who_came_in_had_waited(stack: Stack, token: str) -> None:
    made = make_event(stack.env, room=1)
    with ExitStack() as closing:
        client = closing.enter_context(browser(stack))
        client.headers["Authorization"] = f"Bearer {token}"
        path = f"/api/v1/admin/events/{made.slug}"
        redis = closing.enter_context(Redis.from_url(stack.env["REDIS_URL"], decode_responses=True))
        sale = OpenSale(stack, made, closing)
        sale.buyer()
        until(lambda: waits_of(client.get(path))["let_in"] == 1)
        joined_at = key(made.id, "joined_at")
        second = sale.buyer(let_in=False)
        assert redis.zcard(joined_at) <= 2, "it hardly grows"
        now_ms = int(redis.time()[0]) * 1000
        redis.delete(joined_at)
        redis.zadd(joined_at, {str(now_ms - 100_000): 1})  # a hundred seconds ago
        assert client.patch(path, json={"room": 2}).status_code == httpx.codes.OK
        until(lambda: second.place()["status"] == "admitted")
        until(lambda: waits_of(client.get(path))["let_in"] == 2)
        told = waits_of(client.get(path))
        assert told["p50_seconds"] < 100 < told["p95_seconds"] == longest_seconds(12)
        assert_sound(stack.env, made)


def test_the_snapshot_says_how_many_orders_lapsed(stack: Stack, token: str) -> None:
    made = make_event(stack.env, hold_ttl=1)
    with ExitStack() as closing:
        client = closing.enter_context(browser(stack))
        client.headers["Authorization"] = f"Bearer {token}"
        buyer = OpenSale(stack, made, closing).buyer()
        order_id = buyer.order()
        until_status(buyer.client, order_id, "EXPIRED")
        until(lambda: client.get(f"/api/v1/admin/events/{made.slug}").json()["passed"]["lapsed"] == 1)


def test_the_snapshot_says_what_is_too_much_and_on_which_host_each_process_runs(
    stack: Stack, sale: OpenSale, token: str
) -> None:
    with browser(stack) as client, pressed(stack, "books", "loop"):
        client.headers["Authorization"] = f"Bearer {token}"

        def trust() -> dict | None:  # type: ignore[type-arg]
            told: dict[str, Any] = client.get(f"/api/v1/admin/events/{sale.sale.slug}").json()["trust"]
            return told if told["overload"]["reasons"] else None

        told = until(trust)
        assert told["overload"] == {"reasons": ["books", "loop"], "arrivals_wait": True, "pace": 0.25}
        assert {light["host"] for light in told["processes"]} == {gethostname(), "night-2"}
        assert told["connections"] >= 12_345
    assert until(lambda: is_calm(stack, sale, token))


def is_calm(stack: Stack, sale: OpenSale, token: str) -> bool:
    """Whether nothing is too much any more."""
    with browser(stack) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        overload = client.get(f"/api/v1/admin/events/{sale.sale.slug}").json()["trust"]["overload"]
        return not overload["reasons"] and not overload["arrivals_wait"]


def waits_of(answer: httpx.Response) -> dict[str, int]:
    waits: dict[str, int] = answer.json()["waits"]
    return waits


def _settled(now: dict) -> dict | None:  # type: ignore[type-arg]
    return now if now["funnel"]["paid"] == 1 and now["funnel"]["holding"] == 1 else None


def test_every_socket_hears_the_same_snapshot_within_a_second(stack: Stack, sale: OpenSale, token: str) -> None:
    address = stack.web.replace("http", "ws") + f"/ws/admin/events/{sale.sale.slug}"
    with ExitStack() as closing:
        sockets = [
            closing.enter_context(
                connect(address, additional_headers={"Authorization": f"Bearer {token}"}, max_size=None)
            )
            for _ in range(3)
        ]
        for socket in sockets:
            socket.recv(timeout=5)
        began = time.monotonic()
        told = [{json.loads(socket.recv(timeout=5))["server_now"] for _ in range(4)} for socket in sockets]
        assert time.monotonic() - began < 8
        assert len(told[0] & told[1] & told[2]) >= 3, "made once, for all of them"


def test_the_history_is_kept_by_the_second_and_by_the_minute(stack: Stack, sale: OpenSale, token: str) -> None:
    with browser(stack) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        path = f"/api/v1/admin/events/{sale.sale.slug}/history"

        def known() -> dict | None:  # type: ignore[type-arg]
            answer = client.get(path, params={"step": 1}).json()
            return answer if answer["points"] and answer["points"][-1]["figures"]["paid"] == 1 else None

        fine = until(known)
        times = [point["at"] for point in fine["points"]]
        assert (fine["step"], fine["next"], times) == (1, None, sorted(set(times)))
        sku = str(sale.sale.skus[0].id)
        assert fine["points"][-1]["figures"]["sold"][sku] == 2
        assert fine["points"][-1]["figures"]["taken"] == 9_000
        coarse = client.get(path, params={"step": MINUTE}).json()
        assert coarse["points"]
        assert all(point["at"].endswith(":00.000Z") for point in coarse["points"])
        assert client.get(path, params={"from": fine["points"][-1]["at"], "step": 1}).json()["points"]
        assert client.get(path).status_code == httpx.codes.OK
        for query in ({"step": "7"}, {"step": "1e9"}, {"from": "yesterday"}, {"from": "1969-01-01"}):
            refused(client.get(path, params=query), 422, "invalid")
