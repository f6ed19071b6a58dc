"""docs/security.md names a test for each promise; each of them exists, and no word of it is out of date."""

import re
from pathlib import Path

import pytest

from stack.application import SECRETS, SECRETS_OF, SERVERS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text()
NAMED = re.findall(r"`((?:unit|stack|browser)/[\w/]+\.py)::(\w+)`", TEXT)


def test_there_are_many() -> None:
    assert len(NAMED) > 50


@pytest.mark.parametrize("file", sorted({file for file, _ in NAMED}))
def test_each_test_that_is_named_exists(file: str) -> None:
    text = (ROOT / "tests" / file).read_text()
    for name in (name for of, name in NAMED if of == file):
        assert re.search(rf"^def {name}\(", text, re.MULTILINE), f"{file}::{name}"


def test_each_item_has_a_test_or_says_that_it_was_read() -> None:
    rows = [line for line in TEXT.partition("## OWASP")[2].splitlines() if re.match(r"\| (\*\*|\d)", line)]
    assert len(rows) > 40
    for row in rows:
        assert "::" in row or "by reading" in row, row


def test_the_table_of_secrets_is_the_one_that_is_handed_out() -> None:
    rows = dict(re.findall(r"^\| (web|refunds, reconcile|sandbox \([^)]*\)) \| (.*) \|$", TEXT, re.MULTILINE))
    for names, known in rows.items():
        told = set(re.findall(r"[A-Z]+(?:_[A-Z]+)+", known))
        for name in names.partition(" (")[0].split(", "):
            assert told == SECRETS_OF[name] & SECRETS - SERVERS, name
