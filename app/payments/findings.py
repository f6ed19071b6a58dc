"""What does not agree: between the books and a provider's list, and between the books and Redis.

Each is a row with the action that mends it, and closes once it is not seen any more. Looking costs as much as has
changed since the last look; once a night all of it is looked at.
"""

import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from redis.asyncio import Redis

from app.ids import derived_id, event_of
from app.infra.kafka import Producer
from app.infra.keys import order_key
from app.infra.mysql import Connection, Database, Row, in_list
from app.orders.facts import Fact, records
from app.orders.lifecycle import (
    BOUGHT,
    UNKNOWN,
    Order,
    deposit_of,
    left_of,
    money_kept,
    price_of,
    taken,
    undecided,
)
from app.orders.reading import read_orders
from app.orders.rebuild import request_repair
from app.orders.refused import refused_of
from app.orders.reservations import settle
from app.payments.provider import ListedRefund, PaymentNotice, PaymentProvider, fact_of
from app.payments.reconciliation import FIRST_LOOK_BACK_MS, charges_since, refunds_since
from app.units import money_text, now_ms, optional_ms, to_datetime, to_decimal, to_minor, to_ms

log = logging.getLogger(__name__)

PAGE: Final = 500
SETTLED_MS: Final = 30_000  # the ledger and Redis have had their time
OVERLAP_MS: Final = 5_000
CALLBACK_MS: Final = 60_000  # so old a charge is booked, and listed
LIST_OVERLAP_MS: Final = 600_000
MOST_LISTED: Final = 2_000_000  # transactions of one look that are kept in memory
MOST_SHOWN: Final = 100
DONE: Final = {("CHARGE", "COMPLETED"), ("REFUND", "REFUNDED")}

REFUND_REFUSED: Final = "refund_refused"
TELL, RETRY, SETTLE, REBUILD, PEOPLE = "tell_ledger", "retry_refund", "settle_redis", "rebuild_sale", "people"


class Finding(msgspec.Struct, frozen=True):
    """Something that does not agree. `reference` is the transaction or refund it is about; `action` mends it."""

    kind: str
    action: str
    order_id: str
    detail: str
    provider: str = ""
    reference: str = ""
    notice: PaymentNotice | None = None
    found_at_ms: int = 0
    mended_at_ms: int | None = None

    @property
    def id(self) -> str:
        """The same for the same thing, however often it is found."""
        return finding_id(self.kind, self.order_id, self.provider, self.reference)


def finding_id(kind: str, order_id: str, provider: str, reference: str) -> str:
    """The id of the finding that says this."""
    return derived_id("finding", kind, order_id, provider, reference)


@dataclass(frozen=True)
class Booked:
    """A charge as the books have it."""

    amount_minor: int
    currency: str
    status: str


def of_charge(notice: PaymentNotice, booked: Booked | None) -> Finding | None:
    """What is wrong with a charge that the provider lists."""
    says = money_text(notice.amount_minor, notice.currency)

    def finding(kind: str, action: str, detail: str) -> Finding:
        told = notice if action == TELL else None
        return Finding(kind, action, notice.order_id, detail, notice.provider, notice.transaction_id, told)

    if booked is None:
        return finding("missing_here", TELL, f"{notice.provider} took {says}")
    if (booked.amount_minor, booked.currency) != (notice.amount_minor, notice.currency):
        ours = money_text(booked.amount_minor, booked.currency)
        return finding("amount", PEOPLE, f"{notice.provider} says {says}, the books {ours}")
    if booked.status != "COMPLETED":
        return finding("status", TELL, f"paid, and {booked.status} here")
    return None


def of_fee(notice: PaymentNotice, known_minor: int | None) -> Finding | None:
    """What is wrong with the provider's fee, which was said before."""
    if notice.fee_minor is None or known_minor is None or notice.fee_minor == known_minor:
        return None
    says, said = (money_text(fee, notice.currency) for fee in (notice.fee_minor, known_minor))
    detail = f"{notice.provider} keeps {says}, and said {said} before"
    return Finding("fee", PEOPLE, notice.order_id, detail, notice.provider, notice.transaction_id)


def of_refund(provider: str, refund: ListedRefund, order_id: str, booked: Booked | None) -> Finding | None:
    """What is wrong with a refund that the provider lists, of a charge of this order."""
    says = money_text(refund.amount_minor, refund.currency)

    def finding(kind: str, detail: str) -> Finding:
        return Finding(kind, PEOPLE, order_id, detail, provider, refund.refund_id)

    if booked is None:
        return None if refund.failed else finding("refund_missing_here", f"{says} went back, and not by us")
    if refund.failed:
        return finding("refund_failed", f"{says} is back by the books, and {provider} says that it failed")
    if (booked.amount_minor, booked.currency) != (refund.amount_minor, refund.currency):
        ours = money_text(booked.amount_minor, booked.currency)
        return finding("refund_amount", f"{says} went back, and {ours} by the books")
    return None


def of_order(order: Order, version_in_redis: int | None) -> list[Finding]:
    """What is wrong with an order: its money, its refunds, and Redis. None: Redis does not have it."""
    found = []
    kept, (price_minor, currency) = money_kept(order), price_of(order)
    left = sum(left_of(order.payments, p) for p in order.payments if p.status == "COMPLETED")
    if order.status == "PENDING" and deposit_of(order):
        left -= order.deposit_minor
    refused = refused_of(order.id, order.payments)
    if order.status == "CONFIRMED" and kept[currency] < price_minor:
        short = money_text(price_minor - kept[currency], currency)
        found.append(Finding("money_short", PEOPLE, order.id, f"{order.status}, and {short} is missing"))
    if order.status not in (*BOUGHT, "REVIEW", UNKNOWN) and left and not refused and not undecided(order):
        kept_text = money_text(left, currency)
        found.append(Finding("money_kept", PEOPLE, order.id, f"{order.status}, and {kept_text} is kept"))
    found += [
        Finding(
            REFUND_REFUSED,
            RETRY,
            order.id,
            f"{money_text(one.amount_minor, one.refund.currency)} was to go back",
            one.refund.provider,
            one.refund.id,
        )
        for one in refused
    ]
    if version_in_redis is not None and version_in_redis < order.version:
        found.append(
            Finding(
                "redis_behind", SETTLE, order.id, f"version {version_in_redis}, the books have {order.version}"
            )
        )
    if version_in_redis is None and taken(order):
        found.append(Finding("redis_lost", REBUILD, order.id, f"{order.status}, and Redis does not know it"))
    return found


class Reconciler:
    """Compares what changed since the last look, or all of it, and keeps what it finds."""

    def __init__(self, database: Database, redis: Redis, providers: Iterable[PaymentProvider]) -> None:
        self._database = database
        self._redis = redis
        self._providers = list(providers)

    async def look(self, *, whole: bool = False) -> int:
        """One look; how many rows it compared. Raises ProviderUnavailable, DatabaseUnavailable, RedisError."""
        compared = await self._look_at_orders(whole=whole)
        for provider in self._providers:
            compared += await self._look_at_provider(provider, whole=whole)
        await self._look_again_at_open_ones()
        return compared

    async def _look_at_orders(self, *, whole: bool) -> int:
        since_ms = 0 if whole else await self._compared_until("orders") - OVERLAP_MS
        until_ms = now_ms() - SETTLED_MS
        compared = 0
        async for ids in _touched(self._database, since_ms, until_ms):
            compared += len(ids)
            await self._judge(ids)
        await self._note_until("orders", until_ms)
        return compared

    async def _judge(self, order_ids: Sequence[str]) -> list[Finding]:
        async with self._database.connection() as connection:
            orders = await read_orders(connection, f"id IN {in_list(order_ids)}", list(order_ids))
            purged = await _purged(connection, {order.event_id for order in orders})
            here = [order for order in orders if order.event_id not in purged]
            async with self._redis.pipeline(transaction=False) as pipeline:
                for order in here:
                    pipeline.hget(order_key(order.event_id, order.id), "version")
                versions = await pipeline.execute()
            known = {
                order.id: int(version) if version is not None else None
                for order, version in zip(here, versions, strict=True)
            }
            found = [
                finding for order in orders for finding in of_order(order, known.get(order.id, order.version))
            ]
            await keep_findings(connection, found)
        return found

    async def _look_at_provider(self, provider: PaymentProvider, *, whole: bool) -> int:
        until_ms = now_ms() - CALLBACK_MS
        since_ms = 0 if whole else await self._compared_until(provider.name)
        listed: set[str] = set()
        compared = 0
        async for notices in charges_since(provider, since_ms - LIST_OVERLAP_MS):
            compared += len(notices)
            if len(listed) < MOST_LISTED:
                listed.update(notice.transaction_id for notice in notices)
            await self._judge_charges(provider.name, [n for n in notices if n.occurred_at_ms <= until_ms])
        async for refunds in refunds_since(provider, since_ms - LIST_OVERLAP_MS):
            compared += len(refunds)
            if len(listed) < MOST_LISTED:
                listed.update(refund.refund_id for refund in refunds)
            await self._judge_refunds(provider.name, [r for r in refunds if r.occurred_at_ms <= until_ms])
        if len(listed) < MOST_LISTED:
            await self._look_for_missing(provider.name, since_ms, until_ms, listed)
        else:
            log.warning("%s lists too much to say what of ours it does not have", provider.name)
        await self._note_until(provider.name, until_ms)
        return compared

    async def _judge_charges(self, provider: str, notices: Sequence[PaymentNotice]) -> None:
        if not notices:
            return
        async with self._database.connection() as connection:
            booked = await _booked(connection, provider, [notice.transaction_id for notice in notices])
            known = await _fees(connection, provider, [notice.transaction_id for notice in notices])
            found = [of_charge(n, booked.get(n.transaction_id)) for n in notices]
            found += [of_fee(n, known.get(n.transaction_id)) for n in notices]
            await keep_findings(connection, filter(None, found))
            await connection.insert_many(
                "INSERT IGNORE INTO provider_fees (provider, transaction_id, fee, currency)"
                " VALUES (%s, %s, %s, %s)",
                [
                    (provider, n.transaction_id, to_decimal(n.fee_minor), n.currency)
                    for n in notices
                    if n.fee_minor is not None
                ],
            )

    async def _judge_refunds(self, provider: str, refunds: Sequence[ListedRefund]) -> None:
        """Those of charges that the books do not have are left out: the charge is what is missing then."""
        if not refunds:
            return
        async with self._database.connection() as connection:
            orders = await _orders_of(connection, provider, [refund.transaction_id for refund in refunds])
            booked = await _booked(connection, provider, [refund.refund_id for refund in refunds], "REFUND")
            under_way = await _refunds_under_way(connection, list(orders.values()))
            found = (
                of_refund(provider, refund, order_id, booked.get(refund.refund_id))
                for refund in refunds
                if (order_id := orders.get(refund.transaction_id)) and order_id not in under_way
            )
            await keep_findings(connection, filter(None, found))

    async def _look_for_missing(self, provider: str, since_ms: int, until_ms: int, listed: set[str]) -> None:
        """Charges and refunds of ours that the provider does not list.

        Its clock may be another: the list began earlier.
        """
        at, last = to_datetime(since_ms), ""
        while rows := await self._database.fetch_all(
            "SELECT id, order_id, kind, status, transaction_id, amount, currency, created_at"
            " FROM payments FORCE INDEX (payments_made)"  # while there are few, MySQL would read them all
            " WHERE provider = %s AND created_at BETWEEN %s AND %s AND (created_at > %s OR id > %s)"
            " ORDER BY created_at, id LIMIT %s",
            (provider, at, to_datetime(until_ms), at, last, PAGE),
        ):
            at, last = rows[-1]["created_at"], rows[-1]["id"]
            done = [row for row in rows if (row["kind"], row["status"]) in DONE]
            async with self._database.connection() as connection:
                await keep_findings(
                    connection,
                    [_not_there(provider, row) for row in done if row["transaction_id"] not in listed],
                )

    async def _look_again_at_open_ones(self) -> None:
        """Closes what agrees by now."""
        for row in await self._database.fetch_all(
            "SELECT * FROM findings WHERE mended_at IS NULL ORDER BY id LIMIT %s", (PAGE,)
        ):
            if await self._is_mended(_finding(row)):
                await self._database.execute(
                    "UPDATE findings SET mended_at = %s WHERE id = %s", (to_datetime(now_ms()), row["id"])
                )

    async def _is_mended(self, finding: Finding) -> bool:
        if finding.notice:
            async with self._database.connection() as connection:
                booked = await _booked(connection, finding.provider, [finding.reference])
            again = of_charge(finding.notice, booked.get(finding.reference))
            return again is None or again.kind != finding.kind
        if finding.action == PEOPLE and finding.reference:
            return False  # people say so: `ticketcraze mend --done ID`
        return finding.id not in {one.id for one in await self._judge([finding.order_id])}

    async def _compared_until(self, name: str) -> int:
        row = await self._database.fetch_one("SELECT until FROM compared WHERE name = %s", (name,))
        return to_ms(row["until"]) if row else now_ms() - FIRST_LOOK_BACK_MS

    async def _note_until(self, name: str, until_ms: int) -> None:
        await self._database.execute(
            "INSERT INTO compared (name, until) VALUES (%s, %s) ON DUPLICATE KEY UPDATE until = VALUES(until)",
            (name, to_datetime(until_ms)),
        )


async def _touched(database: Database, since_ms: int, until_ms: int) -> AsyncIterator[list[str]]:
    """The ids of orders that the ledger wrote in this time, page by page, in the order of writing."""
    at, last = to_datetime(max(since_ms, 0)), ""
    while rows := await database.fetch_all(
        "SELECT id, updated_at FROM orders FORCE INDEX (orders_updated)"
        " WHERE updated_at BETWEEN %s AND %s AND (updated_at > %s OR id > %s)"
        " ORDER BY updated_at, id LIMIT %s",
        (at, to_datetime(until_ms), at, last, PAGE),
    ):
        at, last = rows[-1]["updated_at"], rows[-1]["id"]
        yield [row["id"] for row in rows]


async def _purged(connection: Connection, event_ids: set[int]) -> set[int]:
    if not event_ids:
        return set()
    rows = await connection.fetch_all(
        f"SELECT id FROM events WHERE purged_at IS NOT NULL AND id IN {in_list(event_ids)}",  # noqa: S608
        list(event_ids),
    )
    return {row["id"] for row in rows}


async def _fees(connection: Connection, provider: str, transaction_ids: Sequence[str]) -> dict[str, int]:
    rows = await connection.fetch_all(
        "SELECT transaction_id, fee FROM provider_fees"  # noqa: S608
        f" WHERE provider = %s AND transaction_id IN {in_list(transaction_ids)}",
        [provider, *transaction_ids],
    )
    return {row["transaction_id"]: to_minor(row["fee"]) for row in rows}


async def _orders_of(connection: Connection, provider: str, transaction_ids: Sequence[str]) -> dict[str, str]:
    """The order of each charge."""
    rows = await connection.fetch_all(
        "SELECT transaction_id, order_id FROM payments"  # noqa: S608
        f" WHERE kind = 'CHARGE' AND provider = %s AND transaction_id IN {in_list(transaction_ids)}",
        [provider, *transaction_ids],
    )
    return {row["transaction_id"]: row["order_id"] for row in rows}


async def _refunds_under_way(connection: Connection, order_ids: Sequence[str]) -> set[str]:
    """Those of the orders that wait for a refund: what the provider lists may be this one."""
    if not order_ids:
        return set()
    rows = await connection.fetch_all(
        f"SELECT order_id FROM payments WHERE order_id IN {in_list(order_ids)}"  # noqa: S608
        " AND status = 'REFUND_PENDING'",
        list(order_ids),
    )
    return {row["order_id"] for row in rows}


async def _booked(
    connection: Connection, provider: str, transaction_ids: Sequence[str], kind: str = "CHARGE"
) -> dict[str, Booked]:
    rows = await connection.fetch_all(
        "SELECT transaction_id, amount, currency, status FROM payments"  # noqa: S608
        f" WHERE kind = %s AND provider = %s AND transaction_id IN {in_list(transaction_ids)}",
        [kind, provider, *transaction_ids],
    )
    return {row["transaction_id"]: Booked(to_minor(row["amount"]), row["currency"], row["status"]) for row in rows}


def _not_there(provider: str, row: Row) -> Finding:
    amount = money_text(to_minor(row["amount"]), row["currency"])
    return Finding(
        "missing_there" if row["kind"] == "CHARGE" else "refund_missing_there",
        PEOPLE,
        row["order_id"],
        f"the books have {amount}, {provider} does not list it",
        provider,
        row["transaction_id"],
    )


async def keep_findings(connection: Connection, found: Iterable[Finding]) -> None:
    """Notes what was found; what was mended and is found again is open again."""
    now = to_datetime(now_ms())
    await connection.insert_many(
        "INSERT INTO findings (id, kind, action, event_id, order_id, provider, reference, detail, notice,"
        " found_at, seen_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON DUPLICATE KEY UPDATE detail = VALUES(detail), seen_at = VALUES(seen_at), mended_at = NULL",
        [
            (
                finding.id,
                finding.kind,
                finding.action,
                event_of(finding.order_id),
                finding.order_id,
                finding.provider,
                finding.reference,
                finding.detail[:300],
                msgspec.json.encode(finding.notice) if finding.notice else None,
                now,
                now,
            )
            for finding in found
        ],
    )


def _finding(row: Row) -> Finding:
    return Finding(
        kind=row["kind"],
        action=row["action"],
        order_id=row["order_id"],
        detail=row["detail"],
        provider=row["provider"],
        reference=row["reference"],
        notice=msgspec.json.decode(row["notice"], type=PaymentNotice) if row["notice"] else None,
        found_at_ms=to_ms(row["found_at"]),
        mended_at_ms=optional_ms(row["mended_at"]),
    )


async def open_findings(
    database: Database, event_id: int | None = None, after: str = "", most: int = MOST_SHOWN
) -> list[Finding]:
    """What does not agree now, of an event or of all, by id, those after `after`."""
    rows = await database.fetch_all(
        "SELECT * FROM findings WHERE mended_at IS NULL AND (%s IS NULL OR event_id = %s) AND id > %s"
        " ORDER BY id LIMIT %s",
        (event_id, event_id, after, most),
    )
    return [_finding(row) for row in rows]


async def mended_findings(database: Database, event_id: int, most: int) -> list[Finding]:
    """What did not agree in an event and does now, newest first."""
    rows = await database.fetch_all(
        "SELECT * FROM findings WHERE event_id = %s AND mended_at IS NOT NULL ORDER BY mended_at DESC, id DESC"
        " LIMIT %s",
        (event_id, most),
    )
    return [_finding(row) for row in rows]


async def compared_until(database: Database) -> dict[str, int]:
    """Up to when each list was compared, UTC ms: "orders", and each provider."""
    return {row["name"]: to_ms(row["until"]) for row in await database.fetch_all("SELECT * FROM compared")}


async def mend(database: Database, redis: Redis, producer: Producer, finding: Finding) -> bool:
    """Does what mends a finding; False for one that people have to see to. The next look closes it."""
    facts: list[Fact] = []
    match finding.action:
        case "tell_ledger" if finding.notice:
            facts = [fact_of(finding.notice)]
        case "retry_refund":
            async with database.connection() as connection:
                for order in await read_orders(connection, "id = %s", (finding.order_id,)):
                    refused = refused_of(order.id, order.payments)
                    facts = [one.again() for one in refused if one.refund.id == finding.reference]
        case "settle_redis":
            async with database.connection() as connection:
                orders = await read_orders(connection, "id = %s", (finding.order_id,))
            await settle(redis, event_of(finding.order_id), orders, [])
        case "rebuild_sale":
            await request_repair(redis, event_of(finding.order_id))
        case _:
            return False
    if facts:
        await producer.send(records(*facts))
    return True


async def close(database: Database, finding_id: str) -> None:
    """People saw to it."""
    await database.execute(
        "UPDATE findings SET mended_at = %s WHERE id = %s AND mended_at IS NULL",
        (to_datetime(now_ms()), finding_id),
    )
