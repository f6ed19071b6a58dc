"""What a buyer's page shows: template and script are held to one table of cases, and to each other."""

import json
import os
import re
import shutil
import subprocess
from functools import cache
from html.parser import HTMLParser
from typing import Any

import pytest

from app.web.rendering import FILES, page, words_in
from app.web.view import view_of
from app.words import ENGLISH, to_ms
from tests.world.machine import ROOT

TABLE = json.loads((ROOT / "tests" / "cases" / "views.json").read_text())
NOW_MS = to_ms(TABLE["now"])
NAMES = [case["name"] for case in TABLE["cases"]]
needs_node = pytest.mark.skipif(not shutil.which("node"), reason="without node, the browser tests run the scripts")


def node(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["node", *arguments], cwd=ROOT, env={**os.environ, "TZ": "UTC"}, capture_output=True, text=True, timeout=60
    )


@cache
def told_by_script() -> dict[str, dict[str, Any]]:
    """What the script says in each case, by the case's name, with the state it was asked about."""
    ran = node("tests/js/print_words.mjs")
    assert ran.returncode == 0, ran.stderr
    return {case["name"]: case for case in json.loads(ran.stdout)["cases"]}


def told_by_page(name: str) -> str:
    """The page of a case, as the server draws it."""
    state = {**told_by_script()[name]["state"]}
    template = "buyer/order.html" if state.get("page") == "order" else "buyer/event.html"
    context = {"state": state, "event": state["event"], "v": view_of(state, NOW_MS, words_in(ENGLISH))}
    body = page(template, 200, **context).body
    return bytes(body).decode()


class Shown(HTMLParser):
    """The texts of a page that are seen, in order, and the names of the views that are not hidden."""

    VOID = ("meta", "link", "br", "img", "input")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.views: list[str] = []
        self.texts: list[str] = []
        self._hidden: list[bool] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.VOID:
            return
        given = dict(attrs)
        hidden = any(self._hidden) or "hidden" in given or tag in ("script", "template", "noscript", "dialog")
        if "data-view" in given and not hidden:
            self.views.append(str(given["data-view"]))
        self._hidden.append(hidden)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            self._hidden.pop()

    def handle_data(self, data: str) -> None:
        if not any(self._hidden) and data.strip():
            self.texts.append(" ".join(data.split()))


@needs_node
def test_the_scripts_do_what_their_own_tests_say() -> None:
    files = sorted((ROOT / "tests" / "js").glob("*.test.mjs"))
    assert len(files) >= 2
    # one process for all of them: `node --test` starts another one for each
    ran = node("--input-type=module", "-e", "".join(f"import {json.dumps(str(path))};" for path in files))
    assert ran.returncode == 0, ran.stdout[-3000:]


@needs_node
@pytest.mark.parametrize("name", NAMES)
def test_template_and_script_say_the_same(name: str) -> None:
    told = told_by_script()[name]
    view = view_of(told["state"], NOW_MS, words_in(ENGLISH))
    assert view.name == told["view"]
    # the server's times are in UTC and say so; the script's are in the reader's zone
    assert {slot: text.replace(" UTC", "") for slot, text in view.slots.items()} == told["slots"]
    assert view.flags == told["flags"]
    assert view.title == told["title"]


@needs_node
@pytest.mark.parametrize("case", TABLE["cases"], ids=NAMES)
def test_the_first_paint_shows_one_thing_and_says_what_the_table_says(case: dict[str, Any]) -> None:
    shown = Shown(told_by_page(case["name"]))
    assert shown.views == [case["view"]]
    view = view_of(told_by_script()[case["name"]]["state"], NOW_MS, words_in(ENGLISH))
    assert view.name == case["view"]
    for slot, text in case.get("says", {}).items():
        assert view.slots[slot].replace(" UTC", "") == text
    for flag, value in case.get("flags", {}).items():
        assert view.flags[flag] is value


def all_text(*names: str) -> list[str]:
    return [text for name in names for text in Shown(told_by_page(name)).texts]


@needs_node
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_said_that_is_not_so(name: str) -> None:
    told = told_by_script()[name]
    text = " ".join(Shown(told_by_page(name)).texts)
    assert "went to the next person" not in text
    assert "address you got" not in text
    paid = any(p["status"] == "COMPLETED" for order in told["state"]["orders"] for p in order["payments"])
    if not paid:
        assert "Receipt" not in text
        assert "Your tickets stay valid" not in text
    if told["state"]["event"]["sale"] != "paused":
        assert "stands still" not in text
    if told["view"] == "waiting":
        assert told["slots"]["ahead"] != "0"
        if "unlikely" in told["slots"]["chance"]:
            assert "min" not in told["slots"]["eta"]


@needs_node
def test_time_stands_still_is_said_only_to_those_who_have_a_place() -> None:
    assert not any("stands still" in text for text in all_text("a stranger, paused"))
    assert any("stands still" in text for text in all_text("waiting, paused"))
    assert any("stands still" in text for text in all_text("my turn, paused"))
    assert any("stands still" in text for text in all_text("held, paused"))


@needs_node
def test_an_order_has_one_name_wherever_it_is_shown() -> None:
    for name in ("held, to be paid", "paid", "in review", "time to pay ended"):
        texts = " ".join(all_text(name))
        assert "86A2-8F3E" in texts, name
        assert "019ab000-86a2-7000-8000-8f3e00000007" in texts, name


SENTENCE = re.compile(r"""["'`][^"'`\n]*[A-Z][a-z]+ [a-z]+ [a-z]+[^"'`\n]*["'`]""")


def test_words_live_in_templates_only() -> None:
    ours = (path for path in (ROOT / "static" / "js").rglob("*.js") if path.parent.name != "altcha")
    for path in sorted(ours):
        for line in path.read_text().splitlines():
            assert not SENTENCE.search(line.partition("//")[0]), f"{path.name}: {line.strip()}"


def test_each_room_has_the_words_it_asks_for() -> None:
    asked = re.compile(r"""phrase\((?:[^()"`]*\? )?"([a-z_.]+)"(?: : "([a-z_.]+)")?""")
    for room in ("buyer", "admin", "door"):
        script = FILES[f"js/{room}/en/catalogue.js"].content.decode()
        known = json.loads(script.removeprefix("export default ").rstrip(";\n"))
        for path in sorted((ROOT / "static" / "js" / room).glob("*.js")):
            for names in asked.findall(path.read_text()):
                assert all(name in known for name in names if name), f"{path.name}: {names}"
