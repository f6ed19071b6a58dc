"""Orders as organisers find and see them, what waits for somebody, and exports."""

import asyncio
import csv
import io
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.ids import short_code
from app.infra.mysql import open_database
from app.organisers.exports import cell
from app.organisers.privacy import forget_people
from app.outbound.contacts import set_contact
from app.settings import Settings
from app.units import iso, now_ms
from tests.stack.admin.people import browser, new_admin, sign_in, token_of
from tests.world.buyers import OpenSale, assert_sound, make_event, pay, refused, until_status
from tests.world.commands import ticketcraze
from tests.world.stack import Stack
from tests.world.waiting import until


@dataclass
class Night:
    """A sale with some orders of one buyer, and the admin API."""

    sale: OpenSale
    api: httpx.Client
    paid: str
    held: list[str]
    reviewed: str

    @property
    def path(self) -> str:
        return f"/api/v1/admin/events/{self.sale.sale.slug}"

    def found(self, **query: Any) -> list[str]:
        answer = self.api.get(f"{self.path}/orders", params=query)
        assert answer.status_code == httpx.codes.OK, answer.text
        return [order["order_id"] for order in answer.json()["orders"]]


@pytest.fixture(scope="module")
def night(stack: Stack) -> Iterator[Night]:
    with ExitStack() as closing:
        sale = OpenSale(stack, make_event(stack.env, "=Floor:4500:20", max_per_buyer=20), closing)
        buyer = sale.buyer()
        paid, reviewed, *held = [buyer.order() for _ in range(4)]
        pay(buyer.client, paid)
        pay(buyer.client, reviewed, "wrong_amount")
        until_status(buyer.client, paid, "CONFIRMED")
        until_status(buyer.client, reviewed, "REVIEW")
        api = closing.enter_context(browser(stack))
        admin = new_admin(stack.env)
        token_of(sign_in(api, admin.name, admin.password))
        yield Night(sale, api, paid, held, reviewed)
        for order_id in held:
            buyer.client.delete(f"/orders/{order_id}")
        assert_sound(stack.env, sale.sale)


def test_an_order_is_found_by_whatever_it_is_called(night: Night) -> None:
    everything = [*reversed(night.held), night.reviewed, night.paid]
    assert night.found() == everything
    row = night.api.get(f"{night.path}/orders", params={"q": night.paid}).json()["orders"][0]
    assert (row["status"], row["total"], row["tickets"]) == ("CONFIRMED", 4_500, 1)
    code = short_code(night.paid)
    for q in (night.paid, night.paid.upper(), code, code.lower(), code.replace("-", ""), f" {night.paid[:23]} "):
        assert night.found(q=q) == [night.paid], q
    assert night.found(q=row["buyer_id"]) == everything
    assert night.found(status="REVIEW") == [night.reviewed]
    assert night.found(**{"from": row["placed_at"], "until": row["placed_at"]}) == []
    assert night.paid in night.found(**{"from": row["placed_at"]})
    for q in ("%", "_", "' OR 1=1 --", "0" * 32, "ffffffff", "\u202e"):
        assert night.found(q=q) == []


def test_a_long_list_comes_page_by_page(night: Night) -> None:
    pages, cursor = [], ""
    while True:
        query: dict[str, str | int] = {"limit": 3, **({"cursor": cursor} if cursor else {})}
        page = night.api.get(f"{night.path}/orders", params=query).json()
        pages.append([order["order_id"] for order in page["orders"]])
        cursor = page["next"]
        if cursor is None:
            break
    assert [len(page) for page in pages] == [3, 1]
    assert [order for page in pages for order in page] == night.found()
    first = night.api.get(f"{night.path}/orders", params={"limit": 3, "from": "2020-01-01T00:00:00Z"}).json()
    rest = night.found(**{"from": "2020-01-01T00:00:00Z"}, cursor=first["next"])
    assert [order["order_id"] for order in first["orders"]] + rest == night.found(), "by time too"
    for name, value in (("cursor", "x"), ("limit", "0"), ("status", "SOLD"), ("q", "x" * 101), ("from", "now")):
        refused(night.api.get(f"{night.path}/orders", params={name: value}), 422, "invalid")
    for others in ("refund-requests", "reconciliation"):
        refused(night.api.get(f"{night.path}/{others}", params={"cursor": "\u00dd"}), 422, "invalid")


def test_an_orders_whole_life_is_one_timeline(night: Night) -> None:
    path = f"/api/v1/admin/orders/{night.paid}"
    noted = night.api.post(f"{path}/notes", json={"text": "=HYPERLINK(\u202e) <script>"})
    assert noted.status_code == httpx.codes.OK, noted.text
    page = night.api.get(f"/admin/orders/{night.paid}").text
    assert re.search("<bdi>[^<]*=HYPERLINK\\(\u202e\\) &lt;script&gt;</bdi>", page), (
        "what is noted turns nothing else around"
    )
    life = night.api.get(path).json()
    assert (life["event"], life["status"]) == (night.sale.sale.slug, "CONFIRMED")
    assert life["code"] == short_code(night.paid)
    assert [item["price"] for item in life["items"]] == [4_500]
    assert life["payments"][0]["status"] == "COMPLETED"
    times = [step["at"] for step in life["timeline"]]
    assert times == sorted(times, reverse=True)
    told = " | ".join(step["text"] for step in reversed(life["timeline"]))
    for text in ("Placed", "taken out of sale: PLACED", "begun", "COMPLETED", "<script>"):
        assert text in told, told
    refused(night.api.post(f"{path}/notes", json={"text": " "}), 422, "invalid")
    refused(night.api.get(path[:-1] + ("1" if path.endswith("0") else "0")), 404, "not_found")
    refused(night.api.get("/api/v1/admin/orders/nothing"), 404, "not_found")


def test_the_timeline_has_the_facts_the_tickets_the_messages_and_what_organisers_did(
    stack: Stack, night: Night
) -> None:
    with ExitStack() as closing:
        sale = OpenSale(stack, make_event(stack.env, "Floor:4500:20"), closing)
        hook = ("webhook", "add", "http://127.0.0.1:9/", "--event", sale.sale.slug, "--kind", "order.confirmed")
        code, webhook = ticketcraze(stack.env, *hook)
        assert code == 0, webhook
        buyer = sale.buyer()
        order_id = buyer.order(2)
        path = f"/api/v1/admin/orders/{order_id}"
        buyer.client.put(f"/orders/{order_id}/contact", json={"email": "kim@example.com"})
        pay(buyer.client, order_id)
        until_status(buyer.client, order_id, "CONFIRMED")

        def told() -> dict[str, tuple[str, str | None]]:
            return {
                re.sub(r"^ada-\w+", "ada", step["text"]): (step["kind"], step.get("fact"))
                for step in night.api.get(path).json()["timeline"]
            }

        until(lambda: "Mail order.confirmed: sent" in told(), what="the mail")
        tickets = until(lambda: buyer.client.get(f"/orders/{order_id}/tickets").json(), what="the tickets")
        used = night.api.post(f"/api/v1/tickets/{tickets[0]['code']}/use", json={"gate": "North"})
        assert used.status_code == httpx.codes.OK, used.text
        back = {"items": [{"sku_id": sale.sale.skus[0].id, "quantity": 1}]}
        assert night.api.post(f"{path}/refunds", json=back).status_code == httpx.codes.ACCEPTED
        until(lambda: "Refund of $45.00: REFUNDED" in told(), what="the refund")
        steps = told()
        assert {
            text: steps[text] for text in steps if steps[text][0] in ("order", "stock", "ticket", "organiser")
        } == {
            "Placed": ("order", "OrderPlaced"),
            "2 of Floor taken out of sale: PLACED": ("stock", "OrderPlaced"),
            "1 of Floor back on sale: PARTIALLY_REFUNDED": ("stock", "RefundDecided"),
            "Ticket 1 of Floor: issued": ("ticket", None),
            "Ticket 2 of Floor: issued": ("ticket", None),
            "Ticket 1 of Floor: USED at North": ("ticket", None),
            "Ticket 2 of Floor: VOID": ("ticket", None),
            "ada: refund": ("organiser", None),
        }
        paid_by = {text: fact for text, (kind, fact) in steps.items() if kind == "payment"}
        assert paid_by == {
            "Charge of $90.00 at sandbox: begun": "PaymentStarted",
            "Charge of $90.00: COMPLETED": "PaymentSucceeded",
            "Refund of $45.00 at sandbox: begun": "RefundDecided",
            "Refund of $45.00: REFUNDED": "RefundSucceeded",
            next(text for text in paid_by if text.startswith("Refund asked for by ada-")): None,
        }
        messages = {text for text, (kind, _) in steps.items() if kind == "message"}
        assert {
            "Webhook order.confirmed: due",
            "Mail order.confirmed: due",
            "Mail order.confirmed: sent",
        } <= messages
        html = night.api.get(f"/admin/orders/{order_id}").text
        assert 'COMPLETED</bdi> <span class="small mono">PaymentSucceeded</span>' in html
        ticketcraze(stack.env, "webhook", "remove", str(webhook["id"]))


def test_a_buyer_is_found_by_mail_and_the_address_is_erased_and_nothing_else(night: Night, stack: Stack) -> None:
    address = "Kim.Erased@example.com"
    give_address(night, stack.env, night.held[0], address)
    assert night.found(q=address.lower()) == [night.held[0]]
    path = f"/api/v1/admin/orders/{night.held[0]}"
    before = night.api.get(path).json()
    assert before["email"] == address
    assert night.api.delete(f"{path}/contact").status_code == httpx.codes.NO_CONTENT
    after = night.api.get(path).json()
    assert after["email"] is None
    assert after["items"] == before["items"]
    assert night.found(q=address) == []


def test_all_that_names_a_buyer_is_on_one_page_and_erased_at_once(night: Night, stack: Stack) -> None:
    give_address(night, stack.env, night.paid, "kim@example.org")
    order = night.api.get(f"/api/v1/admin/orders/{night.paid}").json()
    night.api.post(f"/api/v1/admin/orders/{night.paid}/notes", json={"text": "Kim sits at the front"})
    by_mail, by_id, by_order = [
        night.api.get(f"{night.path}/buyers", params={"q": q}).json()["buyers"]
        for q in ("kim@example.org", order["buyer_id"], night.paid)
    ]
    assert by_mail == by_id == by_order
    (kept,) = by_mail
    assert kept["emails"] == ["kim@example.org"]
    assert (len(kept["orders"]), kept["tickets"]) == (4, 1)
    assert "Kim sits at the front" in [note["text"] for note in kept["notes"]]

    erased = night.api.delete(f"{night.path}/buyers/{order['buyer_id']}")
    assert (erased.status_code, erased.json()["addresses"]) == (httpx.codes.OK, 1)
    assert night.api.get(f"{night.path}/buyers", params={"q": "kim@example.org"}).json()["buyers"] == []
    (left,) = night.api.get(f"{night.path}/buyers", params={"q": order["buyer_id"]}).json()["buyers"]
    assert (left["emails"], left["notes"]) == ([], [])
    assert (left["orders"], left["tickets"]) == (kept["orders"], 1), "the books stay whole"


def test_when_its_time_is_over_an_event_forgets_its_buyers_and_no_other_does(night: Night, stack: Stack) -> None:
    give_address(night, stack.env, night.paid, "kim@example.org")
    starts_at_ms = now_ms() + 86_400_000

    events = []

    async def forget(days: int) -> bool:
        async with open_database(Settings.from_environment(stack.env)) as database:
            events.append(await forget_people(database, starts_at_ms + days * 86_400_000))
        return night.found(q="kim@example.org") == []

    assert not asyncio.run(forget(3_000)), "nothing is erased where nobody said when"
    for wrong in (0, 3_651):
        refused(night.api.patch(night.path, json={"retention_days": wrong}), 422, "invalid")
    set_ = night.api.patch(night.path, json={"retention_days": 30, "starts_at": iso(starts_at_ms)})
    assert set_.json()["retention_days"] == 30, set_.text
    assert not asyncio.run(forget(29))
    assert asyncio.run(forget(30))
    give_address(night, stack.env, night.held[0], "kim@example.org")
    assert asyncio.run(forget(31)), "an address that comes later goes too"
    assert asyncio.run(forget(32))
    assert events[-3:] == [1, 1, 0], "what is done is not done again"
    assert night.api.patch(night.path, json={"retention_days": None}).json()["retention_days"] is None


def give_address(night: Night, env: dict[str, str], order_id: str, address: str) -> None:
    async def give() -> None:
        async with open_database(Settings.from_environment(env)) as database:
            await set_contact(database, order_id, night.sale.sale.id, address, "link")

    asyncio.run(give())


def test_what_waits_for_somebody_is_in_one_list(night: Night) -> None:
    trouble = until(lambda: _listed(night))
    assert trouble["count"] == len(trouble["items"])
    (review,) = [item for item in trouble["items"] if item.get("order_id") == night.reviewed]
    assert (review["kind"], "$45.00" in review["text"]) == ("review", True)


def _listed(night: Night) -> Any:
    trouble = night.api.get(f"{night.path}/trouble").json()
    return trouble if any(item["kind"] == "review" for item in trouble["items"]) else None


def test_the_dlq_is_listed_and_what_is_not_in_it_is_not_replayed(night: Night) -> None:
    assert isinstance(night.api.get("/api/v1/admin/dlq").json()["letters"], list)
    refused(night.api.post("/api/v1/admin/dlq/replay", json={"ids": [f"0:{10**9}"]}), 422, "invalid")


@pytest.mark.parametrize(
    ("table", "rows", "key"),
    [("orders", 4, "order_id"), ("payments", 2, "payment_id"), ("tickets", 1, "ticket_id"), ("audit", 5, "id")],
)
def test_the_books_are_exported_and_no_cell_is_a_formula(night: Night, table: str, rows: int, key: str) -> None:
    answer = night.api.get(f"{night.path}/export/{table}.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].endswith(f'-{table}.csv"')
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(lines) == len({line[key] for line in lines}) == rows
    for line in lines:
        for name, text in line.items():
            assert name == "change_qty" or not text.startswith(("=", "+", "-", "@")), (name, text)
    if table in ("tickets", "audit"):
        assert {line["sku"] for line in lines} == {"'=Floor"}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@A1", "\tx", "\rx"])
def test_a_text_that_a_spreadsheet_would_run_is_shown_as_text(text: str) -> None:
    assert cell(text) == f"'{text}"


def test_what_is_not_exported_is_not_there(night: Night) -> None:
    for name in ("admins.csv", "orders", "orders.xls", "orders.csv.jsonl"):
        refused(night.api.get(f"{night.path}/export/{name}"), 404, "not_found")


def test_whoever_sees_figures_alone_sees_no_orders(night: Night, stack: Stack) -> None:
    viewer = new_admin(stack.env)
    ticketcraze(stack.env, "admin", "role", viewer.name, "viewer")
    with browser(stack) as client:
        token_of(sign_in(client, viewer.name, viewer.password))
        assert client.get(f"{night.path}/trouble").status_code == httpx.codes.OK
        for method, path in (
            ("GET", f"{night.path}/orders"),
            ("GET", f"{night.path}/export/orders.csv"),
            ("GET", f"{night.path}/buyers?q=kim"),
            ("DELETE", f"{night.path}/buyers/{'0' * 32}"),
            ("GET", f"/api/v1/admin/orders/{night.paid}"),
            ("POST", f"/api/v1/admin/orders/{night.paid}/notes"),
            ("GET", "/api/v1/admin/dlq"),
            ("POST", "/api/v1/admin/dlq/replay"),
            ("PATCH", night.path),
            ("POST", f"{night.path}/admit"),
            ("POST", f"{night.path}/message"),
            ("POST", "/api/v1/admin/events"),
        ):
            refused(client.request(method, path, json={} if method != "GET" else None), 403, "forbidden")
