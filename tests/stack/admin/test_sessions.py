"""Sessions: rows that end when they are ended, on every process and every socket."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from app.infra.mysql import Database, DatabaseUnavailable, Row, open_database
from app.organisers import sessions
from app.organisers.accounts import find_password
from app.organisers.sessions import IDLE_SECONDS, MOST_SESSIONS, Sessions
from app.settings import Settings
from app.units import now_ms, to_datetime
from tests.stack.admin.people import SESSIONS, Admin, browser, new_admin, set_password, sign_in, token_of
from tests.world.buyers import Sale, make_event, refused
from tests.world.commands import ticketcraze
from tests.world.stack import Stack
from tests.world.waiting import until

ELSEWHERE_SECONDS = 3.0  # until another process knows that a session has ended
REFUSED = 4003


@pytest.fixture
def admin(env: dict[str, str]) -> Admin:
    return new_admin(env)


@pytest.fixture(scope="module")
def sale(env: dict[str, str]) -> Sale:
    return make_event(env)


def ask(stack: Stack, sale: Sale, token: str) -> httpx.Response:
    """The snapshot, with nothing but this token."""
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{stack.web}/api/v1/admin/events/{sale.slug}", headers=headers, trust_env=False)


def until_ended(stack: Stack, sale: Sale, token: str) -> None:
    """Every process of the host knows within a second or two."""

    def ended() -> bool:
        return all(ask(stack, sale, token).status_code == httpx.codes.UNAUTHORIZED for _ in range(4))

    until(ended, ELSEWHERE_SECONDS, "the end of the session")


def rows_of(env: dict[str, str], admin: Admin) -> list[Row]:
    async def read() -> list[Row]:
        async with open_database(Settings.from_environment(env)) as database:
            return await database.fetch_all("SELECT * FROM admin_sessions WHERE admin = %s", (admin.name,))

    return asyncio.run(read())


def change_rows(env: dict[str, str], admin: Admin, what: str, *args: object) -> None:
    async def change() -> None:
        async with open_database(Settings.from_environment(env)) as database:
            await database.execute(
                f"UPDATE admin_sessions SET {what} WHERE admin = %s",  # noqa: S608  # of this file
                (*args, admin.name),
            )

    asyncio.run(change())


def test_the_token_is_good_as_cookie_and_as_bearer(stack: Stack, sale: Sale, admin: Admin) -> None:
    with browser(stack) as client:
        token = token_of(sign_in(client, admin.name, admin.password))
        assert client.get(f"/api/v1/admin/events/{sale.slug}").status_code == httpx.codes.OK
    assert ask(stack, sale, token).status_code == httpx.codes.OK
    for other in ("token", token[:-1], token + "x"):
        refused(ask(stack, sale, other), 401, "unauthorized")


def test_an_admins_token_is_no_buyers_and_a_buyers_is_no_admins(stack: Stack, sale: Sale, admin: Admin) -> None:
    with browser(stack) as client:
        token = token_of(sign_in(client, admin.name, admin.password))
        bearer = {"Authorization": f"Bearer {token}"}
        refused(client.get(f"/api/v1/events/{sale.slug}/queue", headers=bearer), 401, "unauthorized")
        buyer = client.post(f"/api/v1/events/{sale.slug}/queue").json()["token"]
    refused(ask(stack, sale, buyer), 401, "unauthorized")


def test_the_books_keep_what_is_needed_and_nothing_to_sign_in_with(
    stack: Stack, env: dict[str, str], admin: Admin
) -> None:
    with browser(stack) as client:
        client.headers["User-Agent"] = "a\x9b[31m" + "b" * 4_000
        token = token_of(sign_in(client, admin.name, admin.password))
    (row,) = rows_of(env, admin)
    secret = token.split(".")[1]
    assert secret not in json.dumps(row, default=str)
    assert len(row["user_agent"]) == 200
    assert row["user_agent"].isprintable()
    assert row["address"].startswith("127.")


def test_signing_out_ends_the_session_and_only_this_one(stack: Stack, sale: Sale, admin: Admin) -> None:
    with browser(stack) as one, browser(stack) as other:
        first = token_of(sign_in(one, admin.name, admin.password))
        second = token_of(sign_in(other, admin.name, admin.password))
        assert ask(stack, sale, first).status_code == httpx.codes.OK
        assert one.delete(SESSIONS).status_code == httpx.codes.NO_CONTENT
        assert "tc_admin" not in one.cookies
        until_ended(stack, sale, first)
        assert ask(stack, sale, second).status_code == httpx.codes.OK
        assert other.post("/admin/logout").status_code == httpx.codes.SEE_OTHER
        until_ended(stack, sale, second)


def test_signing_in_again_ends_the_session_before(stack: Stack, sale: Sale, admin: Admin) -> None:
    with browser(stack) as client:
        before = token_of(sign_in(client, admin.name, admin.password))
        token_of(sign_in(client, admin.name, admin.password))
        until_ended(stack, sale, before)
        assert client.get(f"/api/v1/admin/events/{sale.slug}").status_code == httpx.codes.OK


def test_signing_out_everywhere_ends_every_session(stack: Stack, sale: Sale, admin: Admin) -> None:
    with browser(stack) as one, browser(stack) as other:
        tokens = [token_of(sign_in(client, admin.name, admin.password)) for client in (one, other)]
        assert all(ask(stack, sale, token).status_code == httpx.codes.OK for token in tokens)
        assert one.post("/admin/logout-everywhere").status_code == httpx.codes.SEE_OTHER
        for token in tokens:
            until_ended(stack, sale, token)


def admins_socket(stack: Stack, sale: Sale, token: str) -> ClientConnection:
    address = stack.web.replace("http", "ws") + f"/ws/admin/events/{sale.slug}"
    return connect(address, additional_headers={"Authorization": f"Bearer {token}"}, max_size=None)


def closed_with(socket: ClientConnection) -> int:
    """Reads until the socket is closed: its code."""
    deadline = time.monotonic() + ELSEWHERE_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.recv(timeout=ELSEWHERE_SECONDS)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 0
    raise AssertionError("the socket is still open")


def test_an_open_socket_ends_with_its_session(stack: Stack, sale: Sale, admin: Admin) -> None:
    with browser(stack) as client:
        token = token_of(sign_in(client, admin.name, admin.password))
        with admins_socket(stack, sale, token) as socket:
            socket.recv(timeout=5)
            client.delete(SESSIONS)
            assert closed_with(socket) == REFUSED


def test_a_new_password_ends_every_session_and_socket_and_the_same_one_ends_none(
    stack: Stack, env: dict[str, str], sale: Sale, admin: Admin
) -> None:
    with browser(stack) as client:
        token = token_of(sign_in(client, admin.name, admin.password))
        with admins_socket(stack, sale, token) as socket:
            socket.recv(timeout=5)
            assert set_password(env, admin) == "unchanged"
            assert ask(stack, sale, token).status_code == httpx.codes.OK
            assert set_password(env, Admin(admin.name, "another long password")) == "changed"
            assert closed_with(socket) == REFUSED
        until_ended(stack, sale, token)
        refused(sign_in(client, admin.name, admin.password), 401, "wrong_password")
        token_of(sign_in(client, admin.name, "another long password"))


def test_the_command_line_signs_out_and_removes(
    stack: Stack, env: dict[str, str], sale: Sale, admin: Admin
) -> None:
    with browser(stack) as client:
        token = token_of(sign_in(client, admin.name, admin.password))
        _, listed = ticketcraze(env, "admin", "sessions")
        assert [s["address"] for s in listed["sessions"] if s["admin"] == admin.name]
        assert ticketcraze(env, "admin", "sign-out", admin.name.upper())[1]["ended"] == 1
        until_ended(stack, sale, token)
        token = token_of(sign_in(client, admin.name, admin.password))
        assert admin.name in [a["name"] for a in ticketcraze(env, "admin", "list")[1]["admins"]]
        assert ticketcraze(env, "admin", "remove", admin.name)[0] == 0
        until_ended(stack, sale, token)
        refused(sign_in(client, admin.name, admin.password), 401, "wrong_password")
        assert ticketcraze(env, "admin", "remove", admin.name)[0] == 1


@pytest.mark.parametrize("name", ["", " ", "\u00e1dmin", "ad min", "-admin", "a" * 65, "admin;"])
def test_a_name_nobody_could_tell_from_another_is_not_taken(env: dict[str, str], name: str) -> None:
    code, answer = ticketcraze({**env, "ADMIN_PASSWORD": "p" * 12}, "admin", "ensure", f"--user={name}")
    assert (code, "name" in answer["error"]) == (1, True)


@pytest.mark.parametrize("password", ["p" * 11, "p" * 257])
def test_a_password_too_short_or_too_long_is_not_taken(env: dict[str, str], password: str) -> None:
    code, answer = ticketcraze({**env, "ADMIN_PASSWORD": password}, "admin", "ensure", "--user=ada")
    assert (code, "password" in answer["error"]) == (1, True)


@pytest.mark.parametrize("end", ["expires_at", "last_seen_at"])
def test_a_session_ends_at_its_time_and_its_row_goes(
    stack: Stack, env: dict[str, str], sale: Sale, admin: Admin, end: str
) -> None:
    past_ms = now_ms() - (IDLE_SECONDS + 1) * 1000
    with browser(stack) as client:
        token = token_of(sign_in(client, admin.name, admin.password))
        change_rows(env, admin, f"{end} = %s", to_datetime(past_ms))
        until_ended(stack, sale, token)
        token_of(sign_in(client, admin.name, admin.password))
        assert len(rows_of(env, admin)) == 1


def test_a_session_in_use_does_not_go_idle(stack: Stack, env: dict[str, str], sale: Sale, admin: Admin) -> None:
    with browser(stack) as client:
        token = token_of(sign_in(client, admin.name, admin.password))
    change_rows(env, admin, "last_seen_at = %s", to_datetime(now_ms() - (IDLE_SECONDS - 100) * 1000))

    def seen_lately() -> bool:
        assert ask(stack, sale, token).status_code == httpx.codes.OK
        (row,) = rows_of(env, admin)
        return bool(row["last_seen_at"] > to_datetime(now_ms() - 60_000))

    until(seen_lately)


def test_the_oldest_session_gives_way(stack: Stack, env: dict[str, str], sale: Sale, admin: Admin) -> None:
    tokens = []
    with browser(stack) as client:
        for _ in range(MOST_SESSIONS + 2):
            tokens.append(token_of(sign_in(client, admin.name, admin.password)))
            del client.cookies["tc_admin"]  # as another browser behind the same address
    assert len(rows_of(env, admin)) == MOST_SESSIONS
    refused(ask(stack, sale, tokens[0]), 401, "unauthorized")
    assert ask(stack, sale, tokens[-1]).status_code == httpx.codes.OK


@dataclass
class Way:
    """A way to MySQL that can be cut and can fall silent."""

    url: str
    server: asyncio.Server
    silent: bool = False
    cut: bool = False
    writers: list[asyncio.StreamWriter] = None  # type: ignore[assignment]

    def break_now(self) -> None:
        self.cut = True
        for writer in self.writers:
            writer.close()


@asynccontextmanager
async def way_to_mysql(url: str) -> AsyncIterator[Way]:
    """A small proxy on loopback."""
    to = urlsplit(url)
    writers: list[asyncio.StreamWriter] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with suppress(OSError):
            while data := await reader.read(65_536):
                if way.silent:
                    await asyncio.sleep(60)
                writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if way.cut:
            writer.close()
            return
        onward, back = await asyncio.open_connection(to.hostname, to.port)
        await asyncio.gather(pump(reader, back), pump(onward, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    user = to.netloc.rpartition("@")[0]
    way = Way(urlunsplit(to._replace(netloc=f"{user}@127.0.0.1:{port}")), server, writers=writers)
    try:
        yield way
    finally:
        way.break_now()
        server.close()


@asynccontextmanager
async def sessions_over(way: Way, admin: Admin) -> AsyncIterator[tuple[Sessions, str]]:
    """What a web process knows of one session."""
    database = Database(way.url, 2)
    await database.open()
    known = Sessions(database)
    secret = await known.start(admin.name, await find_password(database, admin.name) or "", "127.0.0.1", "test")
    assert secret
    assert await name_of(known, secret) == admin.name
    yield known, secret
    await database.close()


async def name_of(known: Sessions, secret: str) -> str | None:
    found = await known.admin_of(secret)
    return found.name if found else None


def make_stale(known: Sessions, seconds: float) -> None:
    """As if the books had last been asked this long ago."""
    for remembered in known._remembered.values():
        remembered.ask_at = 0.0
        remembered.good_at = time.monotonic() - seconds


@pytest.mark.parametrize("trouble", ["gone", "silent"])
def test_while_mysql_is_unavailable_a_session_seen_good_within_a_minute_stays_good(
    env: dict[str, str], admin: Admin, trouble: str
) -> None:
    async def go() -> None:
        async with way_to_mysql(env["DATABASE_URL"]) as way, sessions_over(way, admin) as (known, secret):
            if trouble == "gone":
                way.break_now()
            way.silent = True
            make_stale(known, 59)
            began = time.monotonic()
            assert await name_of(known, secret) == admin.name
            assert time.monotonic() - began < sessions.ANSWER_SECONDS + 1
            began = time.monotonic()
            assert await name_of(known, secret) == admin.name
            assert time.monotonic() - began < 0.1, "not every request waits for books that do not answer"
            make_stale(known, 61)
            with pytest.raises(DatabaseUnavailable):
                await known.admin_of(secret)
            with pytest.raises(DatabaseUnavailable):
                await known.admin_of("another secret")
            way.silent = way.cut = False
            assert await name_of(known, secret) == admin.name, "back, and nobody was signed out"

    asyncio.run(go())


def test_a_session_ended_here_is_not_kept_good_by_unavailable_books(env: dict[str, str], admin: Admin) -> None:
    async def go() -> None:
        async with way_to_mysql(env["DATABASE_URL"]) as way, sessions_over(way, admin) as (known, secret):
            await known.end(secret)
            way.break_now()
            with pytest.raises(DatabaseUnavailable):
                await known.admin_of(secret)

    asyncio.run(go())


def test_a_password_changed_while_it_was_checked_begins_no_session(env: dict[str, str], admin: Admin) -> None:
    async def go() -> str | None:
        async with open_database(Settings.from_environment(env)) as database:
            before = await find_password(database, admin.name)
            set_password(env, Admin(admin.name, "another long password"))
            return await Sessions(database).start(admin.name, before or "", "127.0.0.1", "test")

    assert asyncio.run(go()) is None
