"""Signed tokens: ours are read, and nothing else is."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from app.tokens import (
    ADMIN_SECONDS,
    BUYER_SECONDS,
    MAX_LENGTH,
    MAX_NUMBERS,
    RESUME_SECONDS,
    BadToken,
    Buyer,
    Tokens,
    new_buyer,
)

KEY = "k" * 32
TOKENS = Tokens(KEY)
BUYER = Buyer("00112233445566778899aabbccddeeff", {7: 12, 9: 0})
READERS = {"buyer": TOKENS.buyer, "resume": TOKENS.resume, "admin": TOKENS.admin}
AGES = {"buyer": BUYER_SECONDS, "resume": RESUME_SECONDS, "admin": ADMIN_SECONDS}
CONTENT = {
    "buyer": {"id": BUYER.id, "numbers": {"7": 12}},
    "resume": {"id": BUYER.id, "numbers": {"7": 12}},
    "admin": "ada",
}


def signed(use: str, content: object, age_seconds: int = 0, key: str = KEY) -> str:
    """A token as it was made so long ago."""

    class Then(TimestampSigner):
        def get_timestamp(self) -> int:
            return int(time.time()) - age_seconds

    token = URLSafeTimedSerializer(key, salt=f"ticketcraze.{use}", signer=Then).dumps(content)
    return token if isinstance(token, str) else token.decode()


def test_a_token_says_who_the_buyer_is() -> None:
    assert TOKENS.buyer(TOKENS.of_buyer(BUYER)) == BUYER
    assert TOKENS.resume(TOKENS.of_resume(BUYER)) == BUYER
    assert TOKENS.admin(TOKENS.of_admin("ada")) == "ada"


def test_another_process_with_the_same_key_reads_it() -> None:
    assert Tokens(KEY).buyer(TOKENS.of_buyer(BUYER)) == BUYER


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
    # The last letter of base64 has bits to spare, so another letter there may mean the very same signature.
    if altered != token and not (len(altered) == len(token) and altered[:-1] == token[:-1]):
        with pytest.raises(BadToken):
            TOKENS.buyer(altered)


@given(st.text(max_size=200))
def test_whatever_text_comes_it_is_refused(text: str) -> None:
    for read in READERS.values():
        with pytest.raises(BadToken):
            read(text)


def test_a_token_that_is_too_long_is_refused_even_if_signed() -> None:
    with pytest.raises(BadToken):
        TOKENS.admin(signed("admin", "".join(chr(0x4E00 + n) for n in range(MAX_LENGTH))))


def test_a_buyer_carries_the_number_of_each_event() -> None:
    buyer = Buyer("b").with_number(7, 0).with_number(9, 3).with_number(7, 12)
    assert buyer == Buyer("b", {9: 3, 7: 12})


def test_the_oldest_numbers_are_dropped_so_that_a_cookie_holds_the_token() -> None:
    buyer = new_buyer()
    for event_id in range(2**32 - 100, 2**32):
        buyer = buyer.with_number(event_id, 10_000_000 + event_id % 997)
    assert list(buyer.numbers) == list(range(2**32 - MAX_NUMBERS, 2**32))
    assert len(TOKENS.of_buyer(buyer)) <= MAX_LENGTH
    assert TOKENS.buyer(TOKENS.of_buyer(buyer)) == buyer
