"""Two thousand orders, and a fifth of the payments misbehave: money in less money out is what the orders say.

A hundred with the slow proofs, two thousand with `make proof-money`: the provider's own file is read, and compared
to the cent.
"""

import csv
import functools
import io
import json
import os
import random
import re
import shutil
import sqlite3
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import segno

from app.settings import Settings
from app.tickets.codes import TicketKeys
from app.units import now_ms
from tests.stack.admin.people import browser, new_admin, sign_in, token_of
from tests.world.buyers import Sale, api, come_in, make_event, order, pay, until_status
from tests.world.commands import ticketcraze
from tests.world.machine import ROOT
from tests.world.stack import Stack
from tests.world.waiting import until

ORDERS = int(os.environ.get("PROOF_ORDERS", "100"))
AT_ONCE = 12
MISBEHAVING = ("decline", "late", "twice", "wrong_amount", "lost")
SETTLING_SECONDS = 240.0
MAILING_SECONDS = 600.0
KEEPING_SECONDS = 0.2

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sale(stack: Stack) -> Sale:
    return make_event(
        stack.env,
        f"Floor:4500:{3 * ORDERS}",
        "Balcony:2550:500",
        max_per_buyer=4,
        room=5_000,
        hold_ttl=60,
        rate=600_000,
    )


@pytest.fixture(scope="module")
def organiser(stack: Stack) -> Iterator[httpx.Client]:
    admin = new_admin(stack.env)
    with browser(stack) as client:
        client.headers["Authorization"] = f"Bearer {token_of(sign_in(client, admin.name, admin.password))}"
        yield client


def buy(stack: Stack, sale: Sale, number: int) -> str:
    """One buyer: joins, orders, pays as the dice say. What becomes of it is looked at afterwards."""
    dice = random.Random(number)  # noqa: S311  # the same each time
    outcome = dice.choice(MISBEHAVING) if dice.random() < 0.2 else "succeed"
    with api(stack) as client:
        come_in(client, sale)
        ordered = order(client, sale, dice.randint(1, 3))
        assert ordered.status_code == httpx.codes.ACCEPTED, ordered.text
        order_id = str(ordered.json()["order_id"])
        until_status(client, order_id, "PENDING")
        assert client.put(f"/orders/{order_id}/contact", json={"email": "kim@example.com"}).is_success
        pay(client, order_id, outcome)
        if outcome == "decline" and dice.random() < 0.5:
            until_status_of_payment(client, order_id, "FAILED")
            with suppress(AssertionError):  # the hold may have lapsed on a busy machine
                pay(client, order_id)
    return order_id


def until_status_of_payment(client: httpx.Client, order_id: str, status: str) -> None:
    until(lambda: status in [p["status"] for p in client.get(f"/orders/{order_id}").json()["payments"]])


def exported(organiser: httpx.Client, sale: Sale, what: str) -> list[dict[str, str]]:
    answer = organiser.get(f"/api/v1/admin/events/{sale.slug}/export/{what}.csv")
    return list(csv.DictReader(io.StringIO(answer.text)))


def minor(amount: str) -> int:
    return round(float(amount) * 100)


@pytest.fixture
def mails(stack: Stack, tmp_path: Path) -> Iterator[Path]:
    """Every mail from now on: the folder that they are written to keeps only the newest."""
    over = threading.Event()

    def keep() -> None:
        while not over.wait(KEEPING_SECONDS):
            for file in Path(stack.env["MAIL_FOLDER"]).glob("*.eml"):
                with suppress(FileExistsError, FileNotFoundError):
                    os.link(file, tmp_path / file.name)

    keeping = threading.Thread(target=keep)
    keeping.start()
    yield tmp_path
    over.set()
    keeping.join()


def test_money_in_less_money_out_is_what_the_orders_say(
    stack: Stack, sale: Sale, organiser: httpx.Client, mails: Path
) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        order_ids = list(pool.map(lambda number: buy(stack, sale, number), range(ORDERS)))
    assert len(set(order_ids)) == ORDERS

    def reviews() -> list[str]:
        return [row["order_id"] for row in exported(organiser, sale, "orders") if row["status"] == "REVIEW"]

    def nothing_waits() -> bool:
        for number, order_id in enumerate(reviews()):
            organiser.post(f"/api/v1/admin/orders/{order_id}/{'accept' if number % 2 else 'refunds'}", json={})
        return not any(row["status"] in ("PENDING", "REVIEW") for row in exported(organiser, sale, "orders"))

    until(nothing_waits, SETTLING_SECONDS, "every order ends")
    last_ms = max(charge.payment["occurred_at_ms"] for charge in at_the_provider(stack, sale))
    until(lambda: now_ms() > last_ms, SETTLING_SECONDS, "late payments, which are written down before they happen")
    bought = [row["order_id"] for row in exported(organiser, sale, "orders") if row["status"] == "CONFIRMED"]
    for order_id in bought[::20]:  # a part of one in twenty goes back
        organiser.post(f"/api/v1/admin/orders/{order_id}/refunds", json={"amount": 123})
    code, verdict = ticketcraze(stack.env, "verify", sale.slug, "--at-rest", "50")
    assert code == 0, [check for check in verdict["checks"] if not check["ok"]]

    charges = at_the_provider(stack, sale)
    taken, returned = sum(charge.taken for charge in charges), sum(charge.returned for charge in charges)
    orders = exported(organiser, sale, "orders")
    says = sum(minor(row["total"]) for row in orders if row["status"] in ("CONFIRMED", "PARTIALLY_REFUNDED"))
    says -= 123 * len(bought[::20])
    print(f"{ORDERS} orders, {Counter(row['status'] for row in orders)}: {taken} in, {returned} out, {says} kept")
    assert taken - returned == says

    tickets = Counter(row["order_id"] for row in exported(organiser, sale, "tickets") if row["status"] == "VALID")
    paid_for = {
        row["order_id"]: int(row["tickets"])
        for row in orders
        if row["status"] in ("CONFIRMED", "PARTIALLY_REFUNDED")
    }
    assert tickets == paid_for, "as many valid tickets as were paid"
    until(lambda: paid_for.keys() <= mailed(mails).keys(), MAILING_SECONDS, "a mail for each order")
    assert {order_id: mailed(mails)[order_id] for order_id in paid_for} == codes(stack, organiser, sale)


@functools.cache
def codes_in(file: Path) -> tuple[str, set[bytes]]:
    """Of a mail with tickets: its order, and the pictures of their codes; of any other mail nothing."""
    mail = message_from_bytes(file.read_bytes(), policy=default)
    pictures = [part.get_content() for part in mail.walk() if part.get_content_type() == "image/png"]
    body = mail.get_body(("plain",))
    assert body
    link = re.search(r"/orders/([0-9a-f-]{36})", body.get_content())
    assert len(set(pictures)) == len(pictures), "no ticket is there twice"
    return (link[1], set(pictures)) if link and pictures else ("", set())


def mailed(mails: Path) -> dict[str, set[bytes]]:
    """The pictures of codes that were mailed, by order."""
    return dict(codes_in(file) for file in mails.glob("*.eml"))


def codes(stack: Stack, organiser: httpx.Client, sale: Sale) -> dict[str, set[bytes]]:
    """The pictures of the codes of all good tickets, by order."""
    keys = TicketKeys(Settings.from_environment(stack.env).ticket_keys)
    pictures: dict[str, set[bytes]] = defaultdict(set)
    for row in exported(organiser, sale, "tickets"):
        if row["status"] == "VALID":
            picture = io.BytesIO()
            code = keys.code(row["ticket_id"], sale.id, int(row["sku_id"]))
            segno.make(code, error="m").save(picture, kind="png", scale=5, border=4)
            pictures[row["order_id"]].add(picture.getvalue())
    return pictures


class Charge(NamedTuple):
    """What the sandbox took, and gave back of it, in minor units."""

    taken: int
    returned: int
    payment: dict[str, Any]


def at_the_provider(stack: Stack, sale: Sale) -> list[Charge]:
    """The sandbox's charges of this sale, by a copy of its file: it shares that with nobody."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "sandbox.sqlite"
        for end in (
            "-wal",
            "",
        ):  # the log first: what is copied of the file afterwards has it, or does not need it
            with suppress(FileNotFoundError):
                shutil.copy(ROOT / (stack.env["SANDBOX_DATA"] + end), f"{copy}{end}")
        file = sqlite3.connect(copy)
        rows = file.execute("SELECT amount_minor, refunded_minor, payment FROM charges").fetchall()
        file.close()
    charges = [Charge(taken, returned, json.loads(payment)) for taken, returned, payment in rows]
    return [charge for charge in charges if charge.payment["order_id"].endswith(f"{sale.id:08x}")]
