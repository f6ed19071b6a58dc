"""Our books against the providers' own lists: every charge that a provider has is to be in the books."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple, TypeVar

from app.infra.mysql import Database, in_list
from app.payments.provider import ListedRefund, PaymentNotice, PaymentProvider, RefundPage, TransactionPage
from app.units import now_ms, to_datetime, to_ms

FIRST_LOOK_BACK_MS = 24 * 3_600_000  # where nothing was ever compared
# Charges may come into the list behind later ones: an hour covers a provider's clock that was set, too.
OVERLAP_MS = 3_600_000

Page = TypeVar("Page", TransactionPage, RefundPage)


class Look(NamedTuple):
    """One page of a provider's charges."""

    unbooked: list[PaymentNotice]
    charges: int
    newest_ms: int  # by the provider's clock; 0 on an empty page


async def look(database: Database, provider: PaymentProvider, since_ms: int) -> AsyncIterator[Look]:
    """The provider's charges since then, page by page, and which of them are not in the books.

    Raises ProviderUnavailable, DatabaseUnavailable.
    """
    async for notices in charges_since(provider, since_ms):
        known = await booked(database, provider.name, [notice.transaction_id for notice in notices])
        yield Look(
            [notice for notice in notices if notice.transaction_id not in known],
            len(notices),
            max((notice.occurred_at_ms for notice in notices), default=0),
        )


async def charges_since(provider: PaymentProvider, since_ms: int) -> AsyncIterator[list[PaymentNotice]]:
    """The provider's successful charges, page by page; one page at least. Raises ProviderUnavailable."""
    async for page in _pages(provider.list_transactions, since_ms):
        yield page.notices


async def refunds_since(provider: PaymentProvider, since_ms: int) -> AsyncIterator[list[ListedRefund]]:
    """The provider's refunds, in the same way."""
    async for page in _pages(provider.list_refunds, since_ms):
        yield page.refunds


async def _pages(list_page: Callable[[int, str], Awaitable[Page]], since_ms: int) -> AsyncIterator[Page]:
    after: str | None = None
    while after != "":
        page = await list_page(max(since_ms, 0), after or "")
        yield page
        after = page.after


async def booked(database: Database, provider: str, transaction_ids: list[str]) -> set[str]:
    """Those of a provider's charges that are in the books, for an order or as stray money."""
    if not transaction_ids:
        return set()
    rows = await database.fetch_all(
        "SELECT transaction_id FROM payments"  # noqa: S608  # only placeholders are put together
        f" WHERE kind = 'CHARGE' AND provider = %s AND transaction_id IN {in_list(transaction_ids)}",
        [provider, *transaction_ids],
    )
    return {row["transaction_id"] for row in rows}


async def booked_until(database: Database, provider: str) -> int:
    """Up to when (by the provider's clock, UTC ms) all of its charges are known to be in the books."""
    row = await database.fetch_one("SELECT booked_until FROM reconciliations WHERE provider = %s", (provider,))
    return to_ms(row["booked_until"]) if row else now_ms() - FIRST_LOOK_BACK_MS


async def write_booked_until(database: Database, provider: str, at_ms: int) -> None:
    """Keeps how far the books were compared, so that no restart passes over a charge."""
    await database.execute(
        "INSERT INTO reconciliations (provider, booked_until, looked_at) VALUES (%s, %s, %s)"
        " ON DUPLICATE KEY UPDATE booked_until = VALUES(booked_until), looked_at = VALUES(looked_at)",
        (provider, to_datetime(at_ms), to_datetime(now_ms())),
    )
