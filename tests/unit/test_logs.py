"""What processes log for machines: one line of JSON each, which says what it is about."""

import json
import logging
import sys

from app.ids import new_order_id
from app.watch.logs import JsonLines


def told(text: str, *args: object, trace: bool = False) -> dict[str, object]:
    try:
        raise ValueError("one\ntwo")
    except ValueError:
        record = logging.LogRecord(
            "app.x", logging.WARNING, "x.py", 1, text, args, sys.exc_info() if trace else None
        )
    line = JsonLines("ledger").format(record)
    assert "\n" not in line
    read: dict[str, object] = json.loads(line)
    return read


def test_a_line_names_its_order_and_its_event_wherever_they_stand_in_its_words() -> None:
    order_id = new_order_id(4_711)
    line = told("refund %s of order %s: refused", "4f1c", order_id)
    assert (line["order_id"], line["event_id"]) == (order_id, 4_711)
    assert (line["process"], line["level"], line["logger"]) == ("ledger", "WARNING", "app.x")
    assert line["text"] == f"refund 4f1c of order {order_id}: refused"
    assert told("event %d: no snapshot", 12)["event_id"] == 12
    assert "event_id" not in told("redis is unavailable, 3 events wait")


def test_a_trace_and_what_strangers_send_stay_within_one_line() -> None:
    line = told('"} {"level": "INFO\n%s', "\x1b[31m\u2028" + "x" * 50_000, trace=True)
    assert line["level"] == "WARNING"
    assert len(str(line["text"])) <= 20_000
    assert "ValueError: one\ntwo" in str(line["trace"])
