"""Ids: unique without coordination, sorted by time, and an order's id names its event."""

import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ids import derived_id, event_of, new_id, new_order_id

MANY = 20_000


@given(st.integers(0, 2**32 - 1))
def test_an_order_id_names_its_event(event_id: int) -> None:
    order_id = new_order_id(event_id)
    assert event_of(order_id) == event_id
    assert len(order_id) == 36, "as wide as its columns"


@given(st.integers(0, 2**32 - 1))
def test_an_order_id_is_a_uuid_of_version_7(event_id: int) -> None:
    before_ms = time.time_ns() // 1_000_000
    parsed = uuid.UUID(order_id := new_order_id(event_id))
    assert (parsed.version, parsed.variant, str(parsed)) == (7, uuid.RFC_4122, order_id)
    assert before_ms <= parsed.int >> 80 <= time.time_ns() // 1_000_000


def test_order_ids_sort_by_time() -> None:
    ids: list[str] = []
    for _ in range(5):
        ids.append(new_order_id(2**32 - 1 - len(ids)))
        time.sleep(0.002)  # the next millisecond
    assert ids == sorted(ids)


def test_many_order_ids_of_one_moment_are_all_different() -> None:
    assert len({new_order_id(7) for _ in range(MANY)}) == MANY
    assert len({new_id() for _ in range(MANY)}) == MANY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "019412d0-1a2b-7c3d-8e4f-12340000000",
        "019412d0-1a2b-7c3d-8e4f-1234000000071",
        "019412d0-1a2b-7c3d-8e4f-123400000007\n",
        "019412D0-1A2B-7C3D-8E4F-123400000007",
        "019412d0-1a2b-4c3d-8e4f-123400000007",
        "019412d0-1a2b-7c3d-ce4f-123400000007",
        "019412d01a2b7c3d8e4f123400000007",
        "{019412d0-1a2b-7c3d-8e4f-123400000007}",
        "019412d0-1a2b-7c3d-8e4f-12340000000\N{ARABIC-INDIC DIGIT SEVEN}",
    ],
)
def test_what_is_no_order_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an order id"):
        event_of(text)


@given(st.text(max_size=40))
def test_no_text_at_all_is_taken_for_an_order_id(text: str) -> None:
    with pytest.raises(ValueError, match="not an order id"):
        event_of(text)


def test_a_derived_id_is_the_same_for_the_same_parts_only() -> None:
    assert derived_id("payment", "a", "0") == derived_id("payment", "a", "0")
    different = {
        derived_id(*parts)
        for parts in [("payment", "a", "0"), ("payment", "a", "1"), ("refund", "a", "0"), ("a",)]
    }
    assert len(different) == 4
    assert all(len(id) == 36 for id in different)
