"""Texts that are compared in the books are compared byte by byte.

MySQL and MariaDB ignore blanks at the end when they compare CHAR and VARCHAR, in their binary collations too, and
case and accents in all others. So what others choose lies in binary columns; a text in any other column that is
part of a key has a form that no blank and no other case can be in, and what looks it up asks only for that form.
"""

import asyncio
import re
from contextlib import suppress

import pytest

from app.ids import ID, ORDER_ID, SHORT_ID
from app.infra.migrations import migrate
from app.infra.mysql import open_database
from app.organisers.accounts import canonical_name
from app.sale.catalog import PROVIDER_NAMES, SLUG
from app.sale.events import UnknownEvent, find_event
from app.settings import Settings
from tests.world.apart import scratch
from tests.world.buyers import make_event

BINARY = ("varbinary", "binary")
HEX_64 = re.compile(r"[0-9a-f]{64}")  # a digest or a secret of ours
BUYER = re.compile(r"[0-9a-f]{32}")  # app.tokens makes them, and signs what carries them
WORD = re.compile(r"[A-Z_]+")  # a word of our own code, that nobody outside may choose
FIGURE = re.compile(r"[a-z_]+(:([A-Z_]+|[0-9]+))?")  # app.orders.figures makes them
TOLD = re.compile(
    r"[a-z0-9._:-]+( [a-z0-9._:-]+)*"
)  # app.organisers.feed makes them, of its own words and names of processes
CODE = re.compile(r"[0-9a-f]{4}-[0-9a-f]{4}")  # of an order's id
PROVIDER = re.compile("|".join(PROVIDER_NAMES))

# Column -> the form of all that is in it or is compared with it, and a text of that form.
FORMS = {
    "events.slug": (SLUG, "night-of-lights"),
    "orders.id": (ORDER_ID, "01941200-0000-7000-8000-000000000001"),
    "orders.code": (CODE, "00ff-0ab1"),
    "order_notes.id": (ID, "0d6f2f0e-6a55-4c6f-9f6b-2f4a5d6c7e8f"),
    "order_notes.order_id": (ORDER_ID, "01941200-0000-7000-8000-000000000001"),
    "orders.buyer_id": (BUYER, "0a" * 16),
    "orders.status": (WORD, "PENDING"),
    "order_items.order_id": (ORDER_ID, "01941200-0000-7000-8000-000000000001"),
    "tickets.id": (BUYER, "0a" * 16),  # app.tickets.issuing makes them
    "tickets.order_id": (ORDER_ID, "01941200-0000-7000-8000-000000000001"),
    "tickets.status": (WORD, "VALID"),
    "contacts.order_id": (ORDER_ID, "01941200-0000-7000-8000-000000000001"),
    "messages.id": (ID, "0d6f2f0e-6a55-4c6f-9f6b-2f4a5d6c7e8f"),
    "messages.order_id": (ORDER_ID, "01941200-0000-7000-8000-000000000001"),
    "messages.status": (WORD, "DUE"),
    "messages.claim": (ID, "0d6f2f0e-6a55-4c6f-9f6b-2f4a5d6c7e8f"),
    "message_attempts.message_id": (ID, "0d6f2f0e-6a55-4c6f-9f6b-2f4a5d6c7e8f"),
    "order_links.order_id": (ORDER_ID, "01941200-0000-7000-8000-000000000001"),
    "payments.id": (ID, "0d6f2f0e-6a55-4c6f-9f6b-2f4a5d6c7e8f"),
    "payments.order_id": (ORDER_ID, "01941200-0000-7000-8000-000000000001"),
    "payments.provider": (PROVIDER, "sandbox"),
    "payments.status": (WORD, "COMPLETED"),
    "late_charges.payment_id": (ID, "0d6f2f0e-6a55-4c6f-9f6b-2f4a5d6c7e8f"),
    "reconciliations.provider": (PROVIDER, "sandbox"),
    "refund_requests.id": (ID, "0d6f2f0e-6a55-4c6f-9f6b-2f4a5d6c7e8f"),
    "refund_requests.order_id": (ORDER_ID, "01941200-0000-7000-8000-000000000001"),
    "refund_requests.status": (WORD, "DECIDED"),
    "checkouts.payment_id": (ID, "0d6f2f0e-6a55-4c6f-9f6b-2f4a5d6c7e8f"),
    "inventory_audit.ref_id": (ID, "0d6f2f0e-6a55-4c6f-9f6b-2f4a5d6c7e8f"),
    "inventory_audit.reason": (WORD, "PLACED"),
    "admin_sessions.secret_hash": (HEX_64, "0a" * 32),
    "admin_recovery_codes.code_hash": (HEX_64, "0a" * 32),
    "pictures.hash": (HEX_64, "0a" * 32),
    "access_codes.code_hash": (HEX_64, "0a" * 32),
    "api_keys.id": (SHORT_ID, "0123456789ab"),
    "api_keys.secret_hash": (HEX_64, "0a" * 32),
    "invitations.id": (SHORT_ID, "0123456789ab"),
    "invitations.secret_hash": (HEX_64, "0a" * 32),
    "asked_rehearsals.id": (SHORT_ID, "0123456789ab"),
    "asked_rehearsals.state": (WORD, "WAITING"),
    "activity.once": (TOLD, "half sold"),
    "figures.name": (FIGURE, "orders:PENDING"),
    "receipts.order_id": (ORDER_ID, "01941200-0000-7000-8000-000000000001"),
    "findings.id": (ID, "0d6f2f0e-6a55-4c6f-9f6b-2f4a5d6c7e8f"),
    "compared.name": (re.compile("orders|" + PROVIDER.pattern), "orders"),
    "provider_fees.provider": (PROVIDER, "sandbox"),
    "admin_log.id": (ID, "0d6f2f0e-6a55-4c6f-9f6b-2f4a5d6c7e8f"),
}
# Columns that are compared otherwise, and why.
OTHERWISE = {
    # Two names that people cannot tell apart are one: the second is refused as such (InvalidEvent).
    "skus.name": "utf8mb4_general_ci",
    # People look for an address in any case; nothing is decided by it.
    "contacts.email": "utf8mb4_general_ci",
    # Names have one canonical form, which has no blank at its end; tried below.
    "admins.name": "utf8mb4_bin",
    "admin_sessions.admin": "utf8mb4_bin",
    "admin_roles.admin": "utf8mb4_bin",
    "admin_log.who": "utf8mb4_bin",
    "admin_factors.admin": "utf8mb4_bin",
    "admin_recovery_codes.admin": "utf8mb4_bin",
    "api_keys.admin": "utf8mb4_bin",
    "invitations.invited_by": "utf8mb4_bin",
}


def text_columns_of_keys(env: dict[str, str]) -> dict[str, tuple[str, str]]:
    async def read() -> dict[str, tuple[str, str]]:
        async with scratch(env, "text_columns") as database:
            await migrate(database)
            rows = await database.fetch_all(
                "SELECT DISTINCT c.table_name AS t, c.column_name AS c, c.data_type AS d, c.collation_name AS o"
                " FROM information_schema.columns c JOIN information_schema.statistics s"
                " USING (table_schema, table_name, column_name)"
                " WHERE c.table_schema = DATABASE() AND c.table_name NOT LIKE 'schema_migration%'"
                " AND (c.collation_name IS NOT NULL OR c.data_type IN ('varbinary', 'binary'))"
            )
            return {f"{row['t']}.{row['c']}": (row["d"], row["o"] or "") for row in rows}

    return asyncio.run(read())


def test_every_text_of_a_key_is_compared_byte_by_byte(env: dict[str, str]) -> None:
    found = text_columns_of_keys(env)
    assert {"orders.idempotency_key", "payments.transaction_id"} <= found.keys()
    loose = {name: kind for name, kind in found.items() if kind[0] not in BINARY}
    assert loose.keys() == FORMS.keys() | OTHERWISE.keys(), "each has a form, or a reason"
    for name, (_, collation) in loose.items():
        assert collation == ("ascii_bin" if name in FORMS else OTHERWISE[name]), name


@pytest.mark.parametrize("name", FORMS)
def test_no_blank_and_no_other_case_is_of_the_form(name: str) -> None:
    form, example = FORMS[name]
    assert form.fullmatch(example)
    for other in (f"{example} ", f" {example}", f"{example}\n", f"{example}\0", example.swapcase()):
        assert other == example or not form.fullmatch(other), repr(other)


def test_a_sale_is_found_by_its_slug_and_by_nothing_that_mysql_takes_for_it(env: dict[str, str]) -> None:
    async def look(slug: str) -> list[str]:
        async with open_database(Settings.from_environment(env)) as database:
            rows = await database.fetch_all("SELECT slug FROM events WHERE slug = %s", (f"{slug} ",))
            assert [row["slug"] for row in rows] == [slug], "MySQL passes over the blank; else this test is idle"
            found = []
            for asked in (slug, f"{slug} ", f"{slug}\n", slug.upper()):
                with suppress(UnknownEvent):
                    found.append((await find_event(database, asked)).slug)
            return found

    slug = make_event(env).slug
    assert asyncio.run(look(slug)) == [slug]


@pytest.mark.parametrize("written", ["boss ", " boss", "BOSS", "\uff42oss", "boss\u3000"])
def test_a_name_that_signs_in_has_one_form(written: str) -> None:
    assert canonical_name(written) == "boss"
