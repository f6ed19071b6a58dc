"""How many may join from one address: a script cannot take the whole sale, and nobody else notices it."""

from collections.abc import Iterator

import httpx
import pytest

from tests.world.apart import apart
from tests.world.buyers import Sale, make_event
from tests.world.processes import processes
from tests.world.stack import Stack

LIMIT = 6


class Door:
    """A web process that takes few joins of one address, and believes what 127.0.0.9 forwards."""

    def __init__(self, env: dict[str, str]) -> None:
        self._env = env

    def sale(self) -> Sale:
        """A sale of its own."""
        return make_event(self._env, "Floor:4500:100")

    def join(self, sale: Sale, source: str = "127.0.0.1", forwarded: str = "", token: str = "") -> httpx.Response:
        headers = {"X-Forwarded-For": forwarded} if forwarded else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        transport = httpx.HTTPTransport(local_address=source)
        with httpx.Client(transport=transport, trust_env=False) as client:
            return client.post(f"{self._env['PUBLIC_URL']}/api/v1/events/{sale.slug}/queue", headers=headers)


@pytest.fixture(scope="module")
def door(stack: Stack) -> Iterator[Door]:
    settings = {"JOIN_LIMIT": str(LIMIT), "TRUSTED_PROXIES": "127.0.0.9"}
    with apart(stack, **settings) as env, processes(env, "app.main"):
        yield Door(env)


def test_one_address_joins_so_often_and_is_told_when_to_come_back(door: Door) -> None:
    sale = door.sale()
    assert [door.join(sale).status_code for _ in range(LIMIT)] == [200] * LIMIT
    refused = door.join(sale)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many")
    assert 1 <= int(refused.headers["retry-after"]) <= 60 // LIMIT + 2
    assert door.join(sale, source="127.0.0.2").status_code == 200


def test_coming_back_is_not_joining(door: Door) -> None:
    sale = door.sale()
    tokens = [door.join(sale).json()["token"] for _ in range(LIMIT)]
    assert door.join(sale).status_code == 429
    for token in tokens * 3:
        assert door.join(sale, token=token).status_code == 200


def test_a_form_without_scripts_is_limited_alike(door: Door) -> None:
    sale = door.sale()
    for _ in range(LIMIT):
        door.join(sale)
    form = httpx.post(f"{door._env['PUBLIC_URL']}/events/{sale.slug}/queue", trust_env=False)
    assert form.status_code == 429


def test_the_address_behind_a_trusted_proxy_counts(door: Door) -> None:
    sale = door.sale()
    for _ in range(LIMIT):
        assert door.join(sale, source="127.0.0.9", forwarded="198.51.100.7").status_code == 200
    assert door.join(sale, source="127.0.0.9", forwarded="1.2.3.4, 198.51.100.7").status_code == 429
    assert door.join(sale, source="127.0.0.9", forwarded="198.51.100.8").status_code == 200


def test_an_address_that_is_only_claimed_does_not_count(door: Door) -> None:
    sale = door.sale()
    answers = [door.join(sale, forwarded=f"198.51.100.{n}").status_code for n in range(LIMIT + 3)]
    assert answers == [200] * LIMIT + [429] * 3


def test_hosts_of_one_ipv6_network_are_one_address(door: Door) -> None:
    sale = door.sale()
    answers = [
        door.join(sale, source="127.0.0.9", forwarded=f"2001:db8::{n:x}").status_code for n in range(LIMIT + 1)
    ]
    assert answers == [200] * LIMIT + [429]
    assert door.join(sale, source="127.0.0.9", forwarded="2001:db8:0:1::1").status_code == 200
