"""Admins' names and passwords: one form, one cost, and only so many at once."""

import asyncio
import time
from collections.abc import Iterator
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.organisers import accounts
from app.organisers.accounts import (
    HASHES_AT_ONCE,
    QUEUE_OF_KNOWN_DEVICES,
    QUEUE_OF_STRANGERS,
    PasswordChecks,
    TooBusy,
    canonical_name,
    check_password,
    hash_password,
    is_outdated,
)

PASSWORD = "correct horse battery"  # noqa: S105


# As it was made before argon2id.
SCRYPT_HASH = (
    "scrypt$73737373737373737373737373737373$67bd4733db76ba6d54d0"
    "5b40a4f167f0a437c6195dc4b63d9b8161e8e44d01fc47b554c1b5be2e2b5e65acebe236556e389496e8ff9f8b"
    "2a1fd71d9b0e326cc1"
)


@pytest.mark.parametrize(
    "text", ["admin", "ADMIN", " Admin\t", "admin ", "\uff41\uff44\uff4d\uff49\uff4e", "adm\u0131n"]
)
def test_a_name_is_one_name_however_it_is_written(text: str) -> None:
    assert (canonical_name(text) == "admin") is (text != "adm\u0131n"), "a dotless i is another letter"


def test_an_accent_makes_another_name_and_writes_it_in_one_way() -> None:
    assert canonical_name("a\u0301dmin") == canonical_name("\u00c1DMIN") == "\u00e1dmin"


@given(st.text(max_size=80))
def test_a_canonical_name_stays_as_it_is(text: str) -> None:
    name = canonical_name(text)
    assert canonical_name(name) == name
    assert canonical_name(f" {text} ".upper().lower()) == canonical_name(f" {text} ".upper().lower().casefold())


def test_a_password_is_right_or_wrong() -> None:
    hashed = hash_password(PASSWORD)
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert check_password(PASSWORD, hashed)
    assert not check_password(PASSWORD + " ", hashed)
    assert not check_password("", hashed)
    assert hash_password(PASSWORD) != hashed, "salted"


def test_an_older_hash_is_good_and_known_to_be_old() -> None:
    assert check_password(PASSWORD, SCRYPT_HASH)
    assert not check_password("another", SCRYPT_HASH)
    assert is_outdated(SCRYPT_HASH)
    assert not is_outdated(hash_password(PASSWORD))


@pytest.mark.parametrize("hashed", [None, "", "nonsense", "$argon2id$"])
def test_without_a_hash_no_password_is_right(hashed: str | None) -> None:
    assert not check_password(PASSWORD, hashed)


def test_an_unknown_name_takes_as_long_as_a_known_one() -> None:
    def seconds(hashed: str | None) -> float:
        took = []
        for _ in range(3):
            began = time.thread_time()
            check_password("wrong", hashed)
            took.append(time.thread_time() - began)
        return min(took)

    known, unknown = seconds(hash_password(PASSWORD)), seconds(None)
    assert 0.5 < unknown / known < 2, (known, unknown)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """Hashes that take until this is set: what is asked for meanwhile waits, on a machine of any speed."""
    may_end = Event()
    monkeypatch.setattr(accounts, "check_password", lambda password, hashed: may_end.wait(10))
    yield may_end
    may_end.set()


def asked_at_once(count: int, may_end: Event, *, known_device: bool) -> int:
    """How many of so many checks at once are refused."""

    async def ask() -> int:
        checks = PasswordChecks()
        asked = [
            asyncio.create_task(checks.check(PASSWORD, None, known_device=known_device)) for _ in range(count)
        ]
        await asyncio.sleep(0)
        may_end.set()
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert all(answer is True or isinstance(answer, TooBusy) for answer in answers)
        assert await checks.check(PASSWORD, None, known_device=False), "afterwards there is room again"
        assert len(checks._threads._threads) <= HASHES_AT_ONCE
        checks.close()
        return sum(isinstance(answer, TooBusy) for answer in answers)

    return asyncio.run(ask())


def test_only_so_many_passwords_wait_to_be_checked(held: Event) -> None:
    assert asked_at_once(100, held, known_device=False) == 100 - QUEUE_OF_STRANGERS


def test_strangers_leave_room_for_known_devices(held: Event) -> None:
    assert QUEUE_OF_KNOWN_DEVICES > QUEUE_OF_STRANGERS
    assert asked_at_once(100, held, known_device=True) == 100 - QUEUE_OF_KNOWN_DEVICES


def test_whoever_goes_away_gives_no_room_before_the_hash_is_done(held: Event) -> None:
    async def leave() -> None:
        checks = PasswordChecks()
        asked = [
            asyncio.create_task(checks.check(PASSWORD, None, known_device=False))
            for _ in range(QUEUE_OF_STRANGERS)
        ]
        await asyncio.sleep(0)
        for task in asked[:HASHES_AT_ONCE]:
            task.cancel()
        await asyncio.sleep(0.001)
        with pytest.raises(TooBusy):
            await checks.check(PASSWORD, None, known_device=False)
        held.set()
        await asyncio.gather(*asked, return_exceptions=True)
        checks.close()

    asyncio.run(leave())
