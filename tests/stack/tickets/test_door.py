"""The door: a ticket lets one in, once, at one gate, for its own event."""

import asyncio
import base64
import uuid
from collections import Counter
from typing import Any

import httpx
import pytest

from app.settings import Settings
from app.tickets.codes import TicketKeys
from tests.stack.tickets.conftest import Shop
from tests.stack.tickets.test_tickets import hand_on
from tests.world.buyers import make_event, refused
from tests.world.commands import ticketcraze
from tests.world.stack import Stack


def door_key(stack: Stack, *words: str) -> str:
    """A key for a door."""
    name = f"door {uuid.uuid4().hex[:8]}"
    code, made = ticketcraze(stack.env, "admin", "key", "create", "--name", name, "--scope", "door", *words)
    assert code == 0, made
    return str(made["key"])


class Door:
    """A gate with a key."""

    def __init__(self, stack: Stack, key: str) -> None:
        self.address = f"{stack.web}/api/v1/tickets"
        self.headers = {"Authorization": f"Bearer {key}"}

    def use(self, code: str, scan: str = "", **body: Any) -> httpx.Response:
        headers = {**self.headers, **({"Idempotency-Key": scan} if scan else {})}
        with httpx.Client(headers=headers, trust_env=False, timeout=20) as client:
            address = f"{self.address}/{code}/use"
            return client.post(address, json=body) if body else client.post(address)


@pytest.fixture(scope="module")
def door(shop: Shop) -> Door:
    return Door(shop.stack, door_key(shop.stack, "--event", shop.sale.slug))


def test_a_ticket_lets_one_in_and_the_next_is_told_when_and_where(shop: Shop, door: Door) -> None:
    [ticket] = shop.bought(1).tickets()
    scan = uuid.uuid4().hex
    let_in = door.use(ticket["code"], scan, gate="Gate B", event=shop.sale.slug)
    assert let_in.status_code == httpx.codes.OK, let_in.text
    assert let_in.json() == {
        "status": "used", "used_at": let_in.json()["used_at"], "gate": "Gate B",
        "ticket_id": ticket["ticket_id"], "sku_id": ticket["sku_id"], "name": "Floor",
    }  # fmt: skip
    assert door.use(ticket["code"], scan, gate="Gate B").json() == let_in.json(), "the same scan, sent again"
    again = refused(door.use(ticket["code"].lower(), gate="Gate C"), 409, "already_used")
    assert (again["used_at"], again["gate"]) == (let_in.json()["used_at"], "Gate B")
    assert refused(door.use(ticket["code"]), 409, "already_used")["gate"] == "Gate B"


def test_of_forty_scans_at_two_gates_at_once_exactly_one_is_let_in(shop: Shop, door: Door) -> None:
    [ticket] = shop.bought(1).tickets()

    async def rush() -> list[httpx.Response]:
        async with httpx.AsyncClient(headers=door.headers, trust_env=False, timeout=30) as client:
            address = f"{door.address}/{ticket['code']}/use"
            return await asyncio.gather(
                *(client.post(address, json={"gate": f"Gate {'AB'[n % 2]}"}) for n in range(40))
            )

    answers = asyncio.run(rush())
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 39}
    [winner] = [answer.json() for answer in answers if answer.status_code == httpx.codes.OK]
    told = {(a.json()["gate"], a.json()["used_at"]) for a in answers if a.status_code != httpx.codes.OK}
    assert told == {(winner["gate"], winner["used_at"])}


def test_a_ticket_that_was_handed_on_is_void_at_the_door(shop: Shop, door: Door) -> None:
    bought = shop.bought(1)
    [ticket] = bought.tickets()
    hand_on(bought, ticket["ticket_id"])
    refused(door.use(ticket["code"]), 410, "void")


def test_a_code_that_is_not_ours_is_unknown(shop: Shop, door: Door) -> None:
    [ticket] = shop.bought(1).tickets()
    ours = TicketKeys(Settings.from_environment(shop.stack.env).ticket_keys)
    forged = TicketKeys({"DEV": base64.b64decode("ZGV2ZWxvcG1lbnQtZGV2ZWxvcG1lbnQtZGV2ZWxvcG0=")[:32]})
    made_up = ours.code("0a" * 16, shop.sale.id, shop.sale.skus[0].id)
    for code in (forged.code(ticket["ticket_id"], shop.sale.id, ticket["sku_id"]), made_up, "A1.AAAA", "x" * 500):
        refused(door.use(code), 404, "unknown_ticket")


def test_a_ticket_for_another_event_is_unknown_here(shop: Shop, door: Door) -> None:
    [ticket] = shop.bought(1).tickets()
    other = make_event(shop.stack.env)
    refused(
        Door(shop.stack, door_key(shop.stack, "--event", other.slug)).use(ticket["code"]), 404, "unknown_ticket"
    )
    refused(door.use(ticket["code"], event=other.slug), 404, "unknown_ticket")
    assert door.use(ticket["code"]).status_code == httpx.codes.OK, "the gate is named by the key then"


def test_only_a_door_lets_in(shop: Shop, door: Door) -> None:
    bought = shop.bought(1)
    [ticket] = bought.tickets()
    refused(httpx.post(f"{door.address}/{ticket['code']}/use", trust_env=False), 401, "unauthorized")
    refused(bought.buyer.post(f"/tickets/{ticket['code']}/use"), 401, "unauthorized")
    _, reader = ticketcraze(shop.stack.env, "admin", "key", "create", "--name", "reader", "--scope", "read")
    refused(Door(shop.stack, reader["key"]).use(ticket["code"]), 403, "forbidden")
    for body in ({"gate": ""}, {"gate": "a\nb"}, {"gate": "g" * 65}, {"at": "noon"}, {"who": "me"}):
        refused(door.use(ticket["code"], **body), 422, "invalid")
    assert bought.tickets()[0]["status"] == "valid"
