"""A shop for the tests: the real sandbox as a process, and a web server that receives its callbacks."""

import asyncio
import json
import socket
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import httpx
import uvicorn

from app.ids import new_id, new_order_id
from app.orders.lifecycle import Order
from app.payments.provider import Attempt, PaymentNotice
from app.payments.sandbox import SandboxProvider
from app.settings import Settings
from app.units import now_ms
from tests.world.machine import HOST, free_port
from tests.world.nowhere import environment_for
from tests.world.processes import Process
from tests.world.waiting import until

WAIT_SECONDS = 8.0
Result = TypeVar("Result")


def eventually(condition: Callable[[], bool], what: str) -> None:
    until(condition, WAIT_SECONDS, what)


class Call(NamedTuple):
    """A callback as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes
    at_ms: int


class Receiver:
    """Receives callbacks in a thread of its own, and answers each payment's as it was told to."""

    def __init__(self) -> None:
        self._calls: list[tuple[str, Call]] = []
        self._changed = threading.Condition()
        self._statuses: dict[str, list[int]] = {}
        self._held: dict[str, Future[None]] = {}
        self._listener = socket.socket()
        self._listener.bind((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        config = uvicorn.Config(
            self._serve, interface="asgi3", lifespan="off", log_level="error", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],))

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()

    def answer(self, payment_id: str, *statuses: int) -> None:
        """The next callbacks of this payment are answered so; all after them with 200."""
        self._statuses[payment_id] = list(statuses)

    def hold(self, payment_id: str) -> Future[None]:
        """The callbacks of this payment get no answer until the future has its result."""
        self._held[payment_id] = Future()
        return self._held[payment_id]

    def calls(self, payment_id: str, count: int) -> list[Call]:
        """The callbacks of this payment, once there are `count`."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: len(self.now(payment_id)) >= count, WAIT_SECONDS)
            assert arrived, f"{len(self.now(payment_id))} callbacks came, not {count}"
            return self.now(payment_id)

    def now(self, payment_id: str) -> list[Call]:
        return [call for paid, call in self._calls if paid == payment_id]

    def order_of(self, *payment_ids: str) -> list[str]:
        """Those of these payments whose callbacks came, in the order they came."""
        return [payment_id for payment_id, _ in self._calls if payment_id in payment_ids]

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        payment_id = json.loads(body)["data"]["payment_id"]
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        with self._changed:
            self._calls.append((payment_id, Call(scope["path"], headers, body, now_ms())))
            self._changed.notify_all()
        if held := self._held.get(payment_id):
            await asyncio.wrap_future(held)
        statuses = self._statuses.get(payment_id)
        status = statuses.pop(0) if statuses else 200
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


class Sandbox:
    """The sandbox's process, with its file in `folder`."""

    def __init__(self, folder: Path, merchant_port: int) -> None:
        self.environment = environment_for(folder, merchant_port, free_port())
        self.settings = Settings.from_environment(self.environment)
        self.url = self.settings.sandbox_url
        self._process: Process | None = None

    def start(self) -> None:
        self._process = Process("sandbox.server", self.environment)
        self._process.until_it_answers(f"{self.url}/healthz")

    def kill(self) -> None:
        if self._process:
            self._process.kill()

    def stop(self) -> None:
        if self._process:
            self._process.stop()

    def pending_callbacks(self) -> int:
        pending: int = httpx.get(f"{self.url}/healthz").json()["pending_callbacks"]
        return pending

    def ask(self, call: Callable[[SandboxProvider], Awaitable[Result]]) -> Result:
        """What the provider answers to `call`, over real HTTP."""

        async def asking() -> Result:
            async with SandboxProvider(self.settings) as provider:
                return await call(provider)

        return asyncio.run(asking())


class Checkout(NamedTuple):
    """A checkout that was made for `order`."""

    order: Order
    attempt: Attempt
    url: str


class Shop:
    """The shop: opens checkouts, presses their buttons, sees what comes back."""

    def __init__(self, sandbox: Sandbox, receiver: Receiver) -> None:
        self.sandbox = sandbox
        self.receiver = receiver
        self.browser = httpx.Client(base_url=sandbox.url)

    def checkout(self, total_minor: int = 4_500, lasts_ms: int = 60_000) -> Checkout:
        order = Order(id=new_order_id(7), status="PENDING", total_minor=total_minor, currency="USD")
        return_url = f"{self.sandbox.settings.public_url}/orders/{order.id}"
        ends_at_ms = now_ms() + lasts_ms
        attempt = Attempt(new_id(), total_minor, return_url, "2 tickets for <Night of Lights>", ends_at_ms)
        return Checkout(order, attempt, self.open(order, attempt))

    def open(self, order: Order, attempt: Attempt) -> str:
        return self.sandbox.ask(lambda provider: provider.create_checkout(order, attempt)).url

    def press(self, checkout: Checkout, outcome: str) -> httpx.Response:
        return self.browser.post(checkout.url, data={"outcome": outcome})

    def refund(self, transaction_id: str, amount_minor: int, key: str, currency: str = "USD") -> str:
        return self.sandbox.ask(lambda provider: provider.refund(transaction_id, amount_minor, currency, key))

    def pay(self, checkout: Checkout) -> PaymentNotice:
        """Pays; the notice of the callback that came."""
        self.press(checkout, "succeed")
        return self.notices(checkout, 1)[0]

    def calls(self, checkout: Checkout, count: int) -> list[Call]:
        return self.receiver.calls(checkout.attempt.payment_id, count)

    def notices(self, checkout: Checkout, count: int) -> list[PaymentNotice]:
        """What the callbacks say, once there are `count` of them."""
        provider = SandboxProvider(self.sandbox.settings)
        return [provider.verify_callback(call.headers, call.body) for call in self.calls(checkout, count)]

    def all_listed(self, since_ms: int) -> list[PaymentNotice]:
        """Every page of the provider's list of transactions."""

        async def pages(provider: SandboxProvider) -> list[PaymentNotice]:
            page = await provider.list_transactions(since_ms)
            notices = [*page.notices]
            while page.after:
                page = await provider.list_transactions(since_ms, page.after)
                notices += page.notices
            return notices

        return self.sandbox.ask(pages)

    def listed(self, checkout: Checkout) -> list[PaymentNotice]:
        """The checkout's charges in the provider's list of transactions."""
        return [
            notice
            for notice in self.all_listed(now_ms() - 60_000)
            if notice.payment_id == checkout.attempt.payment_id
        ]
