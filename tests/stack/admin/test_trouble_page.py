"""What waits for somebody, on its page: each with what can be done about it, for whoever may."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.ids import new_id
from app.infra.mysql import open_database
from app.organisers.log import read_log
from app.outbound.contacts import set_contact
from app.outbound.outbox import Message, ended, enqueue, list_messages
from app.payments.findings import Finding, keep_findings
from app.payments.provider import PaymentNotice
from app.settings import Settings
from app.units import now_ms
from tests.stack.admin.people import browser, new_admin, sign_in, token_of
from tests.world.buyers import Buyer, OpenSale, make_event, refused, until_status
from tests.world.commands import ticketcraze
from tests.world.stack import Stack
from tests.world.waiting import until


@dataclass
class Night:
    """A sale, one of its buyers, and an organiser."""

    sale: OpenSale
    buyer: Buyer
    api: httpx.Client

    @property
    def path(self) -> str:
        return f"/api/v1/admin/events/{self.sale.sale.slug}"

    @property
    def page(self) -> str:
        answer = self.api.get(f"/admin/events/{self.sale.sale.slug}/trouble")
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.text

    def found(self, *findings: Finding) -> None:
        """The reconciliation finds these."""

        async def keep() -> None:
            async with open_database(self.settings) as database, database.connection() as connection:
                await keep_findings(connection, findings)

        asyncio.run(keep())

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(self.sale.stack.env)

    def logged(self) -> list[tuple[str, str]]:
        async def read() -> list[tuple[str, str]]:
            async with open_database(self.settings) as database:
                return [(row["action"], row["subject"]) for row in await read_log(database, self.sale.sale.id)]

        return asyncio.run(read())


@pytest.fixture(scope="module")
def night(stack: Stack) -> Iterator[Night]:
    with ExitStack() as closing:
        sale = OpenSale(stack, make_event(stack.env, "Floor:4500:20", max_per_buyer=20), closing)
        api = closing.enter_context(browser(stack))
        admin = new_admin(stack.env)
        token_of(sign_in(api, admin.name, admin.password))
        yield Night(sale, sale.buyer(), api)


def charge_of(order_id: str) -> Finding:
    """A charge whose callback was lost."""
    notice = PaymentNotice(
        notice_id="n", outcome="succeeded", provider="sandbox", order_id=order_id, payment_id=new_id(),
        transaction_id=f"tx-{new_id()}", amount_minor=4_500, currency="USD", occurred_at_ms=now_ms(),
    )  # fmt: skip
    return Finding(
        "missing_here", "tell_ledger", order_id, "sandbox took $45.00", "sandbox", notice.transaction_id, notice
    )


def test_a_finding_is_listed_mended_and_told_to_the_ledger(night: Night) -> None:
    order_id = night.buyer.order()
    lost = charge_of(order_id)
    night.found(lost)
    told = night.api.get(f"{night.path}/reconciliation")
    assert told.status_code == httpx.codes.OK, told.text
    assert (told.json()["ok"], told.json()["next"]) == (False, None)
    [one] = [one for one in told.json()["findings"] if one["id"] == lost.id]
    assert (one["kind"], one["action"], one["order_id"]) == ("missing_here", "tell_ledger", order_id)
    assert "Missing here: sandbox took $45.00" in night.page
    assert "Tell the ledger" in night.page

    mended = night.api.post(f"{night.path}/reconciliation/mend", json={"ids": [lost.id]})
    assert (mended.status_code, mended.json()) == (202, {"mended": [lost.id], "people": []})
    until_status(night.buyer.client, order_id, "CONFIRMED")
    assert ("mend", "") in night.logged()
    for ids in ([new_id()], [lost.id, "x"]):
        refused(night.api.post(f"{night.path}/reconciliation/mend", json={"ids": ids}), 422, "invalid")
    other = make_event(night.sale.stack.env)
    path = f"/api/v1/admin/events/{other.slug}/reconciliation"
    assert night.api.get(path).json()["findings"] == [], "another event's"
    refused(night.api.post(f"{path}/mend", json={"ids": [lost.id]}), 422, "invalid")


def test_what_people_have_to_see_to_is_closed_by_them_and_stays_in_the_history(night: Night) -> None:
    order_id = night.buyer.order()
    odd = Finding(
        "amount", "people", order_id, "sandbox says $1.00, the books $45.00", "sandbox", f"tx-{new_id()}"
    )
    night.found(odd)
    assert "Seen to" in night.page
    mended = night.api.post(f"{night.path}/reconciliation/mend", json={"ids": [odd.id]})
    assert mended.json() == {"mended": [], "people": [odd.id]}
    refused(night.api.post(f"{night.path}/reconciliation/close", json={"ids": []}), 422, "invalid")
    refused(night.api.post(f"{night.path}/reconciliation/close", json={"ids": [new_id()]}), 422, "invalid")
    closed = night.api.post(f"{night.path}/reconciliation/close", json={"ids": [odd.id]})
    assert (closed.status_code, closed.json()) == (200, {"closed": [odd.id]})
    assert odd.id not in night.api.get(f"{night.path}/reconciliation").text
    _, history = night.page.split("What was mended")
    assert odd.detail in history
    assert odd.detail in night.api.get(f"{night.path}/export/findings.csv").text
    assert f"{night.path}/export/findings.csv" in night.page
    night.found(odd)
    assert odd.id in night.api.get(f"{night.path}/reconciliation").text, "it opens again if it is found again"
    night.api.post(f"{night.path}/reconciliation/close", json={"ids": [odd.id]})


def test_the_page_says_when_everything_was_checked_last(night: Night) -> None:
    def checked() -> bool:
        snapshot: Any = night.api.get(night.path).json()
        return snapshot["trust"]["verdict"] is not None

    until(checked, 40, "the first verdict")
    assert "as of <time" in night.page
    assert "Orders: compared up to <time" in night.page


def given_up(night: Night, order_id: str) -> Message:
    """A mail that the mail server refused."""
    mail = Message(new_id(), "payment.late", night.sale.sale.id, order_id)

    async def give_up() -> None:
        async with open_database(night.settings) as database, database.connection() as connection:
            await set_contact(database, order_id, night.sale.sale.id, "kim@example.com", "link")
            await enqueue(connection, [mail], now_ms() + 3_600_000)  # the stack's own sender leaves it alone
            await ended(connection, mail, "FAILED", "550 no such mailbox", now_ms(), now_ms())

    asyncio.run(give_up())
    return mail


def status_of(night: Night, mail: Message) -> str:
    async def read() -> str:
        async with open_database(night.settings) as database:
            [found] = [m for m in await list_messages(database, order_id=mail.order_id) if m.id == mail.id]
            return found.status

    return asyncio.run(read())


def test_a_mail_that_was_given_up_is_sent_again(night: Night) -> None:
    mail = given_up(night, night.buyer.order())
    assert "Mail payment.late is given up: 550 no such mailbox" in night.page
    again = f"{night.path}/messages/{mail.id}/resend"
    assert again in night.page
    assert night.api.post(again).status_code == httpx.codes.ACCEPTED
    assert ("mailed again", mail.id) in night.logged()
    until(lambda: status_of(night, mail) != "FAILED", what="another attempt")
    other = make_event(night.sale.stack.env)
    refused(night.api.post(f"/api/v1/admin/events/{other.slug}/messages/{mail.id}/resend"), 404, "not_found")
    for id_ in (new_id(), "x"):
        refused(night.api.post(f"{night.path}/messages/{id_}/resend"), 404, "not_found")


@pytest.mark.parametrize(
    ("role", "sees", "mends", "sends"),
    [("viewer", False, False, False), ("box_office", True, False, True), ("organiser", True, True, True)],
)
def test_whoever_may_not_act_has_no_button_for_it(
    night: Night, role: str, sees: bool, mends: bool, sends: bool
) -> None:
    odd = Finding("amount", "people", night.buyer.order(), "odd", "sandbox", f"tx-{new_id()}")
    night.found(odd)
    mail = given_up(night, odd.order_id)
    somebody = new_admin(night.sale.stack.env)
    ticketcraze(night.sale.stack.env, "admin", "role", somebody.name, "none")
    ticketcraze(night.sale.stack.env, "admin", "role", somebody.name, role, "--event", night.sale.sale.slug)
    with browser(night.sale.stack) as client:
        token_of(sign_in(client, somebody.name, somebody.password))
        html = client.get(f"/admin/events/{night.sale.sale.slug}/trouble").text
        close = client.post(f"{night.path}/reconciliation/close", json={"ids": [odd.id]})
        again = client.post(f"{night.path}/messages/{mail.id}/resend")
        allowed = {path: client.get(f"{night.path}/{path}").status_code == 200 for path in ("reconciliation",)}
    assert "Amount: odd" in html, "everybody sees what waits"
    assert ("/reconciliation/close" in html, close.status_code == httpx.codes.OK) == (mends, mends)
    assert (f"/messages/{mail.id}/resend" in html, again.status_code == httpx.codes.ACCEPTED) == (sends, sends)
    assert ('data-testid="reconciliation"' in html, allowed["reconciliation"]) == (sees, sees)
    assert "/dlq/replay" not in html
    night.api.post(f"{night.path}/reconciliation/close", json={"ids": [odd.id]})
