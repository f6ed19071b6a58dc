"""MySQL accepts and then says nothing: the waiting room goes on as if it were well."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest

from tests.world.apart import apart
from tests.world.buyers import Sale, join, make_event
from tests.world.processes import processes
from tests.world.stack import Stack

FAST_SECONDS = 0.5


class Proxy:
    """Passes bytes on to a server, until it is told to hang: then connections stay open and nothing moves."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._flows = threading.Event()
        self._flows.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def hang(self) -> None:
        self._flows.clear()

    def go_on(self) -> None:
        self._flows.set()

    def close(self) -> None:
        self.go_on()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65_536):
                self._flows.wait()
                other.sendall(data)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@dataclass
class Shop:
    """A web process with a MySQL that can hang."""

    env: dict[str, str]
    proxy: Proxy

    @contextmanager
    def client(self) -> Iterator[httpx.Client]:
        with httpx.Client(base_url=f"{self.env['PUBLIC_URL']}/api/v1", timeout=60, trust_env=False) as client:
            yield client

    @contextmanager
    def hung(self) -> Iterator[None]:
        self.proxy.hang()
        try:
            yield
        finally:
            self.proxy.go_on()


@pytest.fixture(scope="module")
def shop(stack: Stack) -> Iterator[Shop]:
    with apart(stack) as env:
        url = urlsplit(env["DATABASE_URL"])
        proxy = Proxy(url.hostname or "", url.port or 3306)
        behind = url._replace(netloc=f"{url.netloc.rpartition('@')[0]}@127.0.0.1:{proxy.port}")
        try:
            with processes({**env, "DATABASE_URL": urlunsplit(behind)}, "app.main", "workers.admission"):
                yield Shop(env, proxy)
        finally:
            proxy.close()


@pytest.fixture
def sale(shop: Shop) -> Sale:
    return make_event(shop.env)


def seconds(call: Callable[[], httpx.Response], status: int) -> float:
    """How long a call took that is answered with this status."""
    began = time.monotonic()
    answer = call()
    assert answer.status_code == status, answer.text
    return time.monotonic() - began


def test_the_waiting_room_stays_fast(shop: Shop, sale: Sale) -> None:
    queue = f"/events/{sale.slug}/queue"
    with shop.client() as known, shop.client() as fresh:
        join(known, sale)
        time.sleep(5.1)  # what is known of the event is stale now
        with shop.hung():
            took = [seconds(lambda: known.get(queue), 200) for _ in range(5)]
            took += [seconds(lambda: fresh.post(queue), 200), seconds(lambda: fresh.delete(queue), 204)]
            took += [seconds(lambda: known.get(f"/events/{sale.slug}"), 200)]
        assert max(took) < FAST_SECONDS, took


def test_an_event_nobody_asked_for_yet_is_not_waited_for_long(shop: Shop, sale: Sale) -> None:
    with shop.client() as client, shop.hung():
        assert seconds(lambda: client.get(f"/events/{sale.slug}/queue"), 401) < FAST_SECONDS
        assert seconds(lambda: client.post(f"/events/{sale.slug}/queue"), 503) < 3.0


def test_strangers_asking_for_what_is_not_there_hold_up_nobody(shop: Shop, sale: Sale) -> None:
    """Every look-up that hangs would take a connection, and MySQL has few."""
    with shop.client() as known, shop.client() as strangers:
        join(known, sale)
        with shop.hung():
            asking = [
                threading.Thread(target=lambda n=n: strangers.get(f"/events/nothing-{n}"), daemon=True)
                for n in range(40)
            ]
            for thread in asking:
                thread.start()
            for _ in range(5):
                assert seconds(lambda: known.get(f"/events/{sale.slug}/queue"), 200) < FAST_SECONDS
            for thread in asking:
                thread.join()
        assert seconds(lambda: known.get("/events?limit=1"), 200) < 3.0
