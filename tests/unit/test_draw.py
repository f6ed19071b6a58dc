"""The rules of the waiting room: a fair draw, honest times."""

import random
import secrets
from hashlib import sha256
from hmac import HMAC

from hypothesis import given
from hypothesis import strategies as st

from app.sale.draw import draw_order, public_buyer_id

SECRET = "5e" * 32
buyer_ids = st.lists(st.text("0123456789abcdef", min_size=1, max_size=32), unique=True, max_size=60)


@given(buyer_ids)
def test_everybody_in_the_lobby_is_drawn_once(buyers: list[str]) -> None:
    assert sorted(draw_order(buyers, SECRET)) == sorted(buyers)


@given(buyer_ids, st.randoms(use_true_random=False))
def test_who_came_first_does_not_matter(buyers: list[str], chance: random.Random) -> None:
    drawn = draw_order(buyers, SECRET)
    chance.shuffle(buyers)
    assert draw_order(buyers, SECRET) == drawn


def test_another_secret_draws_another_order() -> None:
    buyers = [secrets.token_hex(16) for _ in range(100)]
    orders = {tuple(draw_order(buyers, secrets.token_hex(32))) for _ in range(20)}
    assert len(orders) == 20


def test_one_buyer_more_mixes_all_of_them_anew() -> None:
    buyers = [secrets.token_hex(16) for _ in range(100)]
    before = draw_order(buyers, SECRET)
    after = [buyer for buyer in draw_order([*buyers, "one more"], SECRET) if buyer != "one more"]
    assert after != before


def test_every_place_is_as_likely_for_everybody() -> None:
    buyers = [secrets.token_hex(16) for _ in range(10)]
    firsts = [draw_order(buyers, secrets.token_hex(32))[0] for _ in range(2_000)]
    for buyer in buyers:
        assert 120 < firsts.count(buyer) < 280, "200 of 2,000 are expected, give or take six standard deviations"


def test_anybody_can_check_the_draw_with_what_is_published() -> None:
    """Written anew from the description alone, with public ids only."""
    buyers = [secrets.token_hex(16) for _ in range(50)]
    entrants = sorted(map(public_buyer_id, buyers))
    list_hash = sha256("\n".join(entrants).encode()).digest()
    by_hand = sorted(
        entrants, key=lambda public: HMAC(bytes.fromhex(SECRET), list_hash + public.encode(), "sha256").digest()
    )
    assert [public_buyer_id(buyer) for buyer in draw_order(buyers, SECRET)] == by_hand


def test_a_public_id_does_not_give_the_buyer_away() -> None:
    buyer = secrets.token_hex(16)
    assert buyer not in public_buyer_id(buyer)
    assert len(public_buyer_id(buyer)) == 32
