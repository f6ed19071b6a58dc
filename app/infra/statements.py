"""Splits an SQL file into its statements, as MySQL itself would read it."""

import re

# What must be read whole, so that a semicolon or a comment's mark inside it means nothing.
_TOKEN = re.compile(
    r"""
      (?P<quoted> '(?:[^'\\]|\\.|'')*'  |  "(?:[^"\\]|\\.|"")*"  |  `(?:[^`]|``)*` )
    | (?P<comment> --(?=[\s\x00]|\Z)[^\n]*  |  \#[^\n]*  |  /\*(?![!+M]).*?\*/ )
    | (?P<command> /\*[!+M].*?\*/ )   # /*! … */ is run by MySQL, /*M! … */ by MariaDB, /*+ … */ is a hint
    | (?P<open> ['"`] | /\* )         # begun and never closed
    | (?P<end> ; )
    | (?P<text> [^'"`/\#;-]+ | . )
    """,
    re.VERBOSE | re.DOTALL,
)


class Unfinished(ValueError):
    """A quote or a comment is begun and never closed."""


def statements(text: str) -> list[str]:
    """The statements, without comments and without the semicolons between them. Raises Unfinished."""
    found: list[str] = []
    parts: list[str] = []
    for token in _TOKEN.finditer(text):
        if token.lastgroup == "open":
            line = text.count("\n", 0, token.start()) + 1
            raise Unfinished(f"line {line}: {token[0]} is never closed")
        if token.lastgroup == "end":
            found.append("".join(parts).strip())
            parts = []
        else:
            parts.append(" " if token.lastgroup == "comment" else token[0])
    found.append("".join(parts).strip())
    return [statement for statement in found if statement]
