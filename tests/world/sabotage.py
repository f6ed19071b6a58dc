"""Guards that a test takes out, to show that what should notice does notice. Nothing outside tests can."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from msgspec.structs import replace

from app.infra import scripts
from app.infra.mysql import Database
from app.orders import lifecycle
from app.orders.facts import HoldLapsed
from app.orders.lifecycle import Order
from workers.ledger import Bookkeeper
from workers.relay import Entries, Relay


@contextmanager
def without_idempotency(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """A key that was answered before is answered anew."""
    guard, whole = "if answered then", scripts._TEXTS["reserve"]
    assert guard in whole
    with patch.context() as patched:
        patched.setitem(scripts._TEXTS, "reserve", whole.replace(guard, "if false then"))
        patched.setitem(scripts._SHAS, "reserve", "0" * 40)  # so Redis asks for the text
        yield


@contextmanager
def without_the_status_guard(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """A hold that lapses ends its order, whatever became of it."""

    def lapse(order: Order, fact: HoldLapsed, given: Any) -> Order:
        return replace(order, status="EXPIRED")

    with patch.context() as patched:
        patched.setitem(cast(dict[Any, Any], lifecycle._EFFECTS), HoldLapsed, lapse)
        yield


@asynccontextmanager
async def without_the_cap(database: Database) -> AsyncIterator[None]:
    """MySQL sells more than there is."""
    await database.execute("ALTER TABLE skus DROP CONSTRAINT skus_guard")
    try:
        yield
    finally:
        guard = "CHECK (held >= 0 AND sold >= 0 AND held + sold <= capacity)"
        await database.execute(f"ALTER TABLE skus ADD CONSTRAINT skus_guard {guard}")


class DeletesEarly(Relay):
    """Takes an order out of the outbox as soon as Kafka has it, and not when MySQL has it."""

    async def _send(self, outbox: str, entries: Entries) -> None:
        await super()._send(outbox, entries)
        await self._redis.xdel(outbox, *(entry_id for entry_id, _ in entries))


class CommitsEarly(Bookkeeper):
    """Commits offsets before MySQL has the facts."""

    async def _write(self, records: Sequence[ConsumerRecord]) -> None:
        await self._consumer.commit(
            {TopicPartition(record.topic, record.partition): record.offset + 1 for record in records}
        )
        await super()._write(list(records))
