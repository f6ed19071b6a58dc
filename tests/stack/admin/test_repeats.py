"""A call of an organiser that is sent again with the same Idempotency-Key is done once."""

import asyncio
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

import httpx
import pytest
from redis import Redis

from app.infra.mysql import open_database
from app.settings import Settings
from tests.stack.admin.people import browser, new_admin, sign_in, token_of
from tests.world.buyers import OpenSale, make_event, pay, refused, until_status
from tests.world.stack import Stack
from tests.world.waiting import until


@dataclass
class Office:
    """An organiser at work on a sale with an order that is paid."""

    client: httpx.Client
    stack: Stack
    sale: OpenSale
    order_id: str
    name: str
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)  # in what is made here

    @property
    def event(self) -> str:
        return f"/api/v1/admin/events/{self.sale.sale.slug}"

    @property
    def order(self) -> str:
        return f"/api/v1/admin/orders/{self.order_id}"

    def ask(self, path: str, body: object = None, key: str = "") -> httpx.Response:
        return self.client.post(path, json=body, headers={"Idempotency-Key": key} if key else {})

    def count(self, statement: str, *args: object) -> int:
        """What the books say."""

        async def read() -> int:
            async with open_database(Settings.from_environment(self.stack.env)) as database:
                row = await database.fetch_one(statement, args)
                assert row
                return int(row["n"])

        return asyncio.run(read())


@pytest.fixture(scope="module")
def office(stack: Stack) -> Iterator[Office]:
    admin = new_admin(stack.env)
    with ExitStack() as closing:
        client = closing.enter_context(browser(stack))
        token_of(sign_in(client, admin.name, admin.password))
        sale = OpenSale(stack, make_event(stack.env, room=1), closing)
        buyer = sale.buyer()
        order_id = buyer.order()
        buyer.client.put(f"/orders/{order_id}/contact", json={"email": "kim@example.com"})
        pay(buyer.client, order_id)
        until_status(buyer.client, order_id, "CONFIRMED")
        office = Office(client, stack, sale, order_id, admin.name)
        assert client.put(f"{office.event}/codes", json={"asked": "optional"}).is_success
        yield office


@dataclass(frozen=True)
class Call:
    """What is asked twice, another body that the key may not be used with, and how often it was done."""

    path: Callable[[Office], str]
    body: Callable[[Office], dict[str, object]]
    other: Callable[[Office], dict[str, object]]
    done: Callable[[Office], int]


CALLS = {
    "codes": Call(
        lambda o: f"{o.event}/codes",
        lambda o: {"count": 3},
        lambda o: {"count": 4},
        lambda o: o.count("SELECT COUNT(*) / 3 AS n FROM access_codes WHERE event_id = %s", o.sale.sale.id),
    ),
    "key": Call(
        lambda o: "/api/v1/admin/keys",
        lambda o: {"name": o.mark, "scopes": ["read"]},
        lambda o: {"name": o.mark, "scopes": ["write"]},
        lambda o: sum(key["name"] == o.mark for key in o.client.get("/api/v1/admin/keys").json()["keys"]),
    ),
    "invitation": Call(
        lambda o: "/api/v1/admin/invitations",
        lambda o: {"email": f"{o.mark}@example.com", "role": "viewer"},
        lambda o: {"email": f"{o.mark}@example.com", "role": "owner"},
        lambda o: o.count("SELECT COUNT(*) AS n FROM admin_log WHERE action = 'invited' AND who = %s", o.name),
    ),
    "note": Call(
        lambda o: f"{o.order}/notes",
        lambda o: {"text": o.mark},
        lambda o: {"text": "another"},
        lambda o: o.count("SELECT COUNT(*) AS n FROM order_notes WHERE text = %s", o.mark),
    ),
    "webhook": Call(
        lambda o: f"{o.event}/webhooks",
        lambda o: {"url": f"https://example.com/{o.mark}"},
        lambda o: {"url": "https://example.com/another"},
        lambda o: len(o.client.get(f"{o.event}/webhooks").json()["webhooks"]),
    ),
    "tickets mailed again": Call(
        lambda o: f"{o.order}/resend",
        lambda o: {},
        lambda o: {"more": True},
        lambda o: o.count(
            "SELECT COUNT(*) AS n FROM admin_log WHERE action = 'tickets mailed again' AND who = %s", o.name
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_what_is_sent_twice_is_done_once_and_answered_alike(office: Office, name: str) -> None:
    call, key = CALLS[name], uuid.uuid4().hex
    path, body = call.path(office), call.body(office)
    first, again = office.ask(path, body, key), office.ask(path, body, key)
    assert first.is_success, first.text
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["content-type"] == first.headers["content-type"]
    assert call.done(office) == 1
    refused(office.ask(path, call.other(office), key), 422, "key_reused")
    assert call.done(office) == 1
    with Redis.from_url(office.stack.env["REDIS_URL"]) as redis:
        kept = b" ".join(redis.mget(redis.keys("tc:once:admin:*")))
    for secret in first.json().values():
        for text in secret if isinstance(secret, list) else [secret]:
            assert not isinstance(text, str) or len(text) < 8 or text.encode() not in kept, "it is sealed"


def test_people_are_let_in_once(office: Office) -> None:
    for _ in range(4):
        office.sale.buyer(let_in=False)
    key, path = uuid.uuid4().hex, f"{office.event}/admit"
    answers = [office.ask(path, {"count": 1}, key) for _ in range(3)]
    assert {answer.content for answer in answers} == {answers[0].content}
    admitted = until(lambda: _admitted(office, 2))
    assert admitted == 2
    refused(office.ask(path, {"count": 2}, key), 422, "key_reused")
    fourth = office.ask(path, {"count": 1}, uuid.uuid4().hex)
    assert fourth.is_success
    until(lambda: _admitted(office, 3))


def _admitted(office: Office, wanted: int) -> int | None:
    admitted: int = office.client.get(office.event).json()["passed"]["admitted"]
    return admitted if admitted >= wanted else None


def test_of_ten_at_once_with_one_key_one_is_done_and_a_refusal_uses_no_key_up(office: Office) -> None:
    key, path = uuid.uuid4().hex, f"{office.order}/notes"
    refused(office.ask(path, {"text": " "}, key), 422, "invalid")
    text = uuid.uuid4().hex
    with ThreadPoolExecutor(10) as pool:
        codes = {
            answer.status_code for answer in pool.map(lambda _: office.ask(path, {"text": text}, key), range(10))
        }
    assert codes <= {200, 503}
    assert 200 in codes
    assert office.count("SELECT COUNT(*) AS n FROM order_notes WHERE text = %s", text) == 1
    assert office.ask(path, {"text": text}, key).status_code == httpx.codes.OK


def test_a_key_is_of_one_organiser_and_of_one_call(office: Office) -> None:
    key, text = uuid.uuid4().hex, uuid.uuid4().hex
    other = new_admin(office.stack.env)
    with browser(office.stack) as client:
        token_of(sign_in(client, other.name, other.password))
        for asking in (office.client, client):
            made = asking.post(f"{office.order}/notes", json={"text": text}, headers={"Idempotency-Key": key})
            assert made.status_code == httpx.codes.OK
    assert office.count("SELECT COUNT(*) AS n FROM order_notes WHERE text = %s", text) == 2
    assert office.ask(f"{office.event}/codes", {"count": 1}, key).status_code == httpx.codes.CREATED
