"""Whatever a script publishes, a web process can read: each of them is run, and what it published decoded."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from app.infra.keys import key, live_channel
from app.live.news import Admitted, Lapsed, Left, Orders, Sale, decode
from app.units import iso
from tests.world.buyers import api, join, make_event, order, until_status
from tests.world.commands import ticketcraze
from tests.world.stack import Stack
from tests.world.waiting import until

LUA = Path(__file__).parent.parent.parent / "app" / "lua"
# Which test below hears which script; the scripts that publish are found by reading them.
HEARD = {
    "settle": {"orders"},
    "extend_pass": {"admitted"},
    "admit": {"admitted", "lapsed"},
    "leave": {"left"},
    "set_state": {"sale"},
    "configure": {"sale"},
    "draw_end": {"sale"},
}


@pytest.fixture
def redis(env: dict[str, str]) -> Iterator[Redis]:
    with Redis.from_url(env["REDIS_URL"], decode_responses=True) as redis:
        yield redis


class Listener:
    """Decodes what is published about one event."""

    def __init__(self, redis: Redis, event_id: int) -> None:
        self._pubsub = redis.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        self._pubsub.subscribe(live_channel(event_id))
        self._pubsub.get_message(timeout=1)  # the subscription itself
        self.heard: list[Any] = []

    def until(self, kind: type[Any]) -> Any:
        """The next news of this kind."""

        def look() -> Any:
            if message := self._pubsub.get_message(timeout=0.1):
                self.heard.append(decode(message["data"]))
                return self.heard[-1] if isinstance(self.heard[-1], kind) else None
            return None

        return until(look)


def test_every_script_that_publishes_is_heard_here() -> None:
    published = {
        path.stem: set(re.findall(r"kind = '(\w+)'", path.read_text()))
        for path in LUA.glob("*.lua")
        if "'PUBLISH'" in path.read_text()
    }
    assert published == HEARD


def test_what_the_scripts_of_a_sale_publish_is_read(stack: Stack, redis: Redis) -> None:
    sale = make_event(stack.env, opens_in=600, pass_ttl=2)
    listener = Listener(redis, sale.id)
    with api(stack) as buyer, api(stack) as other:
        join(buyer, sale)
        join(other, sale)
        ticketcraze(stack.env, "event", "open", sale.slug)
        listener.until(Sale)  # set_state.lua
        listener.until(Sale)  # draw_end.lua
        came_in = listener.until(Admitted)
        assert set(came_in.numbers) <= {1, 2}
        more = buyer.post(f"/events/{sale.slug}/queue/extend").json()["expires_at"]
        again = listener.until(Admitted)
        assert (again.buyers, len(again.numbers), iso(again.expires_at_ms)) == (again.buyers[:1], 1, more)
        order_id = order(buyer, sale, 2).json()["order_id"]
        told = listener.until(Orders).orders[0]
        assert (told.order_id, told.status, told.total) == (order_id, "PENDING", 9_000)
        record = redis.hgetall(key(sale.id, f"order:{order_id}"))
        assert (told.buyer, told.version) == (record["buyer"], int(record["version"]))
        assert told.expires_at_ms == int(record["expires_at_ms"])
        assert other.delete(f"/events/{sale.slug}/queue").status_code == 204
        assert len(listener.until(Left).buyers) == 1
        assert listener.until(Lapsed).buyers == [told.buyer]
        until_status(buyer, order_id, "PENDING")


def test_pausing_a_sale_is_published(stack: Stack, redis: Redis) -> None:
    sale = make_event(stack.env)
    listener = Listener(redis, sale.id)
    ticketcraze(stack.env, "event", "pause", sale.slug)
    listener.until(Sale)
