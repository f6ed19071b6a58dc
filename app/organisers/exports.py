"""The books as CSV or JSON lines, a page at a time, however long they are.

No cell of a CSV can be taken for a formula; JSON lines say each text as it is.
"""

import csv
import io
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from app.infra.mysql import Database, Row
from app.orders.lifecycle import BOUGHT
from app.units import iso, to_ms

PAGE: Final = 1_000
FORMS: Final = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}  # and their media types
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_BOUGHT: Final = ", ".join(f"'{status}'" for status in BOUGHT)
_OF_SKUS: Final = (
    "SELECT COUNT(*) AS n FROM skus s JOIN inventory_audit a ON a.sku_id = s.id WHERE s.event_id = %s"
)


@dataclass(frozen=True)
class Export:
    """What is exported: its columns, and the statement for so many orders or buyers, or for a page of a sku.

    `count` says how many rows there will be, where that costs little.
    """

    columns: tuple[str, ...]
    statement: str
    by: Literal["orders", "buyers", "sku"] = "orders"
    count: str = ""


EXPORTS: Final = {
    "orders": Export(
        ("order_id", "code", "buyer_id", "status", "total", "currency", "tickets", "placed_at", "updated_at"),
        "SELECT o.id AS order_id, UPPER(o.code) AS code, o.buyer_id, o.status, o.total, o.currency,"
        " (SELECT SUM(i.quantity) FROM order_items i WHERE i.order_id = o.id) AS tickets, o.placed_at,"
        " o.updated_at"
        " FROM orders o WHERE o.id IN ({ids}) ORDER BY o.id",
        count="SELECT COUNT(*) AS n FROM orders WHERE event_id = %s",
    ),
    "buyers": Export(
        ("buyer_id", "email", "orders", "bought", "tickets", "spent", "currency", "first_at", "last_at"),
        "SELECT o.buyer_id, MAX(c.email) AS email, COUNT(*) AS orders,"  # noqa: S608  # no input in it
        f" SUM(o.status IN ({_BOUGHT})) AS bought,"
        f" SUM(CASE WHEN o.status IN ({_BOUGHT}) THEN (SELECT SUM(i.quantity - i.void) FROM order_items i"
        "  WHERE i.order_id = o.id) ELSE 0 END) AS tickets,"
        " SUM((SELECT COALESCE(SUM(IF(p.kind = 'CHARGE', p.amount, -p.amount)), 0) FROM payments p"
        "  WHERE p.order_id = o.id AND p.status IN ('COMPLETED', 'REFUNDED'))) AS spent,"
        " MAX(o.currency) AS currency, MIN(o.placed_at) AS first_at, MAX(o.placed_at) AS last_at"
        " FROM orders o LEFT JOIN contacts c ON c.order_id = o.id"
        " WHERE o.event_id = %s AND o.buyer_id IN ({ids}) GROUP BY o.buyer_id ORDER BY o.buyer_id",
        by="buyers",
        count="SELECT COUNT(DISTINCT buyer_id) AS n FROM orders WHERE event_id = %s",
    ),
    "payments": Export(
        (
            "payment_id", "order_id", "kind", "parent_id", "provider", "transaction_id", "amount", "currency",
            "status", "created_at", "updated_at",
        ),
        "SELECT p.id AS payment_id, p.order_id, p.kind, p.parent_id, p.provider, p.transaction_id, p.amount,"
        " p.currency, p.status, p.created_at, p.updated_at FROM payments p WHERE p.order_id IN ({ids})"
        " ORDER BY p.order_id, p.created_at, p.id",
        count="SELECT SUM(amount) AS n FROM figures WHERE event_id = %s AND name LIKE 'payments:%%'",
    ),
    "refunds": Export(
        (
            "refund_id", "order_id", "charge_id", "request_id", "provider", "transaction_id", "amount", "currency",
            "status", "reason", "decided_by", "created_at", "updated_at",
        ),
        "SELECT p.id AS refund_id, p.order_id, p.parent_id AS charge_id, p.request_id, p.provider,"
        " p.transaction_id, p.amount, p.currency, p.status, r.reason, r.decided_by, p.created_at, p.updated_at"
        " FROM payments p LEFT JOIN refund_requests r ON r.id = p.request_id"
        " WHERE p.kind = 'REFUND' AND p.order_id IN ({ids}) ORDER BY p.order_id, p.created_at, p.id",
    ),
    "fees": Export(
        ("payment_id", "order_id", "provider", "transaction_id", "amount", "fee", "currency"),
        "SELECT p.id AS payment_id, p.order_id, p.provider, p.transaction_id, p.amount, f.fee, p.currency"
        " FROM payments p LEFT JOIN provider_fees f"
        " ON f.provider = p.provider AND f.transaction_id = p.transaction_id"
        " WHERE p.kind = 'CHARGE' AND p.status = 'COMPLETED' AND p.order_id IN ({ids})"
        " ORDER BY p.order_id, p.created_at, p.id",
    ),
    "taxes": Export(
        (
            "receipt", "order_id", "status", "sku_id", "sku", "sold", "taken_back", "price", "gross",
            "vat_percent", "vat", "net", "currency",
        ),
        "SELECT t.*, t.gross - t.vat AS net FROM (SELECT r.number AS receipt, o.id AS order_id, o.status,"
        " i.sku_id, s.name AS sku, i.quantity AS sold, i.void AS taken_back, i.price,"
        " (i.quantity - i.void) * i.price AS gross, s.vat_percent,"
        " ROUND((i.quantity - i.void) * i.price * s.vat_percent / (100 + s.vat_percent), 2) AS vat, o.currency"
        " FROM orders o JOIN order_items i ON i.order_id = o.id JOIN skus s ON s.id = i.sku_id"
        " LEFT JOIN receipts r ON r.order_id = o.id"
        " WHERE o.status IN ('CONFIRMED', 'PARTIALLY_REFUNDED', 'REFUNDED') AND o.id IN ({ids})) t"
        " ORDER BY t.order_id, t.sku_id",
    ),
    "receipts": Export(
        ("receipt", "order_id", "total", "currency", "issued_at"),
        "SELECT r.number AS receipt, o.id AS order_id, COALESCE(o.accepted, o.total) AS total,"
        " COALESCE(o.accepted_currency, o.currency) AS currency, r.issued_at"
        " FROM orders o JOIN receipts r ON r.order_id = o.id WHERE o.id IN ({ids}) ORDER BY o.id",
    ),
    "findings": Export(
        (
            "finding_id", "kind", "action", "order_id", "provider", "reference", "detail", "found_at", "mended_at",
        ),
        "SELECT f.id AS finding_id, f.kind, f.action, f.order_id, f.provider, f.reference, f.detail, f.found_at,"
        " f.mended_at FROM findings f WHERE f.order_id IN ({ids}) ORDER BY f.order_id, f.id",
    ),
    "tickets": Export(
        ("ticket_id", "order_id", "sku_id", "sku", "number", "issue", "status", "issued_at", "ended_at", "gate"),
        "SELECT t.id AS ticket_id, t.order_id, t.sku_id, s.name AS sku, t.number, t.issue, t.status, t.issued_at,"
        " t.ended_at, t.gate FROM tickets t JOIN skus s ON s.id = t.sku_id WHERE t.order_id IN ({ids})"
        " ORDER BY t.order_id, t.sku_id, t.number, t.issue",
        count="SELECT COUNT(*) AS n FROM tickets WHERE event_id = %s",
    ),
    "audit": Export(
        ("id", "sku_id", "sku", "change_qty", "reason", "ref_id", "created_at"),
        "SELECT a.id, a.sku_id, s.name AS sku, a.change_qty, a.reason, a.ref_id, a.created_at"
        " FROM skus s JOIN inventory_audit a ON a.sku_id = s.id"
        " WHERE s.id = %s AND a.id > %s ORDER BY a.id LIMIT %s",
        by="sku",
        count=_OF_SKUS,
    ),
}  # fmt: skip


async def export(database: Database, event_id: int, what: str, form: str) -> AsyncIterator[bytes]:
    """The lines of EXPORTS[what] in one of FORMS, page by page. Raises DatabaseUnavailable."""
    exported = EXPORTS[what]
    pages = {"orders": _by_order, "buyers": _by_buyer, "sku": _by_sku}[exported.by]
    if form == "csv":  # RFC 4180, UTF-8
        yield _lines([exported.columns])
    async for rows in pages(database, event_id, exported.statement):
        if form == "csv":
            yield _lines([_cells(exported, row) for row in rows])
        else:
            yield b"".join(_json(exported, row) for row in rows)


async def rows_of(database: Database, event_id: int, what: str) -> int | None:
    """How many rows EXPORTS[what] has about now; None where counting them would cost as much as exporting them."""
    if not EXPORTS[what].count:
        return None
    row = await database.fetch_one(EXPORTS[what].count, (event_id,))
    return int(row["n"] or 0) if row else 0


async def _by_order(database: Database, event_id: int, statement: str) -> AsyncIterator[list[Row]]:
    after = ""
    while orders := await database.fetch_all(
        "SELECT id FROM orders WHERE event_id = %s AND id > %s ORDER BY id LIMIT %s", (event_id, after, PAGE)
    ):
        ids = [row["id"] for row in orders]
        yield await database.fetch_all(statement.format(ids=", ".join(["%s"] * len(ids))), ids)
        after = ids[-1]


async def _by_buyer(database: Database, event_id: int, statement: str) -> AsyncIterator[list[Row]]:
    after = ""
    while buyers := await database.fetch_all(
        "SELECT DISTINCT buyer_id FROM orders WHERE event_id = %s AND buyer_id > %s ORDER BY buyer_id LIMIT %s",
        (event_id, after, PAGE),
    ):
        ids = [row["buyer_id"] for row in buyers]
        yield await database.fetch_all(statement.format(ids=", ".join(["%s"] * len(ids))), (event_id, *ids))
        after = ids[-1]


async def _by_sku(database: Database, event_id: int, statement: str) -> AsyncIterator[list[Row]]:
    """Of one sku after the other, each by an index; so it is in order within a sku."""
    for sku in await database.fetch_all("SELECT id FROM skus WHERE event_id = %s ORDER BY id", (event_id,)):
        after = 0
        while rows := await database.fetch_all(statement, (sku["id"], after, PAGE)):
            yield rows
            after = rows[-1]["id"]


def _cells(export: Export, row: Row) -> list[str]:
    return [cell(row[column]) for column in export.columns]


def _json(export: Export, row: Row) -> bytes:
    return msgspec.json.encode({column: _plain(row[column]) for column in export.columns}) + b"\n"


def _plain(value: object) -> object:
    """As JSON has it: a time in ISO 8601, money as exact text."""
    if isinstance(value, datetime):
        return iso(to_ms(value))
    return str(value) if isinstance(value, Decimal) else value


def cell(value: object) -> str:
    """A value as text; one that a spreadsheet would take for a formula begins with an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return iso(to_ms(value))
    if isinstance(value, int | Decimal):
        return str(value)
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _lines(rows: list[Any]) -> bytes:
    written = io.StringIO()
    write: Callable[[Any], Any] = csv.writer(written).writerow
    for row in rows:
        write(row)
    return written.getvalue().encode()
