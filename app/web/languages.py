"""Which language a visitor reads: what they chose, else the first that their browser asks for and there is."""

from typing import NamedTuple
from urllib.parse import urlencode

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from app.words import ENGLISH, LANGUAGES, Language

PARAMETER = "lang"  # in the address: chosen just now
COOKIE = "tc_lang"  # chosen some time ago; no secret, and planted it does no harm
KEPT_SECONDS = 365 * 24 * 3600
MOST_ASKED = 20  # languages of one browser
_BY_PRIMARY = {code.partition("-")[0]: language for code, language in LANGUAGES.items()}


class Choice(NamedTuple):
    """A language that the page can be read in, and where."""

    language: Language
    address: str
    is_this: bool


def accepted(header: str) -> Language:
    """The language of an Accept-Language header that comes first and there is; English where there is none.

    Only the language counts, not its region or script: whoever reads zh-TW reads zh-Hans before English.
    """
    asked: list[tuple[float, Language]] = []
    for one in header.split(",", MOST_ASKED)[:MOST_ASKED]:
        tag, _, rest = one.partition(";")
        language = _BY_PRIMARY.get(tag.strip().lower().partition("-")[0])
        try:
            weight = float(rest.partition("q=")[2] or 1)
        except ValueError:
            continue
        if language and 0 < weight <= 1:
            asked.append((weight, language))
    return max(asked, key=lambda one: one[0])[1] if asked else ENGLISH


def language_of(connection: HTTPConnection) -> Language:
    """The language to answer in: by the address, else the cookie, else the browser."""
    chosen = connection.query_params.get(PARAMETER, "") or connection.cookies.get(COOKIE, "")
    return LANGUAGES.get(chosen) or accepted(connection.headers.get("accept-language", ""))


def keep_choice(request: Request, answer: Response) -> None:
    """Remembers a language that was chosen by the address."""
    chosen = request.query_params.get(PARAMETER, "")
    if chosen in LANGUAGES:
        answer.set_cookie(COOKIE, chosen, KEPT_SECONDS, httponly=True, samesite="lax")


def choices(request: Request, reads: Language) -> list[Choice]:
    """The same address in every language; none where it cannot be asked for again."""
    if request.method not in ("GET", "HEAD"):
        return []
    rest = [(name, value) for name, value in request.query_params.multi_items() if name != PARAMETER]
    return [
        Choice(language, f"?{urlencode([*rest, (PARAMETER, language.code)])}", language is reads)
        for language in LANGUAGES.values()
    ]
