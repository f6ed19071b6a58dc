"""Signed tokens: ours are read, and nothing else is."""

import hashlib
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from app.tokens import (
    BUYER_SECONDS,
    CLOCK_SECONDS,
    DEVICE_SECONDS,
    MAX_LENGTH,
    MAX_NUMBERS,
    RESUME_SECONDS,
    BadToken,
    Buyer,
    Device,
    Tokens,
    new_buyer,
)

KEY = "k" * 32
TOKENS = Tokens({"a": KEY})
BUYER = Buyer("00112233445566778899aabbccddeeff", {7: 12, 9: 0})
SESSION_SECONDS = 3_600
ORDER_ID = "019412d0-1a2b-7c3d-8e4f-000000000007"
READERS: dict[str, Callable[[str], object]] = {
    "buyer": TOKENS.buyer,
    "resume": TOKENS.resume,
    "session": lambda token: TOKENS.session(token, SESSION_SECONDS),
    "device": TOKENS.device,
}
AGES = {
    "buyer": BUYER_SECONDS,
    "resume": RESUME_SECONDS,
    "session": SESSION_SECONDS,
    "device": DEVICE_SECONDS,
}
CONTENT = {
    "buyer": {"id": BUYER.id, "numbers": {"7": 12}},
    "resume": {"id": BUYER.id, "numbers": {"7": 12}},
    "session": "secret",
    "device": {"admin": "ada", "id": "d1"},
}


def signed(use: str, content: object, age_seconds: int = 0, key: str = KEY, key_id: str = "a") -> str:
    """A token as it was made this long ago."""

    class Then(TimestampSigner):
        def get_timestamp(self) -> int:
            return int(time.time()) - age_seconds

    serializer = URLSafeTimedSerializer(
        key,
        salt=f"ticketcraze.{use}",
        signer=Then,
        signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
    )
    token = serializer.dumps(content)
    return f"{key_id}.{token if isinstance(token, str) else token.decode()}"


def test_a_token_says_who_the_buyer_is() -> None:
    assert TOKENS.buyer(TOKENS.of_buyer(BUYER)) == BUYER
    assert TOKENS.resume(TOKENS.of_resume(BUYER)) == BUYER
    assert TOKENS.session(TOKENS.of_session("secret"), SESSION_SECONDS) == "secret"
    assert TOKENS.device(TOKENS.of_device(Device("ada", "d1"))) == Device("ada", "d1")


def test_another_process_with_the_same_key_reads_it() -> None:
    assert Tokens({"a": KEY}).buyer(TOKENS.of_buyer(BUYER)) == BUYER


def test_every_new_buyer_is_somebody_else() -> None:
    ids = {new_buyer().id for _ in range(1_000)}
    assert len(ids) == 1_000
    assert all(len(id) == 32 for id in ids)


@pytest.mark.parametrize("use", READERS)
def test_a_token_of_another_key_is_refused(use: str) -> None:
    with pytest.raises(BadToken):
        READERS[use](signed(use, CONTENT[use], key="x" * 32))


@pytest.mark.parametrize("use", READERS)
@pytest.mark.parametrize("other", READERS)
def test_a_token_is_good_for_one_use(use: str, other: str) -> None:
    token = signed(use, CONTENT[use])
    if use == other:
        READERS[use](token)
    else:
        with pytest.raises(BadToken):
            READERS[other](token)


@pytest.mark.parametrize("use", READERS)
def test_a_token_ends(use: str) -> None:
    READERS[use](signed(use, CONTENT[use], age_seconds=AGES[use] - 60))
    with pytest.raises(BadToken):
        READERS[use](signed(use, CONTENT[use], age_seconds=AGES[use] + 60))


@pytest.mark.parametrize("use", READERS)
def test_hosts_clocks_may_differ_a_little(use: str) -> None:
    READERS[use](signed(use, CONTENT[use], age_seconds=2 - CLOCK_SECONDS))


@pytest.mark.parametrize("use", READERS)
def test_a_token_from_the_future_is_refused(use: str) -> None:
    with pytest.raises(BadToken):
        READERS[use](signed(use, CONTENT[use], age_seconds=-3_600))


@pytest.mark.parametrize(
    "content",
    [
        None,
        "ada",
        5,
        [],
        {},
        {"id": 5},
        {"id": None},
        {"id": "b", "numbers": [7]},
        {"id": "b", "numbers": {"x": 1}},
    ],
)
def test_a_signed_token_that_is_no_buyer_is_refused(content: object) -> None:
    with pytest.raises(BadToken):
        TOKENS.buyer(signed("buyer", content))


@given(st.data())
def test_an_altered_token_is_refused(data: st.DataObject) -> None:
    token = TOKENS.of_buyer(BUYER)
    at = data.draw(st.integers(0, len(token) - 1))
    put = data.draw(st.text("abcXYZ019-_.", max_size=3))
    altered = token[:at] + put + token[at + data.draw(st.integers(0, 3)) :]
    if altered != token:
        with pytest.raises(BadToken):
            TOKENS.buyer(altered)


@given(st.text(max_size=200))
def test_whatever_text_comes_it_is_refused(text: str) -> None:
    for read in READERS.values():
        with pytest.raises(BadToken):
            read(text)


def test_a_token_that_is_too_long_is_refused_even_if_signed() -> None:
    with pytest.raises(BadToken):
        READERS["session"](signed("session", "".join(chr(0x4E00 + n) for n in range(MAX_LENGTH))))


def test_a_buyer_carries_the_number_of_each_event() -> None:
    buyer = Buyer("b").standing_at(7, 0).standing_at(9, 3).standing_at(7, 12)
    assert buyer == Buyer("b", {9: 3, 7: 12})


def test_the_oldest_numbers_are_dropped_so_that_a_cookie_holds_the_token() -> None:
    buyer = new_buyer()
    for event_id in range(2**32 - 100, 2**32):
        buyer = buyer.standing_at(event_id, 10_000_000 + event_id % 997)
    assert list(buyer.numbers) == list(range(2**32 - MAX_NUMBERS, 2**32))
    assert len(TOKENS.of_buyer(buyer)) <= MAX_LENGTH
    assert TOKENS.buyer(TOKENS.of_buyer(buyer)) == buyer


def test_the_last_letter_of_a_signature_cannot_be_written_in_another_way() -> None:
    token = TOKENS.of_buyer(BUYER)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for letter in letters.replace(token[-1], ""):
        with pytest.raises(BadToken):
            Tokens({"a": KEY}).buyer(token[:-1] + letter)


OLD, NEW = "o" * 32, "n" * 32
ROTATED = Tokens({"new": NEW, "old": OLD})


def test_the_first_key_of_the_ring_signs_and_all_verify() -> None:
    before, after = Tokens({"old": OLD}), Tokens({"new": NEW})
    assert ROTATED.buyer(before.of_buyer(BUYER)) == BUYER
    assert after.buyer(ROTATED.of_buyer(BUYER)) == BUYER
    assert ROTATED.link(before.of_link(ORDER_ID, 3), ORDER_ID) == 3
    assert after.link(ROTATED.of_link(ORDER_ID, 3), ORDER_ID) == 3


@pytest.mark.parametrize("use", READERS)
def test_a_key_that_was_taken_away_verifies_no_more(use: str) -> None:
    assert READERS[use](signed(use, CONTENT[use]))
    for key_id in ("b", "", "A", "a" * 500):
        with pytest.raises(BadToken):
            READERS[use](signed(use, CONTENT[use], key_id=key_id))


def test_a_token_cannot_name_another_key_of_the_ring() -> None:
    token = ROTATED.of_buyer(BUYER)
    with pytest.raises(BadToken):
        ROTATED.buyer("old." + token.partition(".")[2])


def test_tokens_are_signed_with_sha_256_and_stay_short() -> None:
    token = TOKENS.of_buyer(Buyer(BUYER.id, {7: 12}))
    assert len(token.rpartition(".")[2]) == 43, "256 bits in base64"
    assert len(token) < 150
    assert len(TOKENS.of_link(ORDER_ID, 1)) < 50


def test_a_link_is_for_one_order_and_tells_its_version() -> None:
    key = TOKENS.of_link(ORDER_ID, 2)
    assert TOKENS.link(key, ORDER_ID) == 2
    for order_id in (ORDER_ID[:-1] + "8", "", ORDER_ID + ".2"):
        with pytest.raises(BadToken):
            TOKENS.link(key, order_id)
    with pytest.raises(BadToken):
        TOKENS.link(key.replace(".2.", ".3."), ORDER_ID)


@given(st.data())
def test_an_altered_link_is_refused(data: st.DataObject) -> None:
    key = TOKENS.of_link(ORDER_ID, 1)
    at = data.draw(st.integers(0, len(key) - 1))
    altered = key[:at] + data.draw(st.text(max_size=2)) + key[at + data.draw(st.integers(0, 2)) :]
    if altered != key:
        with pytest.raises(BadToken):
            TOKENS.link(altered, ORDER_ID)


@given(st.text(max_size=200))
def test_whatever_text_comes_for_a_link_it_is_refused(text: str) -> None:
    with pytest.raises(BadToken):
        TOKENS.link(text, ORDER_ID)
