"""Carries out the refunds that the ledger decided on, once each, and reports what became of them."""

import logging
import time

from app.ids import derived_id
from app.infra.kafka import Producer, open_producer
from app.infra.mysql import Database, open_database
from app.infra.redis import open_redis
from app.orders.facts import RefundFailed, RefundSucceeded, records
from app.payments.provider import ProviderUnavailable, RefundRefused
from app.payments.providers import Providers, open_providers
from app.settings import PROVIDERS, Settings
from app.units import now_ms, to_minor
from app.watch.processes import reporting
from workers.runner import Stop, every, run

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
MOST_AT_ONCE = 100
ASK_AGAIN_SECONDS = 15.0  # the ledger may not have written the answer yet


async def work(settings: Settings, stop: Stop) -> None:
    """Refunds, until asked to stop."""
    async with (
        open_redis(settings) as redis,
        open_database(settings) as database,
        open_producer(settings) as producer,
        open_providers(settings) as providers,
        reporting(redis, "refunds", database),
    ):
        refunds = Refunds(database, producer, providers)
        await every(TICK_SECONDS, refunds.tick, stop)


class Refunds:
    """Asks whoever took the money to give it back; the refund's id is the key that makes it happen once."""

    def __init__(self, database: Database, producer: Producer, providers: Providers) -> None:
        self._database = database
        self._producer = producer
        self._providers = providers
        self._asked: dict[str, float] = {}  # refund id -> when

    async def tick(self) -> None:
        """One look at the refunds that are pending."""
        rows = await self._database.fetch_all(
            "SELECT r.id, r.order_id, r.provider, r.amount, r.currency, c.transaction_id FROM payments r"
            " JOIN payments c ON c.id = r.parent_id"
            " WHERE r.status = 'REFUND_PENDING' ORDER BY r.created_at LIMIT %s",
            (MOST_AT_ONCE,),
        )
        now = time.monotonic()
        pending = {row["id"] for row in rows}
        self._asked = {refund_id: at for refund_id, at in self._asked.items() if refund_id in pending}
        for row in rows:
            refund_id: str = row["id"]
            if now - self._asked.get(refund_id, -ASK_AGAIN_SECONDS) < ASK_AGAIN_SECONDS:
                continue
            self._asked[refund_id] = now
            try:
                transaction_id = await self._providers.named(row["provider"]).refund(
                    row["transaction_id"], to_minor(row["amount"]), row["currency"], refund_id
                )
            except ProviderUnavailable as error:
                log.warning("refund %s of order %s: %s", refund_id, row["order_id"], error)
                continue
            except RefundRefused as error:
                log.error("refund %s of order %s is refused: %s", refund_id, row["order_id"], error)
                await self._producer.send(
                    records(
                        RefundFailed(
                            fact_id=derived_id("refund failed", refund_id),
                            order_id=row["order_id"],
                            occurred_at_ms=now_ms(),
                            refund_id=refund_id,
                            reason=str(error)[:200],
                        )
                    )
                )
                continue
            log.info("order %s: %s %s went back", row["order_id"], row["amount"], row["currency"])
            await self._producer.send(
                records(
                    RefundSucceeded(
                        fact_id=derived_id("refund succeeded", refund_id),
                        order_id=row["order_id"],
                        occurred_at_ms=now_ms(),
                        refund_id=refund_id,
                        transaction_id=transaction_id,
                    )
                )
            )


if __name__ == "__main__":
    run(work, PROVIDERS)
