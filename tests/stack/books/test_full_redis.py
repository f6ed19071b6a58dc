"""Redis at its `maxmemory`, in a running sale: nobody new comes in, and what is under way comes to its end."""

from contextlib import ExitStack

import httpx
import pytest

from tests.world.apart import apart
from tests.world.buyers import OpenSale, api, assert_sound, make_event, order, pay, until_status
from tests.world.processes import processes
from tests.world.redis_server import redis_server
from tests.world.stack import Stack

PROCESSES = (
    "app.main",
    "sandbox.server",
    "workers.admission",
    "workers.relay",
    "workers.ledger",
    "workers.expiry",
)
BUSY = (httpx.codes.SERVICE_UNAVAILABLE, "busy")


def said(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, str(answer.json().get("code", ""))


@pytest.mark.slow
def test_with_its_memory_full_redis_is_busy_for_the_new_and_ends_what_is_under_way(stack: Stack) -> None:
    with (
        redis_server() as server,
        apart(stack, REDIS_URL=server.url, JOIN_LIMIT="0") as env,
        processes(env, *PROCESSES),
        ExitStack() as closing,
    ):
        own = type("Own", (), {"web": env["PUBLIC_URL"], "env": env})()
        sale = make_event(env, "Floor:4500:10", hold_ttl=8, room=3)
        world = OpenSale(own, sale, closing)
        payer, canceler, waiter = world.buyer(), world.buyer(), world.buyer()
        paid, canceled, lapsed = payer.order(), canceler.order(), waiter.order()
        newcomer = closing.enter_context(api(own))
        in_queue = closing.enter_context(api(own))
        assert in_queue.post(f"/events/{sale.slug}/queue").json()["status"] == "waiting"

        server.client.config_set("maxmemory", 1)
        stands = in_queue.get(f"/events/{sale.slug}/queue")
        assert (stands.status_code, stands.json()["status"]) == (httpx.codes.OK, "waiting")
        assert said(newcomer.post(f"/events/{sale.slug}/queue")) == BUSY
        refused = order(waiter.client, sale, key="once")
        assert said(refused) == BUSY
        assert int(refused.headers["retry-after"]) > 0
        pay(payer.client, paid)
        assert canceler.client.delete(f"/orders/{canceled}").status_code == httpx.codes.ACCEPTED
        until_status(payer.client, paid, "CONFIRMED")
        until_status(canceler.client, canceled, "CANCELED")
        until_status(waiter.client, lapsed, "EXPIRED")
        stock = server.client.hgetall(f"tc:{{{sale.id}}}:stock")
        counts = [int(stock[f"{sale.skus[0].id}:{name}".encode()]) for name in ("available", "held", "sold")]
        assert counts == [9, 0, 1], "Redis follows the books all the same"

        server.client.config_set("maxmemory", 0)
        assert newcomer.post(f"/events/{sale.slug}/queue").status_code == httpx.codes.OK
        until_status(waiter.client, order(waiter.client, sale, key="once").json()["order_id"], "PENDING")
        assert_sound(env, sale)
