"""Whether the books have all that the providers have: number 11 of what `ticketcraze verify` checks."""

from collections.abc import Sequence

from app.ids import event_of
from app.infra.mysql import Database
from app.payments.provider import ProviderUnavailable
from app.payments.providers import open_providers
from app.payments.reconciliation import OVERLAP_MS, booked_until, look
from app.sale.catalog import Event
from app.settings import Settings
from app.units import to_ms
from app.watch.verify.finding import MOST_NAMED, Finding

STRAY_GRACE_SECONDS = 900  # its order may still come; after that it is to be on its way back


async def check_charges(
    settings: Settings, database: Database, events: Sequence[Event], only: Event | None
) -> Finding:
    """11: every charge that a provider has for these events is in the books, and stray money is on its way back.

    For one event the provider is asked for all since its first order, for all events for what was not compared
    before.
    """
    known = {event.id for event in events}
    finding = Finding({"charges": 0, "unbooked": 0, "of_other_events": 0})
    async with open_providers(settings) as providers:
        for provider in providers:
            since_ms = await _first_ms(database, only) if only else await booked_until(database, provider.name)
            try:
                async for page in look(database, provider, max(since_ms - OVERLAP_MS, 0)):
                    ours = [notice for notice in page.unbooked if event_of(notice.order_id) in known]
                    _count(finding, "charges", page.charges)
                    _count(finding, "unbooked", len(ours))
                    _count(finding, "of_other_events", len(page.unbooked) - len(ours))
                    finding.problems += [
                        f"order {notice.order_id}: {provider.name} has charge {notice.transaction_id},"
                        " the books do not"
                        for notice in ours[: max(MOST_NAMED - len(finding.problems), 0)]
                    ]
            except ProviderUnavailable as error:
                finding.problems.append(f"{provider.name} could not be asked: {error}")
    await _check_strays(database, only, finding)
    return finding


async def _first_ms(database: Database, event: Event) -> int:
    row = await database.fetch_one(
        "SELECT placed_at FROM orders WHERE event_id = %s ORDER BY id LIMIT 1", (event.id,)
    )
    return min(event.opens_at_ms, to_ms(row["placed_at"])) if row else event.opens_at_ms


async def _check_strays(database: Database, event: Event | None, finding: Finding) -> None:
    tail = f"{event.id:08x}" if event else None
    rows = await database.fetch_all(
        "SELECT l.order_id, l.payment_id, l.since < UTC_TIMESTAMP(3) - INTERVAL %s SECOND AS is_old"
        " FROM late_charges l LEFT JOIN orders o ON o.id = l.order_id"
        " WHERE o.id IS NULL AND (%s IS NULL OR RIGHT(l.order_id, 8) = %s)",
        (STRAY_GRACE_SECONDS, tail, tail),
    )
    finding.figures["stray"] = len(rows)
    finding.problems += [
        f"order {row['order_id']}: in no books, and its charge {row['payment_id']} is not on its way back"
        for row in rows
        if row["is_old"]
    ]


def _count(finding: Finding, name: str, more: int) -> None:
    finding.figures[name] = int(finding.figures[name]) + more
