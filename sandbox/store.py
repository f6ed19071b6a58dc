"""Everything the sandbox remembers, in one SQLite file: it outlives the process, killed or not.

Calls are synchronous and short (tens of microseconds), and each changes the file in one transaction.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec.structs import replace

from app.ids import new_id
from app.payments.sandbox_messages import CheckoutRequest, ListedRefund, Payment, RefundRequest
from sandbox.outcomes import Played, made_at, made_at_ms

PAGE_SIZE = 500
KEEP_TRYING_MS = 24 * 60 * 60 * 1000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS checkouts (
    id TEXT PRIMARY KEY,
    status TEXT NOT NULL,           -- open, declined, paid
    request BLOB NOT NULL           -- CheckoutRequest
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS addresses (
    payment_id TEXT PRIMARY KEY,
    checkout_id TEXT NOT NULL       -- random: whoever knows the order cannot guess where it is paid
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS charges (
    transaction_id TEXT PRIMARY KEY, -- sorts by the time of the charge
    amount_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    refunded_minor INTEGER NOT NULL DEFAULT 0 CHECK (refunded_minor <= amount_minor),
    payment BLOB NOT NULL           -- Payment
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS refunds (
    idempotency_key TEXT PRIMARY KEY,
    id TEXT NOT NULL,
    request BLOB NOT NULL           -- RefundRequest
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS refunds_made ON refunds (id); -- which sorts by the time of the refund
CREATE TABLE IF NOT EXISTS callbacks (
    id INTEGER PRIMARY KEY,
    notice_id TEXT NOT NULL,
    body TEXT NOT NULL,
    due_at_ms INTEGER NOT NULL,
    give_up_at_ms INTEGER NOT NULL,
    tries INTEGER NOT NULL
);
"""


class Refused(Exception):
    """What was asked for can never be; `code` is stable."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(slots=True)
class PendingCallback:
    """A callback the merchant has not confirmed yet."""

    id: int
    notice_id: str
    body: str
    due_at_ms: int
    give_up_at_ms: int
    tries: int = 0


class Store:
    """The sandbox's file. Only one process can have it open; it waits 5 seconds for another to end."""

    def __init__(self, path: str) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, isolation_level=None)  # transactions begin where it says so
        self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    def add_checkout(self, request: CheckoutRequest) -> str:
        """The id of the checkout: the same for the same request, which may ask for a later end.

        Raises Refused(payment_id_reused).
        """
        content = msgspec.json.encode(request)
        with self._transaction() as database:
            known = database.execute(
                "SELECT c.id, c.request FROM addresses a JOIN checkouts c ON c.id = a.checkout_id"
                " WHERE a.payment_id = ?",
                (request.payment_id,),
            ).fetchone()
            if known is None:
                known = (new_id(), content)
                database.execute("INSERT INTO addresses VALUES (?, ?)", (request.payment_id, known[0]))
                database.execute("INSERT INTO checkouts (id, status, request) VALUES (?, 'open', ?)", known)
            before = msgspec.json.decode(known[1], type=CheckoutRequest)
            if before != replace(request, expires_at_ms=before.expires_at_ms):
                raise Refused("payment_id_reused", "this payment_id was used for another request")
            if request.expires_at_ms > before.expires_at_ms:
                database.execute("UPDATE checkouts SET request = ? WHERE id = ?", (content, known[0]))
        return str(known[0])

    def checkout(self, checkout_id: str) -> tuple[CheckoutRequest, str] | None:
        """A checkout's request and status (open, declined or paid)."""
        row = self._database.execute(
            "SELECT request, status FROM checkouts WHERE id = ?", (checkout_id,)
        ).fetchone()
        return row and (msgspec.json.decode(row[0], type=CheckoutRequest), row[1])

    def play(self, checkout_id: str, played: Played) -> list[PendingCallback]:
        """Writes what became of a checkout; the callbacks to deliver now."""
        pending = []
        with self._transaction() as database:
            database.execute("UPDATE checkouts SET status = ? WHERE id = ?", (played.status, checkout_id))
            for charge in played.charges:
                database.execute(
                    "INSERT INTO charges (transaction_id, amount_minor, currency, payment) VALUES (?, ?, ?, ?)",
                    (charge.transaction_id, charge.amount_minor, charge.currency, msgspec.json.encode(charge)),
                )
            for sending in played.sendings:
                give_up_at_ms = sending.due_at_ms + KEEP_TRYING_MS
                row = (sending.notice_id, sending.body, sending.due_at_ms, give_up_at_ms)
                added = database.execute(
                    "INSERT INTO callbacks (notice_id, body, due_at_ms, give_up_at_ms, tries)"
                    " VALUES (?, ?, ?, ?, 0)",
                    row,
                )
                pending.append(PendingCallback(added.lastrowid or 0, *row))
        return pending

    def refund(self, request: RefundRequest, at_ms: int) -> str:
        """The id of a refund that is made now, unless it was made before.

        Raises Refused: key_reused, unknown_transaction, currency_differs, exceeds_charge.
        """
        content = msgspec.json.encode(request)
        with self._transaction() as database:
            known = database.execute(
                "SELECT id, request FROM refunds WHERE idempotency_key = ?", (request.idempotency_key,)
            ).fetchone()
            if known:
                if known[1] != content:
                    raise Refused("key_reused", "this idempotency_key was used for another refund")
                return str(known[0])
            charge = database.execute(
                "SELECT amount_minor - refunded_minor, currency FROM charges WHERE transaction_id = ?",
                (request.transaction_id,),
            ).fetchone()
            if charge is None:
                raise Refused("unknown_transaction", "there is no such charge")
            left_minor, currency = charge
            if currency != request.currency:
                raise Refused("currency_differs", f"the charge was in {currency}")
            if request.amount_minor > left_minor:
                raise Refused("exceeds_charge", f"only {left_minor} of the charge is left")
            refund_id = made_at(at_ms, "re", new_id())
            database.execute(
                "UPDATE charges SET refunded_minor = refunded_minor + ? WHERE transaction_id = ?",
                (request.amount_minor, request.transaction_id),
            )
            database.execute(
                "INSERT INTO refunds (idempotency_key, id, request) VALUES (?, ?, ?)",
                (request.idempotency_key, refund_id, content),
            )
            return refund_id

    def transactions(self, since_ms: int, after: str, until_ms: int) -> tuple[list[Payment], str | None]:
        """A page of the charges from `since_ms` to `until_ms`, both included; what to ask the next one after."""
        rows = self._database.execute(
            "SELECT payment FROM charges WHERE transaction_id > ? AND transaction_id < ?"
            " ORDER BY transaction_id LIMIT ?",
            (max(after, made_at(since_ms)), made_at(until_ms + 1), PAGE_SIZE),
        ).fetchall()
        page = [msgspec.json.decode(payment, type=Payment) for (payment,) in rows]
        return page, page[-1].transaction_id if len(page) == PAGE_SIZE else None

    def refunds(self, since_ms: int, after: str, until_ms: int) -> tuple[list[ListedRefund], str | None]:
        """A page of the refunds from `since_ms` to `until_ms`, both included; what to ask the next one after."""
        rows = self._database.execute(
            "SELECT id, request FROM refunds WHERE id > ? AND id < ?"
            " AND id GLOB 're_????????????_*' ORDER BY id LIMIT ?",  # once they were made without the time
            (max(after, made_at(since_ms, "re")), made_at(until_ms + 1, "re"), PAGE_SIZE),
        ).fetchall()
        page = [_listed(refund_id, msgspec.json.decode(asked, type=RefundRequest)) for refund_id, asked in rows]
        return page, page[-1].id if len(page) == PAGE_SIZE else None

    def pending_callbacks(self) -> list[PendingCallback]:
        """All callbacks not confirmed yet."""
        rows = self._database.execute("SELECT id, notice_id, body, due_at_ms, give_up_at_ms, tries FROM callbacks")
        return [PendingCallback(*row) for row in rows]

    def postpone(self, callback: PendingCallback) -> None:
        """Writes when the callback is due again."""
        self._database.execute(
            "UPDATE callbacks SET due_at_ms = ?, tries = ? WHERE id = ?",
            (callback.due_at_ms, callback.tries, callback.id),
        )

    def forget(self, callback: PendingCallback) -> None:
        """The callback is confirmed, or given up."""
        self._database.execute("DELETE FROM callbacks WHERE id = ?", (callback.id,))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._database.execute("BEGIN")
        try:
            yield self._database
            self._database.execute("COMMIT")
        finally:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")


def _listed(refund_id: str, asked: RefundRequest) -> ListedRefund:
    at_ms = made_at_ms(refund_id)
    return ListedRefund(refund_id, asked.transaction_id, asked.amount_minor, asked.currency, at_ms)
