"""News between processes: old messages decode for as long as a process may publish them, others are refused."""

import pytest

from app.live.news import Admitted, BadNews, Lapsed, Left, News, OrderNews, Orders, Sale, decode

# As Lua's cjson writes them; tests/stack/test_news.py has every script publish.
GOLDEN: dict[str, News] = {
    '{"kind":"orders","orders":[{"order_id":"0197","buyer":"b1","status":"PENDING","version":1,"total":4500,'
    '"expires_at_ms":1795563295123}]}': Orders([OrderNews("0197", "b1", "PENDING", 1, 4_500, 1_795_563_295_123)]),
    '{"kind":"admitted","buyers":["b1","b2"],"numbers":[7,8],"expires_at_ms":1795563295123}': Admitted(
        ["b1", "b2"], [7, 8], 1_795_563_295_123
    ),
    '{"kind":"lapsed","buyers":["b1"]}': Lapsed(["b1"]),
    '{"kind":"left","buyers":["b1"]}': Left(["b1"]),
    '{"kind":"sale"}': Sale(),
}


@pytest.mark.parametrize("message", GOLDEN, ids=lambda message: str(message)[9:15])
def test_every_kind_of_news_reads_as_it_was_published(message: str) -> None:
    assert decode(message) == GOLDEN[message]


def test_a_field_that_is_not_known_yet_is_passed_over() -> None:
    assert decode('{"kind":"left","buyers":["b1"],"why":"bored"}') == Left(["b1"])


@pytest.mark.parametrize(
    "message",
    [
        "",
        "hello",
        "[]",
        "{}",
        '{"kind":"rain"}',
        '{"kind":"left"}',
        '{"kind":"left","buyers":{}}',
        '{"kind":"admitted","buyers":["b1"],"numbers":[],"expires_at_ms":1}',
        "[" * 100_000,
    ],
    ids=lambda message: message[:20],
)
def test_what_is_no_news_is_refused(message: str) -> None:
    with pytest.raises(BadNews):
        decode(message)
