"""Redis is wiped in the middle of a sale, with everything running: it goes on unaided, the books still agree."""

import asyncio
import time
from collections import Counter
from contextlib import ExitStack

import httpx
import pytest

from crowd.browser import visit
from crowd.buyer import Outcome, buy
from crowd.limits import source_address
from tests.world.apart import apart
from tests.world.buyers import OpenSale, make_event, next_frame, order, until_status
from tests.world.commands import ticketcraze
from tests.world.processes import processes
from tests.world.redis_server import OwnRedis, redis_server
from tests.world.stack import Stack
from tests.world.waiting import until

PROCESSES = (
    "app.main",
    "sandbox.server",
    "workers.admission",
    "workers.sales",
    "workers.relay",
    "workers.ledger",
    "workers.expiry",
    "workers.refunds",
)
BUYERS = 150
TICKETS = 60
SECONDS = 90
BACK_SECONDS = 30


async def rush(web: str, slug: str, server: OwnRedis) -> list[Outcome]:
    """Everybody at once, and Redis wiped when a third of the tickets are sold or held."""
    shop = await visit(web, slug)

    async def wipe() -> None:
        def taken() -> bool:
            skus = httpx.get(f"{web}/api/v1/events/{slug}", trust_env=False).json()["skus"]
            return bool(sum(sku["available"] for sku in skus) <= TICKETS * 2 // 3)

        await asyncio.to_thread(until, taken, SECONDS)
        server.client.flushall()

    wiping = asyncio.create_task(wipe())
    outcomes = await asyncio.gather(
        *(
            buy(shop, seconds=SECONDS, source_address=source_address(web, number), seed=str(number))
            for number in range(BUYERS)
        )
    )
    await wiping
    return outcomes


@pytest.mark.slow
def test_a_crowd_buys_on_after_redis_was_wiped(stack: Stack) -> None:
    with (
        redis_server() as server,
        apart(stack, REDIS_URL=server.url) as env,
        processes(env, *PROCESSES),
    ):
        sale = make_event(env, f"Floor:4500:{TICKETS - 20}", "Box:9900:20", room=20, rate=2_000, pass_ttl=15)
        outcomes = asyncio.run(rush(env["PUBLIC_URL"], sale.slug, server))
        code, answer = ticketcraze(env, "verify", sale.slug, "--at-rest", "40")
    assert code == 0, [check for check in answer["checks"] if not check["ok"]]
    ends = Counter(outcome.how for outcome in outcomes)
    assert ends["confirmed"] <= TICKETS
    assert ends["confirmed"] + ends["sold_out"] >= BUYERS * 3 // 4, ends
    assert not ends["timed_out"], "every order that was answered came to something"


@pytest.mark.slow
def test_places_orders_and_pages_are_back_within_half_a_minute(stack: Stack) -> None:
    with (
        redis_server() as server,
        apart(stack, REDIS_URL=server.url) as env,
        processes(env, *PROCESSES),
        ExitStack() as closing,
    ):
        own = type("Own", (), {"web": env["PUBLIC_URL"], "env": env})()
        sale = make_event(env, "Floor:4500:10", rate=1, room=1)
        world = OpenSale(own, sale, closing)
        inside = world.buyer()
        bought = inside.order(2)
        waiting = [world.buyer(let_in=False) for _ in range(3)]
        socket = world.socket(waiting[2].token)
        numbers = [buyer.place()["number"] for buyer in waiting]
        assert next_frame(socket, type="place", status="waiting")["number"] == numbers[2]
        time.sleep(1.5)  # the worker that looks after sales has looked

        server.client.flushall()
        wiped_at = time.monotonic()
        refused = order(inside.client, sale)
        assert (refused.status_code, refused.json()["code"]) == (httpx.codes.SERVICE_UNAVAILABLE, "not_ready")

        assert next_frame(socket, type="place", status="waiting")["number"] == numbers[2]
        until(lambda: waiting[0].place().get("number") == numbers[0], BACK_SECONDS)
        assert time.monotonic() - wiped_at < BACK_SECONDS
        assert [buyer.place()["number"] for buyer in waiting] == numbers
        assert until_status(inside.client, bought, "PENDING")["total"] == 9_000
        assert world.available() == 8
        code, answer = ticketcraze(env, "verify", sale.slug, "--at-rest", "20")
        assert code == 0, [check for check in answer["checks"] if not check["ok"]]
