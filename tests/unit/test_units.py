"""Money and time: exact there and back."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.units import MAX_MINOR, iso, money_text, now_ms, to_datetime, to_decimal, to_minor, to_ms

END_OF_9999_MS = 253_402_300_799_999


def test_money_is_an_exact_decimal_in_the_books() -> None:
    assert to_decimal(4_510) == Decimal("45.10")
    assert str(to_decimal(4_510)) == "45.10"
    assert to_minor(Decimal("45.1")) == 4_510
    assert to_minor(Decimal("-0.01")) == -1


@given(st.integers(-MAX_MINOR, MAX_MINOR))
def test_money_comes_back_as_it_was(amount_minor: int) -> None:
    amount = to_decimal(amount_minor)
    assert to_minor(amount) == amount_minor
    assert amount == amount.quantize(Decimal("0.01"))


@given(st.lists(st.integers(0, MAX_MINOR // 100), max_size=100))
def test_adding_in_minor_units_is_adding_in_the_books(amounts: list[int]) -> None:
    assert to_minor(sum(map(to_decimal, amounts), Decimal())) == sum(amounts)


@pytest.mark.parametrize("amount", ["0.001", "45.105", "1E-9", "NaN"])
def test_a_fraction_of_a_minor_unit_is_no_money(amount: str) -> None:
    with pytest.raises(ValueError, match="fraction"):
        to_minor(Decimal(amount))


@pytest.mark.parametrize(
    ("amount_minor", "currency", "text"),
    [
        (450_000, "USD", "$4,500.00"),
        (5, "EUR", "€0.05"),
        (123_456_789, "GBP", "£1,234,567.89"),
        (990, "CHF", "CHF 9.90"),
        (0, "USD", "$0.00"),
        (-4_510, "USD", "-$45.10"),
        (-1, "SEK", "-SEK 0.01"),
    ],
)
def test_money_as_people_read_it(amount_minor: int, currency: str, text: str) -> None:
    assert money_text(amount_minor, currency) == text


def test_a_time_in_each_of_its_forms() -> None:
    at_ms = 1_795_462_200_007
    assert iso(at_ms) == "2026-11-23T19:30:00.007Z"
    assert to_datetime(at_ms) == datetime(2026, 11, 23, 19, 30, 0, 7_000)  # as MySQL has it
    assert to_ms(to_datetime(at_ms)) == at_ms


@given(st.integers(0, END_OF_9999_MS))
def test_a_time_comes_back_as_it_was(at_ms: int) -> None:
    assert to_ms(to_datetime(at_ms)) == at_ms
    assert to_datetime(at_ms).microsecond % 1_000 == 0, "DATETIME(3) would cut it"
    text = iso(at_ms)
    assert len(text) == len("2026-11-23T19:30:00.007Z")
    assert to_ms(datetime.fromisoformat(text).replace(tzinfo=None)) == at_ms


def test_now_is_now() -> None:
    assert abs(now_ms() - datetime.now(UTC).timestamp() * 1_000) < 1_000
