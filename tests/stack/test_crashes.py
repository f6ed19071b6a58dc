"""Each step of the relay and the ledger, killed once: nothing is lost, and nothing is there twice."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from app.ids import new_id
from app.infra.kafka import open_producer
from app.infra.keys import key
from app.infra.mysql import open_database
from app.infra.redis import open_redis
from app.orders.facts import PaymentSucceeded, records
from app.orders.reservations import reserve
from app.sale.catalog import Event
from app.sale.events import create_event
from app.settings import Settings
from app.units import now_ms
from app.watch.verify import TITLES, verify
from faults.process import FOLDER, OWN, plan_moment
from tests.world.apart import apart
from tests.world.events import an_event
from tests.world.machine import ROOT
from tests.world.processes import processes
from tests.world.stack import Stack
from tests.world.waiting import until

ORDERS = 12
LIMIT_SECONDS = 40
STEPS = [
    ("ledger", "after commit"),
    pytest.param("relay", "before send", marks=pytest.mark.slow),
    pytest.param("relay", "after send", marks=pytest.mark.slow),
    pytest.param("ledger", "before commit", marks=pytest.mark.slow),
    pytest.param("ledger", "before offset commit", marks=pytest.mark.slow),
]


async def place_orders(settings: Settings) -> tuple[Event, list[str]]:
    """An open event, and ORDERS holds in it by as many buyers with a pass."""
    async with open_redis(settings) as redis, open_database(settings) as database:
        event = await create_event(
            database,
            redis,
            an_event("Floor:4500:10", "Box:9900:20"),
        )
        floor, box = (sku.id for sku in event.skus)
        ids = []
        for number in range(ORDERS):
            buyer = f"{number:032x}"
            await redis.zadd(key(event.id, "passes"), {buyer: now_ms() + 300_000})
            items = [(box, 1)] if number % 3 else [(floor, 2), (box, 1)]
            hold = await reserve(redis, event.id, buyer, "k", items, outbox_cap=1_000, max_orders=20)
            ids.append(hold.order_id)
    return event, ids


async def pay(settings: Settings, order_ids: list[str]) -> None:
    """Tells the topic that each order was paid, each of them twice."""
    async with open_database(settings) as database, open_producer(settings) as producer:
        for order_id in order_ids:
            row = await database.fetch_one("SELECT total FROM orders WHERE id = %s", (order_id,))
            assert row
            paid = PaymentSucceeded(
                fact_id=new_id(),
                order_id=order_id,
                occurred_at_ms=now_ms(),
                payment_id=new_id(),
                provider="sandbox",
                transaction_id=f"tx-{order_id}",
                amount_minor=int(row["total"] * 100),
                currency="USD",
            )
            await producer.send(records(paid, paid))


async def statuses(settings: Settings) -> Counter[str]:
    async with open_database(settings) as database:
        rows = await database.fetch_all("SELECT status FROM orders")
    return Counter(row["status"] for row in rows)


def wait_for_statuses(settings: Settings, wanted: dict[str, int]) -> None:
    until(lambda: asyncio.run(statuses(settings)) == Counter(wanted), LIMIT_SECONDS, f"{wanted}")


async def check(settings: Settings, event: Event) -> None:
    async with open_redis(settings) as redis, open_database(settings) as database:
        checks = await verify(settings, redis, database, event, LIMIT_SECONDS)
        assert not [f"{c.title}: {c.detail}" for c in checks if not c.ok]
        assert len(checks) == len(TITLES)


@pytest.mark.parametrize(("worker", "step"), STEPS, ids=lambda part: part.replace(" ", "-"))
def test_a_worker_killed_at_a_step_loses_nothing_and_repeats_nothing(
    stack: Stack, tmp_path: Path, worker: str, step: str
) -> None:
    plan_moment(tmp_path, worker, step, OWN)
    with apart(stack) as env:
        settings = Settings.from_environment(env)
        event, order_ids = asyncio.run(place_orders(settings))
        others = ["workers.relay"] if worker == "ledger" else []
        with processes(env, *others):
            died = subprocess.run(
                [sys.executable, "-m", "faults.process", worker, f"workers.{worker}"],
                cwd=ROOT,
                env={**os.environ, **env, FOLDER: str(tmp_path)},
                timeout=LIMIT_SECONDS,
                check=False,
            )
        assert died.returncode == -signal.SIGKILL, "the worker never came to that step"
        with processes(env, "workers.relay", "workers.ledger", "sandbox.server"):
            wait_for_statuses(settings, {"PENDING": ORDERS})
            asyncio.run(pay(settings, order_ids[::2]))
            wait_for_statuses(settings, {"PENDING": ORDERS // 2, "CONFIRMED": ORDERS // 2})
            asyncio.run(check(settings, event))
