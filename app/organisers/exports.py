"""The books as CSV, a page at a time, however long they are. No cell of it can be taken for a formula."""

import csv
import io
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from app.infra.mysql import Database, Row
from app.units import iso, to_ms

PAGE: Final = 1_000
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Export:
    """What is exported: its columns, and the statement for rows of so many orders, or for a page after an id."""

    columns: tuple[str, ...]
    statement: str
    by_order: bool = False


EXPORTS: Final = {
    "orders": Export(
        ("order_id", "code", "buyer_id", "status", "total", "currency", "tickets", "placed_at", "updated_at"),
        "SELECT o.id AS order_id, UPPER(o.code) AS code, o.buyer_id, o.status, o.total, o.currency,"
        " (SELECT SUM(i.quantity) FROM order_items i WHERE i.order_id = o.id) AS tickets, o.placed_at,"
        " o.updated_at"
        " FROM orders o WHERE o.id IN ({orders}) ORDER BY o.id",
        by_order=True,
    ),
    "payments": Export(
        (
            "payment_id", "order_id", "kind", "parent_id", "provider", "transaction_id", "amount", "currency",
            "status", "created_at", "updated_at",
        ),
        "SELECT p.id AS payment_id, p.order_id, p.kind, p.parent_id, p.provider, p.transaction_id, p.amount,"
        " p.currency, p.status, p.created_at, p.updated_at FROM payments p WHERE p.order_id IN ({orders})"
        " ORDER BY p.order_id, p.created_at, p.id",
        by_order=True,
    ),
    "refunds": Export(
        (
            "refund_id", "order_id", "charge_id", "request_id", "provider", "transaction_id", "amount", "currency",
            "status", "reason", "decided_by", "created_at", "updated_at",
        ),
        "SELECT p.id AS refund_id, p.order_id, p.parent_id AS charge_id, p.request_id, p.provider,"
        " p.transaction_id, p.amount, p.currency, p.status, r.reason, r.decided_by, p.created_at, p.updated_at"
        " FROM payments p LEFT JOIN refund_requests r ON r.id = p.request_id"
        " WHERE p.kind = 'REFUND' AND p.order_id IN ({orders}) ORDER BY p.order_id, p.created_at, p.id",
        by_order=True,
    ),
    "fees": Export(
        ("payment_id", "order_id", "provider", "transaction_id", "amount", "fee", "currency"),
        "SELECT p.id AS payment_id, p.order_id, p.provider, p.transaction_id, p.amount, f.fee, p.currency"
        " FROM payments p LEFT JOIN provider_fees f"
        " ON f.provider = p.provider AND f.transaction_id = p.transaction_id"
        " WHERE p.kind = 'CHARGE' AND p.status = 'COMPLETED' AND p.order_id IN ({orders})"
        " ORDER BY p.order_id, p.created_at, p.id",
        by_order=True,
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
        " WHERE o.status IN ('CONFIRMED', 'PARTIALLY_REFUNDED', 'REFUNDED') AND o.id IN ({orders})) t"
        " ORDER BY t.order_id, t.sku_id",
        by_order=True,
    ),
    "receipts": Export(
        ("receipt", "order_id", "total", "currency", "issued_at"),
        "SELECT r.number AS receipt, o.id AS order_id, COALESCE(o.accepted, o.total) AS total,"
        " COALESCE(o.accepted_currency, o.currency) AS currency, r.issued_at"
        " FROM orders o JOIN receipts r ON r.order_id = o.id WHERE o.id IN ({orders}) ORDER BY o.id",
        by_order=True,
    ),
    "findings": Export(
        (
            "finding_id", "kind", "action", "order_id", "provider", "reference", "detail", "found_at", "mended_at",
        ),
        "SELECT f.id AS finding_id, f.kind, f.action, f.order_id, f.provider, f.reference, f.detail, f.found_at,"
        " f.mended_at FROM findings f WHERE f.order_id IN ({orders}) ORDER BY f.order_id, f.id",
        by_order=True,
    ),
    "tickets": Export(
        ("ticket_id", "order_id", "sku_id", "sku", "number", "issue", "status", "issued_at", "ended_at", "gate"),
        "SELECT t.id AS ticket_id, t.order_id, t.sku_id, s.name AS sku, t.number, t.issue, t.status, t.issued_at,"
        " t.ended_at, t.gate FROM tickets t JOIN skus s ON s.id = t.sku_id WHERE t.order_id IN ({orders})"
        " ORDER BY t.order_id, t.sku_id, t.number, t.issue",
        by_order=True,
    ),
    "audit": Export(
        ("id", "sku_id", "sku", "change_qty", "reason", "ref_id", "created_at"),
        "SELECT a.id, a.sku_id, s.name AS sku, a.change_qty, a.reason, a.ref_id, a.created_at"
        " FROM skus s JOIN inventory_audit a ON a.sku_id = s.id"
        " WHERE s.id = %s AND a.id > %s ORDER BY a.id LIMIT %s",
    ),
}  # fmt: skip


async def export_csv(database: Database, event_id: int, what: str) -> AsyncIterator[bytes]:
    """The lines of EXPORTS[what] as CSV (RFC 4180, UTF-8), page by page. Raises DatabaseUnavailable."""
    export = EXPORTS[what]
    yield _lines([export.columns])
    pages = _by_order if export.by_order else _by_sku
    async for rows in pages(database, event_id, export.statement):
        yield _lines([_cells(export, row) for row in rows])


async def _by_order(database: Database, event_id: int, statement: str) -> AsyncIterator[list[Row]]:
    after = ""
    while orders := await database.fetch_all(
        "SELECT id FROM orders WHERE event_id = %s AND id > %s ORDER BY id LIMIT %s", (event_id, after, PAGE)
    ):
        ids = [row["id"] for row in orders]
        yield await database.fetch_all(statement.format(orders=", ".join(["%s"] * len(ids))), ids)
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
