"""Proof of work counts once it is done, for the sale it was asked for, and for nothing else."""

import base64
import json
import time
from typing import Any

import altcha.v2 as altcha
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sale.gates import work as rules
from app.sale.gates.work import CALM_PER_SECOND, HARDEST, RefusedWork, Work, counters_for

WORK, OLD = Work({"new": "n" * 32, "old": "o" * 32}), Work({"old": "o" * 32})


def payload(challenge: dict[str, Any], solution: dict[str, Any]) -> str:
    return base64.b64encode(json.dumps({"challenge": challenge, "solution": solution}).encode()).decode()


def solved(challenge: dict[str, Any]) -> str:
    found = altcha.solve_challenge(altcha.Challenge.from_dict(challenge))
    assert found
    return payload(challenge, found.to_dict())


def refused(text: str, event_id: int = 7) -> str:
    with pytest.raises(RefusedWork) as caught:
        WORK.check(event_id, text)
    return caught.value.reason


def test_what_altcha_solves_counts_by_any_key_of_the_ring() -> None:
    assert WORK.check(7, solved(WORK.challenge(7, 20)))
    assert WORK.check(7, solved(OLD.challenge(7, 20)))


def test_what_was_not_done_does_not_count() -> None:
    challenge = WORK.challenge(7, 50)
    done = solved(challenge)
    assert refused(done, event_id=8) == "another_sale"
    other = json.loads(base64.b64decode(solved(WORK.challenge(7, 20))))
    assert refused(payload(challenge, other["solution"])) == "solution"
    assert refused(payload(challenge, {"counter": 1, "derivedKey": "00" * 32})) == "solution"
    cheaper = {**challenge, "parameters": {**challenge["parameters"], "cost": 1}}
    assert refused(payload(cheaper, json.loads(base64.b64decode(done))["solution"])) == "signature"
    assert refused(solved(Work({"k": "x" * 32}).challenge(7, 20))) == "signature"
    unsigned = {**challenge, "signature": None}
    assert refused(payload(unsigned, json.loads(base64.b64decode(done))["solution"])) in ("signature", "malformed")


def test_work_that_was_done_long_ago_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    done = solved(WORK.challenge(7, 20))
    late = time.time() + rules.GOOD_FOR_SECONDS + 5
    monkeypatch.setattr(time, "time", lambda: late)
    assert refused(done) == "expired"


@given(st.text(max_size=200) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_anything_else_is_refused(text: str) -> None:
    refused(text)
    refused(base64.b64encode(text.encode("utf-8", "replace")).decode())


def test_the_more_ask_the_harder_it_is_and_never_more_than_eight_times() -> None:
    assert counters_for(1_000, 0) == counters_for(1_000, CALM_PER_SECOND) == 1_000
    assert counters_for(1_000, 3 * CALM_PER_SECOND) == 3_000
    assert counters_for(1_000, 10**6) == round(1_000 * HARDEST)
    busy = Work({"k": "x" * 32})
    keys = {busy.challenge(7, 10)["parameters"]["keyPrefix"] for _ in range(300)}
    assert len(keys) == 300, "no challenge is given twice"
