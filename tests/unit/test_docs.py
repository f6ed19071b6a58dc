"""What the documents name is there: files, links, and functions in the files they are said to be in."""

import re
from pathlib import Path

import pytest

from tests.world.machine import ROOT

PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *(f"docs/{name}.md" for name in ("architecture", "change", "deploy", "glossary")),
]
ROOMS = ("app", "workers", "sandbox", "stack", "crowd", "tests", "sql", "docs", "static", "templates")


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_named_is_there(page: str) -> None:
    text = (ROOT / page).read_text()
    named = re.findall(rf"`((?:{'|'.join(ROOMS)})/[\w./-]*)`", text)
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / page).read_text())
    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []


def test_every_function_of_the_architecture_is_in_its_file() -> None:
    text = " ".join((ROOT / "docs" / "architecture.md").read_text().split())
    named = re.findall(r"`([A-Za-z_.]+)` in `((?:app|workers)/[\w/]+\.py)`", text)
    assert len(named) >= 20
    missing = []
    for name, path in named:
        code = (ROOT / path).read_text()
        if not all(re.search(rf"(?:def|class) {part}\b", code) for part in name.split(".")):
            missing.append((name, path))
    assert missing == []


# What a native reader stumbles over, and what to write instead.
STUMBLES = {
    r"by (itself|themselves)\b": "automatically, on its own",
    r"\b(redis|mysql|kafka|server|database|provider) (is|was|are|were|be) away\b": "unavailable",
    r"\bfor so long\b(?! as)": "for this long",
}


def test_nobody_stumbles_over_what_was_put_better_before() -> None:
    kinds = {".py", ".md", ".html", ".js", ".css", ".json", ".lua", ".sql", ".toml", ".txt"}
    files = [ROOT / "README.md", *(path for room in ROOMS for path in (ROOT / room).rglob("*"))]
    found = [
        f"{path.relative_to(ROOT)}: {match[0]} (better: {better})"
        for path in files
        if path.suffix in kinds and path != Path(__file__)
        for stumble, better in STUMBLES.items()
        for match in re.finditer(stumble, path.read_text(), re.IGNORECASE)
    ]
    assert found == []
