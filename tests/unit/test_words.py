"""The words in every language: each catalogue has the same names, figures and forms, and browsers agree."""

import json
import os
import re
import shutil
import subprocess
from html import unescape

import pytest
from starlette.requests import Request

from app.units import CURRENCIES
from app.web.languages import accepted
from app.web.problems import KINDS
from app.web.rendering import buyers_page, words_in
from app.web.view import view_of
from app.words import ENGLISH, LANGUAGES, Language, Text, Words, catalogue, to_ms
from tests.world.machine import ROOT

BUYERS = ("shared", "buyer", "draw", "pages", "mail", "embed", "work")
OTHERS = [language for language in LANGUAGES.values() if language is not ENGLISH]
FORMS = {"en": {"one", "other"}, "zh-Hans": {"other"}, "ar": {"zero", "one", "two", "few", "many", "other"}}
NUMBERS = [*range(130), 200, 203, 211, 1_000, 1_011, 100_000]
FIGURE = re.compile(r"\{(\w+)\}")


def figures(text: Text) -> set[str]:
    texts = text.values() if isinstance(text, dict) else [text]
    return {name for one in texts for name in FIGURE.findall(one)}


@pytest.mark.parametrize("language", OTHERS, ids=lambda language: language.code)
def test_every_catalogue_says_the_same_things_with_the_same_figures(language: Language) -> None:
    for room in BUYERS:
        english, own = catalogue(ENGLISH, room), catalogue(language, room)
        assert own.keys() == english.keys(), room
        for name, text in own.items():
            assert isinstance(text, dict) == isinstance(english[name], dict), name
            if not name.startswith(("money.", "time.")):  # each language has its own order and parts
                assert figures(text) == figures(english[name]), name


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=lambda language: language.code)
def test_what_is_counted_has_every_form_of_its_language(language: Language) -> None:
    for name, text in catalogue(language, *BUYERS).items():
        if isinstance(text, dict):
            assert text.keys() | {"zero"} == FORMS[language.code] | {"zero"}, name


def test_every_language_has_the_problems_that_buyers_meet() -> None:
    names = {frozenset(catalogue(language, "problems")) for language in OTHERS}
    assert len(names) == 1
    assert {name.removeprefix("problem.") for name in next(iter(names))} <= KINDS.keys()


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"),
        ("de-DE,de;q=0.9,ar;q=0.5,en;q=0.4", "ar"),
        ("en;q=0.2, AR-eg;q=0.7", "ar"),
        ("ar;q=0, fr", "en"),
        ("zh;q=nan, ar;q=, en;q=2, ;;;,q=1", "ar"),
        ("xx," * 10_000 + "ar", "en"),
    ],
)
def test_the_first_language_that_a_browser_asks_for_and_there_is(header: str, code: str) -> None:
    assert accepted(header).code == code


def asked(method: str, query: str, **headers: str) -> str:
    """The page about an unknown order, with its headers, as one text."""
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": "/x", "query_string": query.encode(), "headers": raw}
    answer = buyers_page(Request(scope), "buyer/unknown_order.html", 404)
    told = "".join(f"{name}: {value}\n" for name, value in answer.headers.items())
    return unescape(told + bytes(answer.body).decode())


def test_a_page_leads_to_itself_in_each_language_and_the_choice_is_kept() -> None:
    chosen = asked("GET", "key=a%26b&lang=ar&lang=zz", accept_language="zh")
    assert 'href="?key=a%26b&lang=zh-Hans"' in asked("GET", "key=a%26b&lang=zz", accept_language="zh")
    assert "set-cookie" not in asked("GET", "lang=zz", accept_language="zh")
    kept = asked("GET", "lang=ar")
    assert "set-cookie: tc_lang=ar; " in kept
    assert "content-language: ar\n" in kept
    assert "vary: accept-language, cookie\n" in kept
    assert '<html lang="ar" dir="rtl">' in asked("GET", "", cookie="tc_lang=ar", accept_language="zh")
    assert '<html lang="zh-Hans" dir="ltr">' in asked("GET", "", cookie="tc_lang=<x>", accept_language="zh")
    assert '<html lang="zh-Hans" dir="ltr">' in chosen, "the last one counts, and is none of ours"
    assert "?lang=" not in asked("POST", ""), "which nobody can ask for again"


def told_by_script(language: Language) -> dict[str, list[object]]:
    ran = subprocess.run(
        ["node", "tests/js/print_words.mjs", json.dumps(NUMBERS), json.dumps(sorted(CURRENCIES))],
        cwd=ROOT,
        env={**os.environ, "TZ": "UTC", "WORDS": language.code},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    told: dict[str, list[object]] = json.loads(ran.stdout)
    return told


@pytest.mark.skipif(not shutil.which("node"), reason="without node, the browser tests run the scripts")
@pytest.mark.parametrize("language", OTHERS, ids=lambda language: language.code)
def test_server_and_browser_count_write_money_and_tell_time_alike(language: Language) -> None:
    told, words = told_by_script(language), Words(language, "shared", "buyer", "pages")
    assert [language.plural(n) for n in NUMBERS] == told["plurals"]
    assert [words.money(123_456_789, currency) for currency in sorted(CURRENCIES)] == told["money"]
    days = [f"2026-{month:02}-{month:02}T09:05:00.000Z" for month in range(1, 13)]
    assert [words.day_and_hour(day).replace(" UTC", "") for day in days] == told["days"]
    now_ms = to_ms(json.loads((ROOT / "tests" / "cases" / "views.json").read_text())["now"])
    for case in told["cases"]:
        assert isinstance(case, dict)
        view = view_of(case["state"], now_ms, words_in(language))
        shown = {slot: text.replace(" UTC", "") for slot, text in view.slots.items()}
        assert (shown, view.title) == (case["slots"], case["title"]), case["name"]
