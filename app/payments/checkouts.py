"""Checkouts: the page at a provider where one attempt to pay is made. They are kept, so that each can be closed.

One is open at a time for an order: paying again goes on with it until it was declined.
"""

import logging

from app.infra.mysql import Database, Row, in_list
from app.orders.lifecycle import Order
from app.payments.provider import Attempt, Checkout, PaymentProvider, ProviderUnavailable
from app.payments.providers import Providers, UnknownProvider
from app.units import now_ms, to_datetime, to_ms

log = logging.getLogger(__name__)

PAGE = 100
SLACK_MS = 1_000


async def open_checkout(database: Database, provider: PaymentProvider, order: Order, attempt: Attempt) -> Checkout:
    """Where the buyer pays until the attempt ends: the checkout that is open, or a new one.

    Raises ProviderUnavailable, DatabaseUnavailable.
    """
    row = await database.fetch_one(
        "SELECT ref, url, expires_at FROM checkouts WHERE payment_id = %s AND closed_at IS NULL",
        (attempt.payment_id,),
    )
    if row and to_ms(row["expires_at"]) >= attempt.expires_at_ms - SLACK_MS:
        return Checkout(row["ref"], row["url"], to_ms(row["expires_at"]))
    checkout = await provider.create_checkout(order, attempt)
    now = to_datetime(now_ms())
    await database.execute(
        "INSERT INTO checkouts (payment_id, order_id, provider, ref, url, expires_at, created_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)"
        " ON DUPLICATE KEY UPDATE ref = VALUES(ref), url = VALUES(url), expires_at = VALUES(expires_at)",
        (
            attempt.payment_id,
            order.id,
            provider.name,
            checkout.ref,
            checkout.url,
            to_datetime(checkout.expires_at_ms),
            now,
        ),
    )
    return checkout


async def close_checkouts(database: Database, providers: Providers) -> None:
    """Closes those that nobody should pay at any more: the hold ended, or it was paid, declined or given back."""
    after = ""
    while rows := await database.fetch_all(
        "SELECT c.payment_id, c.provider, c.ref, c.expires_at, p.status FROM checkouts c"
        " JOIN orders o ON o.id = c.order_id LEFT JOIN payments p ON p.id = c.payment_id"
        " WHERE c.closed_at IS NULL AND (o.status <> 'PENDING' OR p.status IN ('COMPLETED', 'FAILED'))"
        " AND c.payment_id > %s ORDER BY c.payment_id LIMIT %s",
        (after, PAGE),
    ):
        after = rows[-1]["payment_id"]
        closed = [row["payment_id"] for row in rows if await _is_closed(providers, row)]
        if closed:  # in one statement: each is a commit, and there is one checkout for every order
            await database.execute(
                f"UPDATE checkouts SET closed_at = %s WHERE payment_id IN {in_list(closed)}",  # noqa: S608
                (to_datetime(now_ms()), *closed),
            )


async def _is_closed(providers: Providers, row: Row) -> bool:
    if row["status"] in ("COMPLETED", "FAILED") or to_ms(row["expires_at"]) <= now_ms():
        return True
    try:
        await providers.named(row["provider"]).close_checkout(row["ref"])
    except (ProviderUnavailable, UnknownProvider) as error:
        log.warning("checkout %s stays open for now: %s", row["payment_id"], error)
        return False
    return True
