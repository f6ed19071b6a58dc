"""What tests of the running system have in common: a sale of their own, buyers in it, and waiting."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import httpx

from app.infra.mysql import Database
from tests.conftest import ROOT, Stack

WAIT_SECONDS = 10.0
COMMAND_SECONDS = 60
RESTART_SECONDS = 40.0

Found = TypeVar("Found")


@dataclass(frozen=True)
class Sku:
    """A kind of ticket of a sale; the price in minor units."""

    id: int
    name: str
    price: int
    capacity: int


@dataclass(frozen=True)
class Sale:
    """An event that belongs to one test."""

    slug: str
    id: int
    skus: tuple[Sku, ...]


def ticketcraze(env: dict[str, str], *arguments: str) -> tuple[int, dict[str, Any]]:
    """Runs a command with --json: its exit code and its answer."""
    ran = subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments, "--json"],
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
    )
    assert ran.stdout, ran.stderr
    answer: dict[str, Any] = json.loads(ran.stdout)
    return ran.returncode, answer


def make_event(env: dict[str, str], *skus: str, **options: int) -> Sale:
    """A new sale that is open at once: make_event(env, "Floor:4500:20", pass_ttl=1).

    `options` are those of `ticketcraze event create`; unless they say otherwise, buyers are let in very fast.
    """
    slug = f"test-{uuid.uuid4().hex[:12]}"
    words = [word for sku in skus or ("Floor:4500:20",) for word in ("--sku", sku)]
    for name, value in {"opens_in": 0, "rate": 60_000, **options}.items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    code, created = ticketcraze(env, "event", "create", "--slug", slug, "--name", "A test", *words)
    assert code == 0, created
    return Sale(slug, created["id"], tuple(Sku(**sku) for sku in created["skus"]))


@asynccontextmanager
async def scratch(env: dict[str, str], name: str) -> AsyncIterator[Database]:
    """An empty database of its own, for the owner, gone afterwards."""
    owner = Database(env["OWNER_DATABASE_URL"], 1)
    url = urlsplit(env["OWNER_DATABASE_URL"])
    database = Database(urlunsplit(url._replace(path=f"/ticketcraze_{name}")), 4)
    await owner.open()
    try:
        await owner.execute(f"DROP DATABASE IF EXISTS `ticketcraze_{name}`")
        await owner.execute(f"CREATE DATABASE `ticketcraze_{name}` CHARACTER SET utf8mb4")
        await database.open()
        yield database
    finally:
        await database.close()
        await owner.execute(f"DROP DATABASE IF EXISTS `ticketcraze_{name}`")
        await owner.close()


def api(stack: Stack, token: str = "", **options: Any) -> httpx.Client:
    """A client of the buyers' API, with its own cookies, or as the buyer of a token."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(
        base_url=f"{stack.web}/api/v1", headers=headers, timeout=WAIT_SECONDS, trust_env=False, **options
    )


def join(client: httpx.Client, sale: Sale) -> str:
    """Joins the queue: the buyer's token. The client keeps the cookie."""
    answer = client.post(f"/events/{sale.slug}/queue")
    assert answer.status_code == httpx.codes.OK, answer.text
    return str(answer.json()["token"])


def come_in(client: httpx.Client, sale: Sale) -> str:
    """Joins and waits for a pass: the buyer's token."""
    token = join(client, sale)
    until(lambda: client.get(f"/events/{sale.slug}/queue").json()["status"] == "admitted")
    return token


def order(client: httpx.Client, sale: Sale, quantity: int = 1, key: str = "") -> httpx.Response:
    """Asks for tickets of the sale's first sku; `key` is a new one unless given."""
    return client.post(
        f"/events/{sale.slug}/orders",
        json={"items": [{"sku_id": sale.skus[0].id, "quantity": quantity}]},
        headers={"Idempotency-Key": key or uuid.uuid4().hex},
    )


def pay(client: httpx.Client, order_id: str, outcome: str = "succeed") -> str:
    """Pays an order that is PENDING, on the sandbox's page, with one of its outcomes: the payment's id."""
    started = client.post(f"/orders/{order_id}/payments")
    assert started.status_code == httpx.codes.CREATED, started.text
    paid = httpx.post(started.json()["redirect_url"], data={"outcome": outcome}, trust_env=False)
    assert paid.status_code in (httpx.codes.OK, httpx.codes.SEE_OTHER), paid.text
    return str(started.json()["payment_id"])


def until_status(client: httpx.Client, order_id: str, *statuses: str) -> dict[str, Any]:
    """Waits until an order has one of these statuses: the order."""

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = client.get(f"/orders/{order_id}").json()
        return found if found.get("status") in statuses else None

    return until(look)


def until(look: Callable[[], Found | None], seconds: float = WAIT_SECONDS) -> Found:
    """Looks again and again: the first answer that counts as true."""
    deadline = time.monotonic() + seconds
    while True:
        if found := look():
            return found
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def kill(stack: Stack, *names: str) -> dict[str, int]:
    """Ends processes the way a power cut does: the process ids they had."""
    killed = {name: stack.run["processes"][name] for name in names}
    for pid in killed.values():
        os.kill(pid, signal.SIGKILL)
    return killed


def until_back(stack: Stack, killed: dict[str, int]) -> None:
    """Waits until what was killed runs again and everything answers."""

    def back() -> bool:
        now = stack.run["processes"]
        if any(now.get(name) in (None, pid) for name, pid in killed.items()):
            return False
        try:
            return httpx.get(f"{stack.web}/readyz", trust_env=False).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    until(back, RESTART_SECONDS)
