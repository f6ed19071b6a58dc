"""Events and skus: what an organiser may ask for, and what buyers are told of a sale."""

from dataclasses import replace
from decimal import Decimal
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sale.catalog import (
    MAX_CAPACITY,
    MAX_QUANTITY,
    MAX_SKUS,
    Event,
    InvalidEvent,
    Sku,
    Stock,
    check_event,
    hints,
    parse_sku,
    parse_stock,
    parse_time,
    public_state,
    sku_rules,
)
from app.units import DAY_MS, MAX_MINOR
from tests.world.events import an_event

EVENT = an_event(
    "Floor:4500:300", slug="night-of-lights", state="scheduled", accent="#7c3aed", room=200, draw_secret="ab" * 32
)


def stock(available: int, held: int = 0, sold: int = 0) -> Stock:
    return Stock(1, available + held + sold, available, held, sold, 4_500)


def test_a_sku_is_its_name_its_price_and_how_many_there_are() -> None:
    assert parse_sku("Floor:4500:300") == Sku(0, "Floor", 4_500, 300)
    assert parse_sku(" Café, 2. Rang :1:1") == Sku(0, "Café, 2. Rang", 1, 1)
    ruled = parse_sku("Early;:1:1:20;limit=2;from=2026-12-24T20:00+01:00;until=2026-12-25T00:00Z")
    assert ruled == Sku(
        0, "Early;", 1, 1, vat_percent=Decimal(20), max_per_buyer=2,
        sells_from_ms=1_798_138_800_000, sells_until_ms=1_798_156_800_000,
    )  # fmt: skip


def test_the_rules_of_skus_are_one_text_with_those_that_have_any() -> None:
    skus = (Sku(7, "Floor", 1, 1, max_per_buyer=2), Sku(8, "Balcony", 1, 1), Sku(9, "Late", 1, 1, sells_from_ms=5))
    assert sku_rules(skus) == ",7:2::,9::5:,"
    assert sku_rules(skus[1:2]) == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Floor",
        "Floor:4500",
        ":4500:300",
        " :4500:300",
        "Floor::300",
        "Floor:4500:",
        "Floor:45.00:300",
        "Floor:-1:300",
        "Floor:0:300",
        "Floor:4500:0",
        "Floor:4500:-3",
        f"Floor:4500:{MAX_CAPACITY + 1}",
        "Floor:4500:10000000000",
        "Floor:999999999999:1",
        "Floor:4500:300:5%",
        "Floor:4500:300;limit=0",
        "Floor:4500:300;limit=²",
        "Floor:4500:300;from=tomorrow",
        "Floor:4500:300;until=2026-12-24T20:00",
        "Floor:4500:300;from=2026-12-24T20:00Z;until=2026-12-24T20:00Z",
        "Floor:4500:300;colour=red",
        "Floor: 4500:300",
        f"{'F' * 81}:4500:300",
    ],
)
def test_a_sku_that_is_not_as_it_should_be_is_refused(text: str) -> None:
    with pytest.raises(InvalidEvent, match="sku"):
        parse_sku(text)


@given(st.text(max_size=120) | st.from_regex(r"[A-z]{1,3}:\d{1,13}:\d{1,8}", fullmatch=True))
def test_whatever_is_asked_for_it_is_a_sku_or_refused(text: str) -> None:
    try:
        sku = parse_sku(text)
    except InvalidEvent:
        return
    assert 1 <= len(sku.name) <= 80
    assert 1 <= sku.capacity <= MAX_CAPACITY
    # The dearest order there can be still fits into the books.
    assert 1 <= sku.price_minor * MAX_QUANTITY * MAX_SKUS <= MAX_MINOR


def test_an_event_as_it_should_be() -> None:
    check_event(EVENT)
    check_event(replace(EVENT, slug="a", name="É" * 120, room=1, rate_per_minute=1_000_000, max_per_buyer=1_000))


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        (replace(EVENT, slug=slug), "slug")
        for slug in ("", "Night", "a b", "-a", "a-", "é", "a/b", "a\n", "a" * 65, "..")
    ]
    + [(replace(EVENT, name=name), "name") for name in ("", "N" * 121, " N", "N\n", "A \u202egnp.exe", "\u2066")]
    + [(replace(EVENT, currency=currency), "currency") for currency in ("", "usd", "JPY", "KWD", "US")]
    + [
        (replace(EVENT, skus=()), "sku"),
        (replace(EVENT, skus=tuple(Sku(0, f"Row {row}", 1, 1) for row in range(MAX_SKUS + 1))), "sku"),
        (replace(EVENT, skus=(Sku(0, "Floor", 1, 1), Sku(0, "Floor", 2, 2))), "sku"),
    ]
    + [
        wrong
        for number in (0, -1, 1_000_001)
        for wrong in (
            (replace(EVENT, rate_per_minute=number), "rate"),
            (replace(EVENT, room=number), "room"),
            (replace(EVENT, pass_ttl_seconds=number), "pass-ttl"),
            (replace(EVENT, hold_ttl_seconds=number), "hold-ttl"),
            (replace(EVENT, max_per_buyer=number), "max-per-buyer"),
        )
    ]
    + [
        wrong
        for number in (0, -1, 3_651)
        for wrong in (
            (replace(EVENT, retention_days=number), "retention-days"),
            (replace(EVENT, deposit_percent=number, rest_due_days=1), "deposit-percent"),
            (replace(EVENT, deposit_percent=1, rest_due_days=number), "rest-due-days"),
        )
    ]
    + [
        (replace(EVENT, deposit_percent=10), "rest-due-days"),
        (replace(EVENT, rest_due_days=10), "deposit-percent"),
        (replace(EVENT, refund_days=-1), "refund-days"),
    ],
)
def test_an_event_that_is_not_as_it_should_be_is_refused_for_the_right_reason(wrong: Event, part: str) -> None:
    with pytest.raises(InvalidEvent, match=f"^{part}:"):
        check_event(wrong)


def test_an_organiser_reads_that_nobody_pays_a_deposit_where_the_rest_would_come_too_late() -> None:
    starts_at_ms = EVENT.opens_at_ms + 15 * DAY_MS
    event = replace(EVENT, starts_at_ms=starts_at_ms, deposit_percent=20, rest_due_days=14)
    assert not any("deposit" in hint for hint in hints(event))
    assert any(
        hint.startswith("Nobody pays a deposit: 15 days") for hint in hints(replace(event, rest_due_days=15))
    )


def test_a_concert_has_a_time_doors_and_a_venue_or_none_of_them() -> None:
    starts_at_ms = parse_time("starts-at", "2026-12-24T21:00+01:00")
    assert starts_at_ms == parse_time("starts-at", "2026-12-24T20:00Z") == 1_798_142_400_000
    check_event(replace(EVENT, starts_at_ms=starts_at_ms, doors_at_ms=starts_at_ms, venue="Grand Hall, Zürich"))
    check_event(replace(EVENT, name="شب‌های نور 👩‍🎤"))  # letters and emoji that are joined


@pytest.mark.parametrize(
    "text", ["", "tonight", "2026-12-24", "2026-12-24T20:00", "0001-01-01T00:00+01:00", "9" * 99]
)
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidEvent, match=r"^starts-at: .*2026-12-24T20:00Z"):
        parse_time("starts-at", text)


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        (replace(EVENT, venue=""), "venue"),
        (replace(EVENT, venue="V" * 121), "venue"),
        (replace(EVENT, venue="Hall \u202e"), "venue"),
        (replace(EVENT, venue="Hall\nBcc: all"), "venue"),
        (replace(EVENT, doors_at_ms=1), "doors-at"),
        (replace(EVENT, starts_at_ms=1, doors_at_ms=2), "doors-at"),
    ],
)
def test_a_concert_that_cannot_be_like_this_is_refused(wrong: Event, part: str) -> None:
    with pytest.raises(InvalidEvent, match=f"^{part}:"):
        check_event(wrong)


def test_what_is_published_before_the_draw_is_the_hash_of_its_secret() -> None:
    assert EVENT.draw_commitment == sha256(bytes.fromhex(EVENT.draw_secret)).hexdigest()


def test_the_stock_is_read_sku_by_sku() -> None:
    fields = {
        "12:capacity": "9", "12:available": "5", "12:held": "3", "12:sold": "1", "12:price": "100",
        "3:capacity": "2", "3:available": "2", "3:held": "0", "3:sold": "0", "3:price": "7",
    }  # fmt: skip
    assert parse_stock(fields) == {3: Stock(3, 2, 2, 0, 0, 7), 12: Stock(12, 9, 5, 3, 1, 100)}
    assert parse_stock({}) == {}


@pytest.mark.parametrize(
    ("state", "skus", "told"),
    [
        ("scheduled", [stock(5)], "scheduled"),
        ("drawing", [stock(5)], "scheduled"),
        ("open", [stock(5)], "open"),
        ("open", [stock(0, held=1, sold=4), stock(0, sold=5)], "open"),
        ("open", [stock(0, sold=5), stock(1)], "open"),
        ("open", [stock(0, sold=5), stock(0, sold=2)], "sold_out"),
        ("paused", [stock(1)], "paused"),
        ("paused", [stock(0, sold=5)], "sold_out"),
        ("closed", [stock(0, sold=5)], "closed"),
        ("scheduled", [stock(0, sold=5)], "scheduled"),
    ],
)
def test_what_buyers_are_told_of_a_sale(state: str, skus: list[Stock], told: str) -> None:
    assert public_state(state, dict(enumerate(skus))) == told
