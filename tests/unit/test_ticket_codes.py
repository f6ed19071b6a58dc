"""The code of a ticket: whoever does not have the key cannot make one, and nothing about it can be changed."""

import base64
import secrets

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from app.tickets.codes import MAX_CODE_LENGTH, BadCode, Claim, TicketKeys

KEYS = TicketKeys({"A1": b"a" * 32})
TICKET = "0a" * 16
CODE = KEYS.code(TICKET, 7, 12)


@given(st.binary(min_size=16, max_size=16), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_a_code_says_which_ticket_of_which_kind_and_event(ticket: bytes, event_id: int, sku_id: int) -> None:
    code = KEYS.code(ticket.hex(), event_id, sku_id)
    assert KEYS.read(code) == Claim(ticket.hex(), event_id, sku_id)
    assert KEYS.code(ticket.hex(), event_id, sku_id) == code, "the same every time"
    assert len(code) <= MAX_CODE_LENGTH


def test_it_is_read_in_small_letters_too_and_packs_tightly() -> None:
    assert KEYS.read(CODE.lower()).ticket_id == TICKET
    assert set(CODE) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789."), "what a QR code's alphanumeric mode has"


@pytest.mark.parametrize("place", range(0, len(CODE), 7))
def test_no_letter_of_it_can_be_changed(place: int) -> None:
    for letter in "A7BZ":
        if CODE[place] != letter:
            with pytest.raises(BadCode):
                KEYS.read(CODE[:place] + letter + CODE[place + 1 :])


def test_the_last_letter_has_one_right_way() -> None:
    """The last of 143 letters has three bits to spare."""
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    others = [letter for letter in last if letter != CODE[-1]]
    assert len(others) == 31
    for letter in others:
        with pytest.raises(BadCode):
            KEYS.read(CODE[:-1] + letter)


@given(st.text(max_size=200) | st.from_regex(r"[A-Z0-9]{1,8}\.[A-Z2-7]{143}", fullmatch=True))
def test_whatever_else_is_read_is_no_code(text: str) -> None:
    with pytest.raises(BadCode):
        KEYS.read(text)


def test_another_key_with_the_same_name_makes_no_good_code() -> None:
    with pytest.raises(BadCode):
        KEYS.read(TicketKeys({"A1": secrets.token_bytes(32)}).code(TICKET, 7, 12))


def test_a_new_key_signs_while_the_old_ones_codes_are_good() -> None:
    ring = TicketKeys({"B2": b"b" * 32, "A1": b"a" * 32})
    assert ring.read(CODE) == KEYS.read(CODE)
    assert ring.code(TICKET, 7, 12).startswith("B2.")
    with pytest.raises(BadCode):
        KEYS.read(ring.code(TICKET, 7, 12))
    with pytest.raises(BadCode):
        ring.read("B2" + CODE[2:])


def test_the_public_key_is_enough_to_check_a_code() -> None:
    """As a door without a network does it: static/js/door says the same."""
    [public] = KEYS.public
    key = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(public.x + "="))
    body = base64.b32decode(CODE.partition(".")[2] + "=")
    key.verify(body[25:], b"ticketcraze ticket " + public.id.encode() + b"." + body[:25])
