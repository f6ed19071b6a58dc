"""Roles and keys on the running system: by page, API and socket, and what is written down of it."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from app.infra.mysql import Database, DatabaseUnavailable, Row, open_database
from app.infra.redis import open_redis
from app.organisers.log import AdminLog, Deed, read_log
from app.organisers.sessions import GUESSES_AT_ONCE
from app.settings import Settings
from tests.stack.admin.people import Admin, browser, new_address, new_admin, sign_in, token_of
from tests.world.buyers import Sale, make_event, refused
from tests.world.commands import ticketcraze
from tests.world.stack import Stack
from tests.world.waiting import until

REFUSED = 4003


@dataclass(frozen=True)
class Night:
    """Two sales, and an admin with no role but what a test gives."""

    stack: Stack
    env: dict[str, str]
    mine: Sale
    other: Sale
    admin: Admin

    def give(self, role: str, sale: Sale | None = None) -> None:
        where = ("--event", sale.slug) if sale else ()
        code, answer = ticketcraze(self.env, "admin", "role", self.admin.name, role, *where)
        assert code == 0, answer

    def key(self, *words: str) -> dict[str, str]:
        """A new key of this admin's own."""
        user = ("--user", self.admin.name, "--name", "shop")
        code, made = ticketcraze(self.env, "admin", "key", "create", *user, *words)
        assert code == 0, made
        return made

    def ask(self, method: str, path: str, token: str, address: str = "", **options: object) -> httpx.Response:
        with browser(self.stack, address) as client:
            headers = {"Authorization": f"Bearer {token}"}
            return client.request(method, f"/api/v1/admin{path}", headers=headers, **options)  # type: ignore[arg-type]

    def logged(self, sale: Sale) -> list[Row]:
        async def read() -> list[Row]:
            async with open_database(Settings.from_environment(self.env)) as database:
                return await read_log(database, sale.id)

        return asyncio.run(read())


@pytest.fixture(scope="module")
def sales(env: dict[str, str]) -> tuple[Sale, Sale]:
    return make_event(env), make_event(env)


@pytest.fixture
def night(stack: Stack, env: dict[str, str], sales: tuple[Sale, Sale]) -> Iterator[Night]:
    night = Night(stack, env, *sales, new_admin(env))
    night.give("none")
    yield night
    ticketcraze(env, "admin", "remove", night.admin.name)


def closed_with(stack: Stack, sale: Sale, token: str) -> int:
    """How the socket of a sale is closed at once; 0 where it tells something instead."""
    address = stack.web.replace("http", "ws") + f"/ws/admin/events/{sale.slug}"
    with connect(address, additional_headers={"Authorization": f"Bearer {token}"}, max_size=None) as socket:
        try:
            socket.recv(timeout=5)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else -1
        return 0


def test_a_viewer_sees_their_sale_and_changes_nothing_by_page_api_or_socket(night: Night) -> None:
    night.give("viewer", night.mine)
    mine, other = f"/events/{night.mine.slug}", f"/events/{night.other.slug}"
    with browser(night.stack) as client:
        token = token_of(sign_in(client, night.admin.name, night.admin.password))
        assert client.get(f"/admin{mine}").status_code == httpx.codes.OK
        assert client.get(f"/admin{other}").status_code == httpx.codes.FORBIDDEN
        listed = client.get("/admin").text
        assert night.mine.slug in listed
        assert night.other.slug not in listed
    assert night.ask("GET", mine, token).status_code == httpx.codes.OK
    assert closed_with(night.stack, night.mine, token) == 0
    for answer in (
        night.ask("POST", f"{mine}/state", token, json={"state": "closed"}),
        night.ask("GET", other, token),
        night.ask("POST", f"{other}/state", token, json={"state": "closed"}),
    ):
        refused(answer, 403, "forbidden")
    assert closed_with(night.stack, night.other, token) == REFUSED
    assert night.ask("GET", mine, token).json()["event"]["sale"] == "open"
    tried = [row["subject"] for row in night.logged(night.mine) if row["who"] == night.admin.name]
    assert tried == [f"POST /api/v1/admin{mine}/state"]


def test_an_organisers_change_is_written_down_with_what_it_was_before(night: Night) -> None:
    night.give("organiser", night.mine)
    with browser(night.stack) as client:
        token = token_of(sign_in(client, night.admin.name, night.admin.password))
        path = f"/api/v1/admin/events/{night.mine.slug}/state"
        for state in ("paused", "open"):
            answer = client.post(path, json={"state": state, "notice": "=1+1 \u202e<b>"})
            assert answer.status_code == httpx.codes.OK
    rows = [row for row in night.logged(night.mine) if row["action"] == "state" and row["who"] == night.admin.name]
    assert [row["became"][:16] for row in rows] == ['{"state":"open",', '{"state":"paused']
    assert rows[1]["was"] == '{"state":"open","notice":""}'
    assert rows[1]["address"].startswith("127.")
    refused(
        night.ask("POST", f"/events/{night.other.slug}/state", token, json={"state": "paused"}), 403, "forbidden"
    )


def test_a_key_does_what_its_scopes_say_and_ends_when_it_is_revoked(night: Night) -> None:
    night.give("organiser", night.mine)
    path = f"/events/{night.mine.slug}"
    read, write = night.key(), night.key("--scope", "read", "--scope", "write")
    assert night.ask("GET", path, read["key"]).status_code == httpx.codes.OK
    refused(night.ask("POST", f"{path}/state", read["key"], json={"state": "paused"}), 403, "forbidden")
    assert night.ask("POST", f"{path}/state", write["key"], json={"state": "open"}).status_code == httpx.codes.OK
    assert any(row["who"] == f"{night.admin.name}, by the key shop" for row in night.logged(night.mine))
    refused(night.ask("GET", f"/events/{night.other.slug}", write["key"]), 403, "forbidden")

    listed = ticketcraze(night.env, "admin", "key", "list")[1]["keys"]
    (row,) = [key for key in listed if key["id"] == read["id"]]
    assert row["last_used_at"]
    assert read["key"] not in str(listed)
    assert ticketcraze(night.env, "admin", "key", "revoke", read["id"])[0] == 0
    assert ticketcraze(night.env, "admin", "key", "revoke", read["id"])[0] == 1
    until(lambda: night.ask("GET", path, read["key"]).status_code == 401)


def test_a_key_of_one_event_opens_no_other_and_loses_what_its_admin_loses(night: Night) -> None:
    night.give("owner")
    key = night.key("--scope", "write", "--event", night.mine.slug)["key"]
    assert night.ask("GET", f"/events/{night.mine.slug}", key).status_code == httpx.codes.OK
    refused(night.ask("GET", f"/events/{night.other.slug}", key), 403, "forbidden")
    night.give("none")
    until(lambda: night.ask("GET", f"/events/{night.mine.slug}", key).status_code == 403)


@pytest.mark.parametrize("words", [("--days", "0"), ("--name", "=SUM(A1)"), ("--user", "nobody-there")])
def test_a_key_that_cannot_be_is_not_made(night: Night, words: tuple[str, str]) -> None:
    given = {"--user": night.admin.name, "--name": "shop", words[0]: words[1]}
    code, answer = ticketcraze(night.env, "admin", "key", "create", *(w for pair in given.items() for w in pair))
    assert (code, words[0].strip("-") in answer["error"]) == (1, True)


def test_one_made_up_key_after_the_other_is_not_looked_up(night: Night) -> None:
    address, path = new_address(), f"/events/{night.mine.slug}"
    night.give("viewer")
    known = night.key()["key"]
    statuses = [
        night.ask("GET", path, f"tck_{n:012x}_{'x' * 43}", address).status_code
        for n in range(GUESSES_AT_ONCE + 15)
    ]
    share = GUESSES_AT_ONCE // len(night.stack.run["web_processes"])
    assert statuses[:share] == [401] * share
    assert 429 in statuses
    assert night.ask("GET", path, known).status_code == httpx.codes.OK, "from elsewhere"
    for text in ("tck_", "tck_zz", "tck_0123456789ab_" + "x" * 44):
        refused(night.ask("GET", path, text), 401, "unauthorized")


def test_what_was_done_while_the_books_are_unavailable_is_written_down_once_afterwards(
    env: dict[str, str],
) -> None:
    class OutOfOrder(Database):
        def connection(self):  # type: ignore[no-untyped-def]
            raise DatabaseUnavailable("out of order")

    async def go() -> list[Row]:
        settings = Settings.from_environment(env)
        async with open_database(settings) as database, open_redis(settings) as redis:
            broken = OutOfOrder(settings.database_url, 1)
            deed = Deed("A test", "tried", subject="\u202e=1+1")
            await AdminLog(redis, broken).write(deed)
            await AdminLog(redis, database).write(deed)
            await AdminLog(redis, database).catch_up()  # as a worker of the stack does meanwhile
            return await database.fetch_all("SELECT who, subject FROM admin_log WHERE id = %s", (deed.id,))

    assert asyncio.run(go()) == [{"who": "A test", "subject": "\u202e=1+1"}]
