"""What organisers are told of a sale: what buyers are told, and what is behind it."""

from typing import get_args

import pytest

from app.organisers.dashboard import state_for_organisers
from app.organisers.snapshot import OrganiserState
from app.sale.catalog import Stock
from app.web.rendering import FILES, TEMPLATES

LEFT = {1: Stock(1, 10, 4, 1, 5, 4_500)}
ALL_HELD = {1: Stock(1, 10, 0, 1, 9, 4_500)}
ALL_SOLD = {1: Stock(1, 10, 0, 0, 10, 4_500)}


@pytest.mark.parametrize(
    ("state", "stock", "told"),
    [
        ("open", LEFT, "open"),
        ("open", ALL_HELD, "open"),
        ("open", ALL_SOLD, "sold_out"),
        ("paused", ALL_SOLD, "sold_out"),
        ("drawing", LEFT, "drawing"),
        ("closed", ALL_SOLD, "closed"),
        (None, {}, "not_ready"),
    ],
)
def test_organisers_are_told_what_buyers_are_told_and_when_it_is_drawn(
    state: str | None, stock: dict[int, Stock], told: OrganiserState
) -> None:
    assert state_for_organisers(state, stock) == told


@pytest.mark.parametrize("state", get_args(OrganiserState))
def test_each_state_has_a_word_in_the_page_and_in_its_script(state: str) -> None:
    said = (
        TEMPLATES["en"].from_string("{% import 'macros.html' as m %}{{ m.sale_words(state) }}").render(state=state)
    )
    assert said.strip() not in ("", state)
    script = FILES["js/admin/en/catalogue.js"].content.decode()
    assert f'"sale.{state}":' in script
