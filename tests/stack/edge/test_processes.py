"""The web processes of one host: whichever of them a client meets, it is one shop with one set of limits."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.stack.edge.clients import Client
from tests.world.apart import apart
from tests.world.buyers import Sale, make_event
from tests.world.machine import free_port, is_alive
from tests.world.processes import Process
from tests.world.stack import Stack, answers
from tests.world.waiting import until

PER_ADDRESS, PROCESSES = 20, 2


class Host:
    """Two web processes and the one that keeps them."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env
        self.url = env["PUBLIC_URL"]
        self.keeper = Process("app.main", env)
        self.keeper.until_it_answers(f"{self.url}/readyz")
        until(lambda: len(self.serving) == PROCESSES)

    @property
    def serving(self) -> list[int]:
        """The process ids of those that serve."""
        with open(f"/proc/{self.keeper.pid}/task/{self.keeper.pid}/children") as file:
            return [int(pid) for pid in file.read().split()]

    def figure(self, name: str) -> float:
        """A figure of the internal port; 0 where nothing was counted."""
        text = httpx.get(f"http://127.0.0.1:{self.env['INTERNAL_PORT']}/metrics", trust_env=False).text
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def asked_to(self, path: str, times: int) -> None:
        """Asks so often, each time on a connection of its own."""
        for number in range(times):
            transport = httpx.HTTPTransport(local_address=f"127.0.1.{number + 2}")
            with httpx.Client(transport=transport, trust_env=False) as client:
                assert client.get(self.url + path).status_code == httpx.codes.OK

    def keeps_its_limit(self, source: str) -> None:
        """Of three times as many connections of one address as may be, the others are turned away."""
        with ExitStack() as closing:
            port = int(self.env["PORT"])
            opened = [closing.enter_context(Client(port, source)) for _ in range(3 * PER_ADDRESS)]

            def kept() -> int:
                return sum(client.is_open for client in opened)

            until(lambda: kept() <= PER_ADDRESS)
            assert kept() == PER_ADDRESS


@pytest.fixture
def host(stack: Stack) -> Iterator[Host]:
    settings = {
        "WEB_PROCESSES": str(PROCESSES),
        "INTERNAL_PORT": str(free_port()),
        "CONNECTIONS_PER_ADDRESS": str(PER_ADDRESS),
        "DRAIN_SECONDS": "0.3",
    }
    with apart(stack, **settings) as env:
        host = Host(env)
        try:
            yield host
        finally:
            host.keeper.stop()


def test_two_processes_are_one_shop(host: Host) -> None:
    """Their figures add up, their limits bind together, and one that is killed is missed by nobody."""
    sale = make_event(host.env, "Floor:4500:10")
    counted = 'ticketcraze_requests_total{endpoint="get_event",status="200"}'
    host.asked_to(f"/api/v1/events/{sale.slug}", 12)
    until(lambda: host.figure(counted) == 12)

    host.keeps_its_limit("127.0.2.1")

    tokens = joined(host, sale, 10)
    killed, other = host.serving
    os.kill(killed, signal.SIGKILL)
    until(lambda: len(host.serving) == PROCESSES and killed not in host.serving)
    assert other in host.serving
    host.keeps_its_limit("127.0.2.2")
    assert host.figure(counted) == 12, "what it had counted stays counted"
    for number, token in enumerate(tokens):
        found = httpx.get(
            f"{host.url}/api/v1/events/{sale.slug}/queue",
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
        )
        assert (found.status_code, found.json()["number"]) == (httpx.codes.OK, number + 1), "nothing was lost"

    ends_in_turn(host)


def joined(host: Host, sale: Sale, count: int) -> list[str]:
    """The tokens of so many buyers who joined, in order."""
    queue = f"{host.url}/api/v1/events/{sale.slug}/queue"
    return [str(httpx.post(queue, trust_env=False).json()["token"]) for _ in range(count)]


def ends_in_turn(host: Host) -> None:
    """Told to stop, one process serves whoever comes while the other one ends."""
    serving = host.serving
    os.kill(host.keeper.pid, signal.SIGTERM)
    while answers(f"{host.url}/healthz"):
        pass
    assert not all(map(is_alive, serving)), "somebody was refused though nobody had ended"
    until(lambda: not host.keeper.runs(), 30, "the end of the keeper")
    assert not any(map(is_alive, serving))


def test_without_their_keeper_they_end(host: Host) -> None:
    serving = host.serving
    host.keeper.kill()
    until(lambda: not any(is_alive(pid) for pid in serving), 30, "the end of both")
