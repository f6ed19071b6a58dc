"""A link to an order: shows this order to whoever has it, for as long as it is good, and does nothing else."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.infra.mysql import open_database
from app.orders.links import GOOD_FOR_MS
from app.settings import Settings
from app.units import now_ms, to_datetime
from tests.world.buyers import Sale, api, assert_sound, come_in, make_event, order, pay, refused, until_status
from tests.world.stack import Stack


@dataclass
class Bought:
    """A sale, a buyer, and an order that is paid."""

    stack: Stack
    sale: Sale
    buyer: httpx.Client
    order_id: str
    link: str

    @property
    def key(self) -> str:
        return parse_qs(urlsplit(self.link).query)["key"][0]

    def ask(self, method: str = "GET", path: str = "", key: str = "") -> httpx.Response:
        """Somebody with no cookie and no token, but a key."""
        with api(self.stack) as stranger:
            return stranger.request(method, f"/orders/{self.order_id}{path}", params={"key": key or self.key})


@pytest.fixture(scope="module")
def bought(stack: Stack, env: dict[str, str]) -> Iterator[Bought]:
    sale = make_event(env)
    with api(stack) as buyer:
        come_in(buyer, sale)
        order_id = order(buyer, sale).json()["order_id"]
        pending = until_status(buyer, order_id, "PENDING")
        assert pending["link"] is None, "an order that is not paid is not worth coming back to"
        pay(buyer, order_id)
        link = until_status(buyer, order_id, "CONFIRMED")["link"]
        yield Bought(stack, sale, buyer, order_id, link)
    assert_sound(env, sale)


def test_a_link_shows_the_order_without_any_cookie(bought: Bought) -> None:
    assert bought.link.startswith(f"{bought.stack.web}/orders/{bought.order_id}?key=")
    assert bought.ask().json() == bought.buyer.get(f"/orders/{bought.order_id}").json()
    page = httpx.get(bought.link, trust_env=False)
    assert (page.status_code, "cache-control" in page.headers) == (200, True)
    assert bought.order_id in page.text
    assert "set-cookie" not in page.headers, "nobody becomes the buyer by a link"


def test_a_link_says_nothing_of_the_buyer_and_changes_nothing(bought: Bought) -> None:
    shown = bought.ask().text + httpx.get(bought.link, trust_env=False).text
    assert bought.buyer.cookies["tc_buyer"] not in shown
    refused(bought.ask("DELETE"), 401, "unauthorized")
    refused(bought.ask("POST", "/payments"), 401, "unauthorized")
    refused(bought.ask("POST", "/link"), 401, "unauthorized")
    with api(bought.stack, bought.key) as forger:
        refused(forger.get(f"/orders/{bought.order_id}"), 401, "unauthorized")


def test_a_link_is_of_one_order(bought: Bought) -> None:
    come_in(bought.buyer, bought.sale)
    other = order(bought.buyer, bought.sale).json()["order_id"]
    with api(bought.stack) as stranger:
        refused(stranger.get(f"/orders/{other}", params={"key": bought.key}), 403, "link_expired")
        refused(stranger.get(f"/orders/{other}"), 401, "unauthorized")
    bought.buyer.delete(f"/orders/{other}")


@pytest.mark.parametrize("key", ["x", "0.1.x", "\u00e9", "0.2.{}", "a" * 5_000])
def test_a_key_that_is_none_is_refused(bought: Bought, key: str) -> None:
    made_up = key.format(bought.key.rpartition(".")[2])
    refused(bought.ask(key=made_up), 403, "link_expired")
    assert bought.buyer.get(f"/orders/{bought.order_id}", params={"key": made_up}).status_code == httpx.codes.OK


def test_a_new_link_voids_the_old_one(bought: Bought) -> None:
    old = bought.key
    for _ in range(2):
        renewed = bought.buyer.post(f"/orders/{bought.order_id}/link")
        assert renewed.status_code == httpx.codes.OK
    bought.link = renewed.json()["link"]
    refused(bought.ask(key=old), 403, "link_expired")
    assert bought.ask().json()["link"] == bought.link
    page = httpx.get(f"{bought.stack.web}/orders/{bought.order_id}", params={"key": old}, trust_env=False)
    assert page.status_code == httpx.codes.FORBIDDEN


def test_nobody_but_the_buyer_makes_a_new_link(bought: Bought) -> None:
    with api(bought.stack) as other:
        come_in(other, bought.sale)
        refused(other.post(f"/orders/{bought.order_id}/link"), 404, "not_found")
    assert bought.ask().status_code == httpx.codes.OK


def test_a_link_ends_long_after_the_cookie(bought: Bought, env: dict[str, str]) -> None:
    async def placed(at_ms: int) -> None:
        async with open_database(Settings.from_environment(env)) as database:
            await database.execute(
                "UPDATE orders SET placed_at = %s WHERE id = %s", (to_datetime(at_ms), bought.order_id)
            )

    asyncio.run(placed(now_ms() - GOOD_FOR_MS + 60_000))
    assert bought.ask().status_code == httpx.codes.OK
    asyncio.run(placed(now_ms() - GOOD_FOR_MS - 1_000))
    refused(bought.ask(), 403, "link_expired")
    assert bought.buyer.get(f"/orders/{bought.order_id}").status_code == httpx.codes.OK
