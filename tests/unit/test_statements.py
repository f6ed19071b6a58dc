"""An SQL file is split where MySQL would split it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.infra.migrations import FOLDER
from app.infra.statements import Unfinished, statements


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("-- first; not\nDROP TABLE a; -- second;\n\nDROP TABLE b;\n", ["DROP TABLE a", "DROP TABLE b"]),
        ("", []),
        (" ;; \n; -- nothing", []),
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 'a;b -- c # d /* e */'; SELECT 2", ["SELECT 'a;b -- c # d /* e */'", "SELECT 2"]),
        ("SELECT 'it''s; so', 'it\\'s; so'; SELECT 2", ["SELECT 'it''s; so', 'it\\'s; so'", "SELECT 2"]),
        ('SELECT "a;""b;", `c;``d`; SELECT 2', ['SELECT "a;""b;", `c;``d`', "SELECT 2"]),
        ("SELECT '\\\\'; SELECT 2", ["SELECT '\\\\'", "SELECT 2"]),
        ("SELECT 1 # one; only\n; SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("SELECT/* one; only */1; SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("SELECT 5--1; SELECT 2--", ["SELECT 5--1", "SELECT 2"]),
        ("SELECT 6 /*! , 7; */, 8 / 2", ["SELECT 6 /*! , 7; */, 8 / 2"]),
        ("SELECT '-- \n;'", ["SELECT '-- \n;'"]),
    ],
)  # fmt: skip
def test_the_statements_of_a_file(text: str, found: list[str]) -> None:
    assert statements(text) == found


@pytest.mark.parametrize(
    "text", ["SELECT 'a; SELECT 2;", 'SELECT "a', "SELECT `a", "SELECT 1 /* a; SELECT 2", "\n'"]
)
def test_what_is_never_closed_is_told_with_its_line(text: str) -> None:
    with pytest.raises(Unfinished, match=r"line [12]: .* is never closed"):
        statements(text)


@given(st.lists(st.text("a;-#'\"`\\/* \n", max_size=8), max_size=6))
def test_quoted_text_is_never_split(words: list[str]) -> None:
    quoted = ["SELECT '" + word.replace("\\", "\\\\").replace("'", "''") + "'" for word in words]
    assert statements(";\n".join(quoted)) == quoted


def test_every_migration_can_be_read() -> None:
    for path in [FOLDER.parent / "schema.sql", *FOLDER.glob("*.sql")]:
        assert all(
            statement.split()[0] in ("CREATE", "ALTER", "UPDATE", "INSERT", "DROP")
            for statement in statements(path.read_text())
        )
