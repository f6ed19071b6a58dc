"""The table of problems: each code stands for one thing, and every refusal of the scripts has one."""

import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from app.orders.reservations import Refused
from app.web.problems import KINDS, Problem, refusal_of

LUA = Path(__file__).parent.parent.parent / "app" / "lua"


def test_every_problem_says_what_to_do() -> None:
    for code, kind in KINDS.items():
        assert re.fullmatch("[a-z_]{3,40}", code)
        assert 400 <= kind.status < 600
        assert kind.title.endswith(".")
        assert kind.advice.endswith(".")


def test_every_refusal_of_reserve_has_its_problem() -> None:
    text = (LUA / "reserve.lua").read_text()
    answers = set(re.findall(r"return \{'([A-Z_]+)'", text)) - {"HELD"}
    assert {"SOLD_OUT", "NO_PASS", "LIMIT", "BUSY", "NOT_READY", "PAUSED"} <= answers
    for answer in answers:
        asked_for: dict[str, Sequence[Any]] = {"SOLD_OUT": ["7", 0], "LIMIT": [1, 4], "UNKNOWN_SKU": ["7"]}
        assert refusal_of(Refused(answer, *asked_for.get(answer, ()))).kind.code in KINDS


def test_an_answer_of_a_script_that_nobody_thought_of_is_a_bug() -> None:
    with pytest.raises(Refused):
        refusal_of(Refused("RAIN"))


def test_who_was_refused_together_does_not_come_back_together() -> None:
    random.seed(1)
    told = {Problem("busy").headers()["Retry-After"] for _ in range(100)}
    assert len(told) > 3
    assert Problem("sold_out").headers() == {}


def test_a_wait_that_is_known_is_told_and_never_shortened() -> None:
    told = {int(Problem("too_many", retry_seconds=30).headers()["Retry-After"]) for _ in range(200)}
    assert min(told) >= 30
    assert max(told) <= 36
    assert len(told) > 3
