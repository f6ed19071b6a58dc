"""Signing in: how often one may try, at what cost, and that nobody can lock an admin out."""

import asyncio
import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from app.infra.mysql import open_database
from app.organisers.login import BY_ADDRESS, BY_DEVICE, BY_NAME, BY_NAME_AND_ADDRESS
from app.settings import Settings
from tests.stack.admin.people import SESSIONS, Admin, browser, new_address, new_admin, sign_in, token_of
from tests.world.buyers import refused
from tests.world.stack import Stack


@pytest.fixture
def admin(env: dict[str, str]) -> Admin:
    return new_admin(env)


def full_width(name: str) -> str:
    return "".join(chr(ord(letter) + 0xFEE0) for letter in name)


def test_a_right_password_signs_in_and_a_wrong_one_does_not(stack: Stack, admin: Admin) -> None:
    with browser(stack) as client:
        refused(sign_in(client, admin.name, "wrong"), 401, "wrong_password")
        refused(sign_in(client, f"no-{admin.name}", admin.password), 401, "wrong_password")
        token_of(sign_in(client, admin.name, admin.password))


def test_the_form_signs_in_and_says_what_is_wrong(stack: Stack, admin: Admin) -> None:
    with browser(stack) as client:
        wrong = client.post("/admin/login", data={"user": admin.name, "password": "wrong", "next": "/admin"})
        assert (wrong.status_code, "do not belong together" in wrong.text) == (403, True)
        right = client.post(
            "/admin/login", data={"user": admin.name, "password": admin.password, "next": "//evil"}
        )
        assert (right.status_code, right.headers["location"]) == (303, "/admin")
        assert client.get("/admin").status_code == httpx.codes.OK


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"user": "a"},
        {"user": "a", "password": "p" * 257},
        {"user": "a" * 201, "password": "p"},
        {"user": 1, "password": "p"},
        {"user": "a", "password": "p", "more": 1},
    ],
    ids=str,
)
def test_a_body_that_is_no_sign_in_is_refused(stack: Stack, body: dict[str, object]) -> None:
    with browser(stack) as client:
        refused(client.post(SESSIONS, json=body), 422, "invalid")


def test_a_name_in_any_spelling_is_the_same_admin_and_an_accent_is_not(stack: Stack, admin: Admin) -> None:
    with browser(stack) as client:
        for name in (admin.name.upper(), f"  {admin.name} ", full_width(admin.name)):
            token_of(sign_in(client, name, admin.password))
        refused(sign_in(client, admin.name.replace("a", "\u00e1"), admin.password), 401, "wrong_password")


def test_every_spelling_of_a_name_has_the_same_tries(stack: Stack, admin: Admin) -> None:
    spellings = [admin.name, admin.name.upper(), admin.name + " ", full_width(admin.name)]
    with browser(stack) as client:
        for n in range(BY_NAME_AND_ADDRESS[0]):
            refused(sign_in(client, spellings[n % len(spellings)], f"wrong {n}"), 401, "wrong_password")
        for name in spellings:
            answer = sign_in(client, name, admin.password)
            refused(answer, 429, "too_many")
            assert 0 < int(answer.headers["retry-after"]) <= 400


def test_tries_at_once_are_counted_before_any_password_is_looked_at(stack: Stack, admin: Admin) -> None:
    address = new_address()
    memory_before = peak_kib(stack)

    def attempt(n: int) -> httpx.Response:
        with browser(stack, address) as client:
            return sign_in(client, admin.name, f"wrong {n}")

    answers: list[httpx.Response] = []
    for _ in range(3):  # the queue of passwords to be checked is not what limits them
        with ThreadPoolExecutor(30) as pool:
            answers += pool.map(attempt, range(30))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {401, 429}
    assert statuses.count(401) <= BY_NAME_AND_ADDRESS[0]
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 429)
    assert peak_kib(stack) - memory_before < 100_000, "two hashes of 19 MiB at once"


def peak_kib(stack: Stack) -> int:
    """The most memory the web processes ever had."""
    statuses = [Path(f"/proc/{pid}/status").read_text() for pid in stack.web_processes]
    return sum(int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) for status in statuses)


def test_one_address_has_only_so_many_tries_whatever_names_it_tries(stack: Stack, admin: Admin) -> None:
    with browser(stack) as client:
        for n in range(BY_ADDRESS[0]):
            refused(sign_in(client, f"{admin.name}-{n}", "wrong"), 401, "wrong_password")
        refused(sign_in(client, admin.name, admin.password), 429, "too_many")
    with browser(stack) as elsewhere:
        token_of(sign_in(elsewhere, admin.name, admin.password))


def test_a_header_that_anybody_may_send_gives_nobody_more_tries(stack: Stack, admin: Admin) -> None:
    with browser(stack) as client:
        for n in range(BY_NAME_AND_ADDRESS[0]):
            client.headers["X-Forwarded-For"] = new_address()
            refused(sign_in(client, admin.name, f"wrong {n}"), 401, "wrong_password")
        client.headers["X-Forwarded-For"] = new_address()
        refused(sign_in(client, admin.name, admin.password), 429, "too_many")


def test_a_right_password_gives_its_tries_back(stack: Stack, admin: Admin) -> None:
    with browser(stack) as client:
        for _ in range(2):
            for n in range(BY_NAME_AND_ADDRESS[0] - 1):
                refused(sign_in(client, admin.name, f"wrong {n}"), 401, "wrong_password")
            token_of(sign_in(client, admin.name, admin.password))
            client.cookies.clear()


def try_in_vain(stack: Stack, admin: Admin, times: int) -> None:
    """Wrong passwords from many addresses, until the name has no more tries."""
    for _ in range(0, times, BY_NAME_AND_ADDRESS[0]):
        with browser(stack) as client:
            for n in range(BY_NAME_AND_ADDRESS[0]):
                answer = sign_in(client, admin.name, f"wrong {n}")
                assert answer.status_code in (401, 429)


def test_wrong_tries_from_everywhere_do_not_lock_out_a_device_that_was_signed_in_before(
    stack: Stack, admin: Admin
) -> None:
    with browser(stack) as known:
        token_of(sign_in(known, admin.name, admin.password))
        known.delete(SESSIONS)
        try_in_vain(stack, admin, BY_NAME[0])
        with browser(stack) as stranger:
            refused(sign_in(stranger, admin.name, admin.password), 429, "too_many")
        token_of(sign_in(known, admin.name, admin.password))


def test_a_device_that_was_stolen_has_few_tries(stack: Stack, admin: Admin) -> None:
    with browser(stack) as known:
        token_of(sign_in(known, admin.name, admin.password))
        for n in range(BY_DEVICE[0]):
            refused(sign_in(known, admin.name, f"wrong {n}"), 401, "wrong_password")
        refused(sign_in(known, admin.name, admin.password), 429, "too_many")


def test_the_device_of_another_admin_opens_no_door(stack: Stack, env: dict[str, str], admin: Admin) -> None:
    other = new_admin(env)
    with browser(stack) as client:
        token_of(sign_in(client, other.name, other.password))
        for n in range(BY_NAME_AND_ADDRESS[0]):
            refused(sign_in(client, admin.name, f"wrong {n}"), 401, "wrong_password")
        refused(sign_in(client, admin.name, admin.password), 429, "too_many")


def test_a_password_hashed_as_it_was_before_is_good_and_hashed_anew(
    stack: Stack, env: dict[str, str], admin: Admin
) -> None:
    digest = hashlib.scrypt(admin.password.encode(), salt=b"s" * 16, n=2**14, r=8, p=5)
    old = f"scrypt${(b's' * 16).hex()}${digest.hex()}"

    async def put(hashed: str) -> None:
        async with open_database(Settings.from_environment(env)) as database:
            await database.execute("UPDATE admins SET password_hash = %s WHERE name = %s", (hashed, admin.name))

    async def kept() -> str:
        async with open_database(Settings.from_environment(env)) as database:
            row = await database.fetch_one("SELECT password_hash FROM admins WHERE name = %s", (admin.name,))
            assert row
            return str(row["password_hash"])

    asyncio.run(put(old))
    with browser(stack) as client:
        refused(sign_in(client, admin.name, "wrong"), 401, "wrong_password")
        assert asyncio.run(kept()) == old
        token_of(sign_in(client, admin.name, admin.password))
        assert asyncio.run(kept()).startswith("$argon2id$")
        token_of(sign_in(client, admin.name, admin.password))
