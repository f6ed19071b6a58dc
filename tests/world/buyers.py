"""A sale of a test's own, and its buyers, as a client of the API sees them."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import redis
from websockets.sync.client import ClientConnection, connect

from tests.world.commands import ticketcraze
from tests.world.stack import Stack
from tests.world.waiting import WAIT_SECONDS, until

FRAME_SECONDS = 15.0

Frame = dict[str, Any]

_going_on: dict[str, dict[str, str]] = {}  # slug -> the environment of its stack


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


def make_event(env: dict[str, str], *skus: str, **options: int | str) -> Sale:
    """A new sale that is open at once: make_event(env, "Floor:4500:20", pass_ttl=1).

    `options` are those of `ticketcraze event create`; unless they say otherwise, buyers are let in very fast.
    """
    slug = f"test-{uuid.uuid4().hex[:12]}"
    words = [word for sku in skus or ("Floor:4500:20",) for word in ("--sku", sku)]
    for option, value in {"name": "A test", "opens_in": 0, "rate": 60_000, **options}.items():
        words += [f"--{option.replace('_', '-')}", str(value)]
    code, created = ticketcraze(env, "event", "create", "--slug", slug, *words)
    assert code == 0, created
    _going_on[slug] = env
    return Sale(slug, created["id"], skus_of(created))


def skus_of(told: dict[str, Any]) -> tuple[Sku, ...]:
    """The skus of an event, as a command or the admin API tells of it."""
    return tuple(Sku(sku["id"], sku["name"], sku["price"], sku["capacity"]) for sku in told["skus"])


def assert_sound(env: dict[str, str], sale: Sale) -> None:
    """Once everything is at rest all checks of `ticketcraze verify` hold; closes the sale."""
    code, answer = ticketcraze(env, "verify", sale.slug, "--at-rest", "30")
    assert code == 0, [check for check in answer["checks"] if not check["ok"]]
    ticketcraze(env, "event", "close", sale.slug)
    _going_on.pop(sale.slug, None)


@contextmanager
def sales_closed_after(stack: Stack) -> Iterator[None]:
    """Sales that are begun meanwhile are closed: each costs every worker something for as long as it goes on."""
    before = set(_going_on)
    yield
    for slug in _going_on.keys() - before:
        if _going_on.pop(slug) == stack.env:
            ticketcraze(stack.env, "event", "close", slug)


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
    until(lambda: client.get(f"/events/{sale.slug}/queue").json()["status"] == "admitted", what="a pass")
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

    return until(look, what=" or ".join(statuses))


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The answer is this problem, as RFC 9457 has it."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), (
        answer.text
    )
    problem: dict[str, Any] = answer.json()
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, f"/problems/{code}")
    assert problem["title"]
    assert "Traceback" not in answer.text
    return problem


class Buyer:
    """A client of the API with a token of its own."""

    def __init__(self, client: httpx.Client, token: str, sale: Sale) -> None:
        self.client = client
        self.token = token
        self.sale = sale

    def place(self) -> dict[str, Any]:
        """Where they stand now."""
        answer: dict[str, Any] = self.client.get(f"/events/{self.sale.slug}/queue").json()
        return answer

    def order(self, quantity: int = 1) -> str:
        """An order that is PENDING: its id."""
        answer = order(self.client, self.sale, quantity)
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        until_status(self.client, answer.json()["order_id"], "PENDING")
        return str(answer.json()["order_id"])


class OpenSale:
    """A sale and its buyers; their connections live until `closing` ends."""

    def __init__(self, stack: Stack, sale: Sale, closing: ExitStack) -> None:
        self.stack = stack
        self.sale = sale
        self._closing = closing

    def buyer(self, *, let_in: bool = True) -> Buyer:
        """Somebody who joined, and has a pass unless told otherwise."""
        client = self._closing.enter_context(api(self.stack))
        return Buyer(client, (come_in if let_in else join)(client, self.sale), self.sale)

    def socket(self, token: str = "", slug: str = "", way: str = "bearer", origin: str = "") -> ClientConnection:
        """A websocket of the buyer of a token, which travels as `bearer` or as `cookie`."""
        headers = {"bearer": {"Authorization": f"Bearer {token}"}, "cookie": {"Cookie": f"tc_buyer={token}"}}[way]
        return self._closing.enter_context(
            connect(
                f"{self.stack.web.replace('http', 'ws')}/ws/events/{slug or self.sale.slug}",
                additional_headers={**(headers if token else {}), **({"Origin": origin} if origin else {})},
            )
        )

    def available(self) -> int:
        """What is left of the first sku. Each web process tells it up to a second later."""
        with redis.Redis.from_url(self.stack.env["REDIS_URL"]) as inside:
            return int(inside.hget(f"tc:{{{self.sale.id}}}:stock", f"{self.sale.skus[0].id}:available"))


def next_frame(socket: ClientConnection, **wanted: Any) -> Frame:
    """The next frame with these values; others are passed over."""
    return frames_until(socket, lambda frame: all(frame.get(name) == value for name, value in wanted.items()))[-1]


def frames_until(socket: ClientConnection, is_last: Callable[[Frame], bool]) -> list[Frame]:
    """The frames up to the one that is waited for, with it."""
    deadline = time.monotonic() + FRAME_SECONDS
    frames: list[Frame] = []
    while not frames or not is_last(frames[-1]):
        frames.append(json.loads(socket.recv(timeout=max(0.0, deadline - time.monotonic()))))
    return frames
