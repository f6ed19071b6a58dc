"""One sale in Redis, and what buyers and workers do with it."""

import asyncio
import itertools
from collections.abc import Coroutine, Iterable
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from msgspec.structs import replace
from redis.asyncio import Redis

from app.infra import scripts
from app.infra.keys import key, keys, live_channel, order_key
from app.infra.redis import connection_pool
from app.orders.lifecycle import Order
from app.orders.reservations import Hold, due_holds, parse_items, reserve, settle
from app.sale import admission, draw, presence, waiting_room
from app.sale.admission import Admitted
from app.sale.waiting_room import NotJoined, Place

SKU = 5
SECRET = "5e" * 32
Result = TypeVar("Result")
_event_ids = itertools.count(1)


class Room:
    """A sale with one sku. Everything goes through the application's own functions."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._runner = asyncio.Runner()
        self.redis = Redis(connection_pool=connection_pool(url))
        self.event_id = next(_event_ids)
        self._keys = itertools.count()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run(cast(Coroutine[Any, Any, bool], self.redis.flushdb()))
        self.run(self.redis.connection_pool.aclose())
        self._runner.close()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Runs it to its end."""
        return self._runner.run(work)

    def key(self, name: str) -> str:
        """A key of the sale."""
        return key(self.event_id, name)

    def open(self, *, capacity: int = 1_000_000, state: str = "open", opens_at_ms: int = 0, **fields: int) -> None:
        """Puts the sale on sale; unless told otherwise there is room for everybody at once."""
        sale: dict[str, str | int] = {
            "state": state, "opens_at_ms": opens_at_ms, "rate_per_minute": 1_000_000, "room": 1_000_000,
            "pass_ttl_seconds": 300, "hold_ttl_seconds": 300, "max_per_buyer": 4, "currency": "USD",
            "tokens": 1_000_000, **fields,
        }  # fmt: skip
        stock: dict[str, int] = {"capacity": capacity, "available": capacity, "held": 0, "sold": 0, "price": 100}
        args: list[str | int] = [len(sale)]
        for name, value in sale.items():
            args += [name, value]
        for name, value in stock.items():
            args += [f"{SKU}:{name}", value]
        self.run(scripts.run(self.redis, "load_sale", keys(self.event_id, "sale", "stock"), args))

    def sale(self, *fields: str) -> list[str | None]:
        """Fields of the sale."""
        return self.run(cast(Coroutine[Any, Any, list[str | None]], self.redis.hmget(self.key("sale"), fields)))

    def amend(self, **fields: str | int) -> None:
        """Changes fields of the sale behind the application's back."""
        self.run(cast(Coroutine[Any, Any, int], self.redis.hset(self.key("sale"), mapping=cast(Any, fields))))

    def now_ms(self) -> int:
        """Redis's clock."""
        seconds, microseconds = self.run(cast(Coroutine[Any, Any, tuple[int, int]], self.redis.time()))
        return seconds * 1000 + microseconds // 1000

    def join(self, *buyers: str, max_waiting: int = 1_000_000) -> list[Place]:
        """They join, one after the other: their places."""
        return [self.run(waiting_room.join(self.redis, self.event_id, buyer, max_waiting)) for buyer in buyers]

    def crowd(self, buyers: Iterable[str]) -> None:
        """They join and are not seen any more: much faster."""
        asked: list[scripts.Call] = []
        for buyer in buyers:
            names, args = waiting_room.joining(self.event_id, buyer, 10_000_000, "one address", 0)
            asked.append((names, [*args[:-2], *[self.key("seen-by-nobody:")] * 2]))
        for first in range(0, len(asked), 5_000):
            answers = self.run(scripts.run_many(self.redis, "join", asked[first : first + 5_000]))
            assert {answer[0] for answer in answers} <= {"lobby", "waiting"}

    def look(self, buyer: str) -> Place | None:
        """Where a buyer stands; None without a place."""
        try:
            return self.run(waiting_room.look(self.redis, self.event_id, buyer))
        except NotJoined:
            return None

    def leave(self, buyer: str) -> None:
        """A buyer leaves."""
        self.run(waiting_room.leave(self.redis, self.event_id, buyer))

    def queue(self, name: str = "queue") -> list[str]:
        """Who waits (or is parked, or has a pass), in order."""
        return self.run(cast(Coroutine[Any, Any, list[str]], self.redis.zrange(self.key(name), 0, -1)))

    def see(self, *numbers: int) -> None:
        """A web process notes that these are here."""
        self.run(presence.mark_seen(self.redis, self.event_id, numbers))

    def forget_seen(self) -> None:
        """A long time passes, and nobody is seen."""

        async def forget() -> None:
            names = [name async for name in self.redis.scan_iter(match=self.key("seen*"))]
            if names:
                await self.redis.delete(*names)

        self.run(forget())

    def admit(self, *, may_park: bool = True, overbooking: float = 1.0) -> Admitted:
        """One call of admission."""
        results = self.run(
            admission.admit(
                self.redis, [self.event_id], overbooking=overbooking, may_park=may_park, grace_seconds=30
            )
        )
        return results[self.event_id]

    def set_state(self, state: str, notice: str = "") -> str:
        """What an organiser asks for."""
        names = keys(self.event_id, "sale", "lobby", "flow")
        args = [state, notice, live_channel(self.event_id)]
        return str(self.run(scripts.run(self.redis, "set_state", names, args)))

    def begin_draw(self) -> int | None:
        """Freezes the lobby if its time has come: the last number given before."""
        return self.run(draw.begin_draws(self.redis, [self.event_id])).get(self.event_id)

    def finish_draw(self, drawn_after: int) -> tuple[int, str]:
        """Draws the frozen lobby."""
        return self.run(draw.finish_draw(self.redis, self.event_id, SECRET, drawn_after))

    def reserve(self, buyer: str, quantity: int = 1) -> Hold:
        """A hold. Raises Refused."""
        idempotency_key = f"key-{next(self._keys)}"
        return self.run(
            reserve(
                self.redis,
                self.event_id,
                buyer,
                idempotency_key,
                [(SKU, quantity)],
                outbox_cap=10**6,
                max_orders=20,
            )
        )

    def settle(self, hold: Hold, status: str, version: int = 1) -> None:
        """The books say that the order now has this status."""
        record = order_key(self.event_id, hold.order_id)
        items = self.run(cast(Coroutine[Any, Any, str], self.redis.hget(record, "items")))
        order = Order(hold.order_id, status, version, self.event_id, items=parse_items(items))
        self.run(settle(self.redis, self.event_id, [order], []))

    def due(self) -> list[tuple[str, int]]:
        """Holds whose end has passed, with that end."""
        return self.run(due_holds(self.redis, self.event_id, 100))

    def paused_for(self, seconds: int) -> None:
        """The pause that is going on began this much earlier, and everything in it too."""
        (began,) = self.sale("paused_at_ms")
        assert began
        self.amend(paused_at_ms=int(began) - seconds * 1000)
        for name in ("passes", "served", "holds"):
            for member in self.queue(name):
                self.run(
                    cast(Coroutine[Any, Any, float], self.redis.zincrby(self.key(name), -seconds * 1000, member))
                )

    def idle(self) -> set[str]:
        """Who has a pass and holds nothing."""
        return self.run(cast(Coroutine[Any, Any, set[str]], self.redis.smembers(self.key("idle"))))

    def counts(self) -> dict[str, int]:
        """What was counted of the sale."""
        totals = self.run(cast(Coroutine[Any, Any, dict[str, str]], self.redis.hgetall(self.key("totals"))))
        return {name: int(count) for name, count in totals.items()}


def at(place: Place | None, **changes: Any) -> Place:
    """A place with some fields changed, to compare with."""
    assert place
    return replace(place, **changes)
