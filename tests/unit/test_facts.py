"""The bytes on the Kafka topic: what was written once is read for ever, and nothing else is taken for a fact."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.orders.facts import (
    CancelRequested,
    Fact,
    HoldExtended,
    HoldKept,
    HoldLapsed,
    Item,
    OrderCalledOff,
    OrderPlaced,
    PaymentFailed,
    PaymentStarted,
    PaymentSucceeded,
    RefundDecided,
    RefundFailed,
    RefundRequested,
    RefundSucceeded,
    Returned,
    ReviewAccepted,
    UndecodableFact,
    decode,
    encode,
)

ORDER = "019412d0-1a2b-7c3d-8e4f-123400000007"

# Version 1 of every fact, byte for byte. Never change one of these: Kafka is full of them.
GOLDEN: list[tuple[bytes, Fact]] = [
    (
        b'{"type":"OrderPlaced","fact_id":"f1","order_id":"019412d0-1a2b-7c3d-8e4f-123400000007",'
        b'"occurred_at_ms":1764000000000,"version":1,"event_id":7,"buyer_id":"00112233445566778899aabbccddeeff",'
        b'"items":[{"sku_id":3,"quantity":2,"price_minor":4500},{"sku_id":4,"quantity":1,"price_minor":9900}],'
        b'"total_minor":18900,"currency":"USD","expires_at_ms":1764000300000,"idempotency_key":"k-1",'
        b'"request_hash":"9f86d081","outbox_id":"1764000000000-0"}',
        OrderPlaced(
            fact_id="f1",
            order_id=ORDER,
            occurred_at_ms=1_764_000_000_000,
            event_id=7,
            buyer_id="00112233445566778899aabbccddeeff",
            items=(Item(3, 2, 4_500), Item(4, 1, 9_900)),
            total_minor=18_900,
            currency="USD",
            expires_at_ms=1_764_000_300_000,
            idempotency_key="k-1",
            request_hash="9f86d081",
            outbox_id="1764000000000-0",
        ),
    ),
    (
        b'{"type":"CancelRequested","fact_id":"f2","order_id":"019412d0-1a2b-7c3d-8e4f-123400000007",'
        b'"occurred_at_ms":1764000000001,"version":1,"outbox_id":"1764000000001-0"}',
        CancelRequested(
            fact_id="f2", order_id=ORDER, occurred_at_ms=1_764_000_000_001, outbox_id="1764000000001-0"
        ),
    ),
    (
        b'{"type":"HoldExtended","fact_id":"f12","order_id":"019412d0-1a2b-7c3d-8e4f-123400000007",'
        b'"occurred_at_ms":1764000000011,"version":1,"expires_at_ms":1764000600000,"outbox_id":"1764000000011-0"}',
        HoldExtended(
            fact_id="f12",
            order_id=ORDER,
            occurred_at_ms=1_764_000_000_011,
            expires_at_ms=1_764_000_600_000,
            outbox_id="1764000000011-0",
        ),
    ),
    (
        b'{"type":"PaymentStarted","fact_id":"f3","order_id":"019412d0-1a2b-7c3d-8e4f-123400000007",'
        b'"occurred_at_ms":1764000000002,"version":1,"payment_id":"p1","provider":"sandbox","amount_minor":18900,'
        b'"currency":"USD"}',
        PaymentStarted(
            fact_id="f3",
            order_id=ORDER,
            occurred_at_ms=1_764_000_000_002,
            payment_id="p1",
            provider="sandbox",
            amount_minor=18_900,
            currency="USD",
        ),
    ),
    (
        b'{"type":"PaymentSucceeded","fact_id":"f4","order_id":"019412d0-1a2b-7c3d-8e4f-123400000007",'
        b'"occurred_at_ms":1764000000003,"version":1,"payment_id":"p1","provider":"sandbox",'
        b'"transaction_id":"tx_1","amount_minor":18900,"currency":"USD"}',
        PaymentSucceeded(
            fact_id="f4",
            order_id=ORDER,
            occurred_at_ms=1_764_000_000_003,
            payment_id="p1",
            provider="sandbox",
            transaction_id="tx_1",
            amount_minor=18_900,
            currency="USD",
        ),
    ),
    (
        b'{"type":"PaymentFailed","fact_id":"f5","order_id":"019412d0-1a2b-7c3d-8e4f-123400000007",'
        b'"occurred_at_ms":1764000000004,"version":1,"payment_id":"p1","provider":"sandbox","reason":"declined"}',
        PaymentFailed(
            fact_id="f5",
            order_id=ORDER,
            occurred_at_ms=1_764_000_000_004,
            payment_id="p1",
            provider="sandbox",
            reason="declined",
        ),
    ),
    (
        b'{"type":"HoldLapsed","fact_id":"f6","order_id":"019412d0-1a2b-7c3d-8e4f-123400000007",'
        b'"occurred_at_ms":1764000300001,"version":1,"expires_at_ms":1764000300000}',
        HoldLapsed(
            fact_id="f6", order_id=ORDER, occurred_at_ms=1_764_000_300_001, expires_at_ms=1_764_000_300_000
        ),
    ),
    (
        b'{"type":"RefundRequested","fact_id":"f7","order_id":"019412d0-1a2b-7c3d-8e4f-123400000007",'
        b'"occurred_at_ms":1764000000005,"version":1,"payment_id":"p1","amount_minor":4500,'
        b'"reason":"Regen \xe2\x98\x94"}',
        RefundRequested(
            fact_id="f7",
            order_id=ORDER,
            occurred_at_ms=1_764_000_000_005,
            payment_id="p1",
            amount_minor=4_500,
            reason="Regen \N{UMBRELLA WITH RAIN DROPS}",
        ),
    ),
    (
        b'{"type":"RefundSucceeded","fact_id":"f8","order_id":"019412d0-1a2b-7c3d-8e4f-123400000007",'
        b'"occurred_at_ms":1764000000006,"version":1,"refund_id":"f7","transaction_id":"tx_2"}',
        RefundSucceeded(
            fact_id="f8",
            order_id=ORDER,
            occurred_at_ms=1_764_000_000_006,
            refund_id="f7",
            transaction_id="tx_2",
        ),
    ),
    (
        b'{"type":"RefundFailed","fact_id":"f9","order_id":"019412d0-1a2b-7c3d-8e4f-123400000007",'
        b'"occurred_at_ms":1764000000007,"version":1,"refund_id":"f7","reason":"account closed"}',
        RefundFailed(
            fact_id="f9",
            order_id=ORDER,
            occurred_at_ms=1_764_000_000_007,
            refund_id="f7",
            reason="account closed",
        ),
    ),
    (
        b'{"type":"RefundDecided","fact_id":"f10","order_id":"019412d0-1a2b-7c3d-8e4f-123400000007",'
        b'"occurred_at_ms":1764000000008,"version":1,"amount_minor":0,"items":[{"sku_id":3,"quantity":1}],'
        b'"restock":true,"reason":"ill"}',
        RefundDecided(
            fact_id="f10",
            order_id=ORDER,
            occurred_at_ms=1_764_000_000_008,
            items=(Returned(3, 1),),
            restock=True,
            reason="ill",
        ),
    ),
    (
        b'{"type":"OrderCalledOff","fact_id":"f11","order_id":"019412d0-1a2b-7c3d-8e4f-123400000007",'
        b'"occurred_at_ms":1764000000009,"version":1,"restock":false,"reason":"storm"}',
        OrderCalledOff(
            fact_id="f11", order_id=ORDER, occurred_at_ms=1_764_000_000_009, restock=False, reason="storm"
        ),
    ),
    (
        b'{"type":"ReviewAccepted","fact_id":"f12","order_id":"019412d0-1a2b-7c3d-8e4f-123400000007",'
        b'"occurred_at_ms":1764000000010,"version":1,"reason":"a friend"}',
        ReviewAccepted(fact_id="f12", order_id=ORDER, occurred_at_ms=1_764_000_000_010, reason="a friend"),
    ),
    (
        b'{"type":"HoldKept","fact_id":"f14","order_id":"019412d0-1a2b-7c3d-8e4f-123400000007",'
        b'"occurred_at_ms":1764000000012,"version":1,"expires_at_ms":1764000300000,"outbox_id":"1764000000012-0"}',
        HoldKept(
            fact_id="f14",
            order_id=ORDER,
            occurred_at_ms=1_764_000_000_012,
            expires_at_ms=1_764_000_300_000,
            outbox_id="1764000000012-0",
        ),
    ),
]
RECORDS = [record for record, _ in GOLDEN]
NAMES = [type(fact).__name__ for _, fact in GOLDEN]


@pytest.mark.parametrize(("record", "fact"), GOLDEN, ids=NAMES)
def test_what_was_written_once_is_read_for_ever(record: bytes, fact: Fact) -> None:
    assert decode(record) == fact


@pytest.mark.parametrize(("record", "fact"), GOLDEN, ids=NAMES)
def test_what_is_written_now_is_what_was_written_before(record: bytes, fact: Fact) -> None:
    assert encode(fact) == record


def test_every_kind_of_fact_has_its_golden_bytes() -> None:
    assert [type(fact) for _, fact in GOLDEN] == list(Fact.__args__)


def changed(record: bytes, **fields: Any) -> bytes:
    """The record with some fields of another value; None takes the field out."""
    return json.dumps({k: v for k, v in {**json.loads(record), **fields}.items() if v is not None}).encode()


@pytest.mark.parametrize("record", RECORDS, ids=NAMES)
@pytest.mark.parametrize(
    "fields",
    [
        {"type": "OrderEaten"},
        {"type": None},
        {"type": 1},
        {"version": 0},
        {"version": 2},
        {"version": "1"},
        {"fact_id": None},
        {"fact_id": 5},
        {"order_id": None},
        {"order_id": "not an order"},
        {"order_id": ORDER.upper()},
        {"order_id": ORDER + "\n"},
        {"occurred_at_ms": 1.5},
        {"occurred_at_ms": -1},
        {"occurred_at_ms": 10**18},
        {"occurred_at_ms": 10**30},
    ],
    ids=str,
)
def test_what_is_not_quite_a_fact_is_refused(record: bytes, fields: dict[str, Any]) -> None:
    with pytest.raises(UndecodableFact, match=r"\w"):
        decode(changed(record, **fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"items": [{"sku_id": 3, "quantity": "two", "price_minor": 4_500}]},
        {"items": {}},
        {"items": None},
        {"expires_at_ms": 10**18},
        {"expires_at_ms": None},
        {"total_minor": "18900"},
    ],
    ids=str,
)
def test_an_order_that_makes_no_sense_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(UndecodableFact, match=r"\w"):
        decode(changed(RECORDS[0], **fields))


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'"OrderPlaced"',
        b"\xff\xfe",
        RECORDS[1][:-1],
        RECORDS[1] + b"}",
        b"\xef\xbb\xbf" + RECORDS[1],
        RECORDS[1].replace(b"f2", b"\xff"),
        RECORDS[1].replace(b"f2", b"\\ud800"),
        b"[" * 100_000,
        RECORDS[1][:-1] + b',"more":' + b"[" * 100_000,
    ],
    ids=lambda record: repr(record[:24]),
)
def test_what_is_no_fact_at_all_is_refused(record: bytes) -> None:
    with pytest.raises(UndecodableFact, match=r"\w"):
        decode(record)


def test_a_record_without_a_value_is_refused() -> None:
    with pytest.raises(UndecodableFact, match=r"\w"):
        decode(None)


def test_fields_of_a_later_program_are_passed_over() -> None:
    assert decode(changed(RECORDS[1], colour="green")) == GOLDEN[1][1]


@given(st.binary(max_size=400))
def test_whatever_bytes_come_they_are_a_fact_or_refused(record: bytes) -> None:
    decodes_or_is_refused(record)


@given(st.sampled_from(RECORDS), st.integers(0, 400), st.binary(max_size=8), st.integers(0, 8))
def test_a_damaged_record_is_a_fact_or_refused(record: bytes, at: int, put: bytes, taken: int) -> None:
    decodes_or_is_refused(record[:at] + put + record[at + taken :])


def decodes_or_is_refused(record: bytes) -> None:
    try:
        fact = decode(record)
    except UndecodableFact:
        return
    assert decode(encode(fact)) == fact
