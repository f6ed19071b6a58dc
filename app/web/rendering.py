"""Pages as answers: Jinja2, the addresses of static files, QR codes."""

import json
from functools import lru_cache
from types import CodeType
from typing import Any

import brotli
import segno
from jinja2 import BytecodeCache, Environment, FileSystemLoader, select_autoescape
from jinja2.bccache import Bucket
from markdown_it import MarkdownIt
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.ids import short_code
from app.web.languages import choices, keep_choice, language_of
from app.web.static import FOLDER, PREFIX, ROOT, StaticFile, csp_hash, import_map, read_files, script_of
from app.words import ENGLISH, LANGUAGES, Language, Words, catalogue

QUICK = 2  # of brotli's eleven: 0.15 ms a page, and hardly longer than what takes twice the time
# Whom pages are for: each room has scripts, and the words that they say. Organisers, doors and walls read English.
BUYERS_ROOMS = {"buyer": ("shared", "buyer"), "draw": ("shared", "draw"), "lists": ("shared",), "work": ("work",)}
OUR_ROOMS = {"admin": ("shared", "admin"), "door": ("shared", "door"), "wall": ("shared", "wall")}
CATALOGUE = "catalogue.js"
# Refusals that say the same in a page of another site; for any other, one has to come to ours.
TOLD_ELSEWHERE = ("code_required", "bad_code", "code_used", "identity_required", "identity_refused", "closed")


def _catalogues() -> dict[str, bytes]:
    """The words as modules, by plain name: `js/buyer/ar/catalogue.js`."""
    return {
        f"js/{room}/{language.code}/{CATALOGUE}": script_of(catalogue(language, *words))
        for language in LANGUAGES.values()
        for room, words in (BUYERS_ROOMS | OUR_ROOMS if language is ENGLISH else BUYERS_ROOMS).items()
    }


def _embed() -> bytes:
    """The script for other sites' pages, with its words in every language: it is one file at one address."""
    words = {}
    for code, language in LANGUAGES.items():
        page = catalogue(language, "buyer")
        words[code] = catalogue(language, "embed") | {
            f"help.{told}": page[f"help.{told}"] for told in TOLD_ELSEWHERE
        }
    text = (FOLDER / "embed.js").read_text()
    return text.replace("const WORDS = {};", f"const WORDS = {json.dumps(words, ensure_ascii=False)};").encode()


FILES = read_files(FOLDER, _catalogues() | {"embed.js": _embed()})


def _files_in(language: Language) -> dict[str, StaticFile]:
    """The files of pages in a language: its catalogues have the names that scripts import, the others none."""
    found = {name: file for name, file in FILES.items() if not name.endswith(CATALOGUE)}
    own = f"/{language.code}/{CATALOGUE}"
    return found | {name.replace(own, f"/{CATALOGUE}"): file for name, file in FILES.items() if name.endswith(own)}


IMPORT_MAPS = {code: import_map(_files_in(language)) for code, language in LANGUAGES.items()}
# What the content security policy allows to run: our own files, and the import maps by their hashes.
SCRIPT_SOURCES = " ".join(["'self'", *map(csp_hash, IMPORT_MAPS.values())])


def address_of_file(name: str) -> str:
    """The address of a static file. Raises KeyError."""
    return PREFIX + FILES[name].name


def with_code(text: str) -> Markup:
    """A text as markup; what stands between `backticks` is code."""
    pieces = [escape(piece) for piece in text.split("`")]
    code = Markup("<code>{}</code>").format
    return Markup("").join(code(piece) if at % 2 else piece for at, piece in enumerate(pieces))


_WORDS = {
    code: Words(
        language,
        *("shared", "pages", "buyer", "draw"),
        *(OUR_ROOMS if language is ENGLISH else ("problems",)),  # English problems have their own table
    )
    for code, language in LANGUAGES.items()
}


def words_in(language: Language) -> Words:
    """The words that pages in a language are made of."""
    return _WORDS[language.code]


class _Compiled(BytecodeCache):
    """Templates compiled once for all languages, in memory."""

    def __init__(self) -> None:
        self._code: dict[str, CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._code.get(bucket.key)

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code:
            self._code[bucket.key] = bucket.code


_COMPILED = _Compiled()


def environment(language: Language) -> Environment:
    """The templates in a language: filters `money` and `when`, functions `static`, `modules` and `words`."""
    made = Environment(
        loader=FileSystemLoader(ROOT / "templates"),
        autoescape=select_autoescape(["html"]),
        bytecode_cache=_COMPILED,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words, files = words_in(language), _files_in(language)

    def modules(*folders: str) -> list[str]:
        """The addresses of all modules of some folders below static/js."""
        wanted = tuple(f"js/{folder}/" for folder in folders)
        return [PREFIX + file.name for name, file in files.items() if name.startswith(wanted)]

    globals_: dict[str, Any] = made.globals
    globals_ |= {
        "static": address_of_file,
        "modules": modules,
        "import_map": IMPORT_MAPS[language.code],
        "words": words,
        "language": language,
    }
    made.filters |= {
        "money": words.money,
        "when": words.day_and_hour,
        "code": short_code,
        "with_code": with_code,
    }
    return made


_MARKDOWN = MarkdownIt("js-default").disable("image")  # no HTML of theirs, no links but to http, https and mailto


@lru_cache(maxsize=64)  # the page of a sale is made for everybody who comes
def markdown(text: str) -> str:
    """Markdown of an organiser as HTML."""
    return str(_MARKDOWN.render(text))


TEMPLATES = {code: environment(language) for code, language in LANGUAGES.items()}


def read_templates() -> None:
    """Reads what buyers see, in every language: before the first of them comes, who would wait for it."""
    for made in TEMPLATES.values():
        for name in made.list_templates(filter_func=lambda name: name.startswith("buyer/")):
            made.get_template(name)


def page(template: str, http_status: int = 200, /, *, reads: Language = ENGLISH, **context: Any) -> Response:
    """A page as an answer, in the language that its reader reads."""
    return HTMLResponse(TEMPLATES[reads.code].get_template(template).render(context), http_status)


def buyers_page(request: Request, template: str, http_status: int = 200, /, **context: Any) -> Response:
    """A page in its visitor's language, with the way to the others."""
    reads = language_of(request)
    answer = page(template, http_status, reads=reads, choices=choices(request, reads), **context)
    answer.headers["content-language"] = reads.code
    answer.headers["vary"] = "accept-language, cookie"
    keep_choice(request, answer)
    return answer


def takes_brotli(request: Request) -> bool:
    """Whether the browser takes an answer compressed by brotli."""
    return "br" in request.headers.get("accept-encoding", "")


def compressed(request: Request, answer: Response) -> Response:
    """The answer with its body compressed, where the browser takes brotli. Quickly: it is made for one person.

    Nothing that a stranger chose is in such a page beside what is secret, so its length tells nothing.
    """
    answer.headers["vary"] = "accept-encoding, accept-language, cookie"
    if takes_brotli(request):
        answer.body = brotli.compress(bytes(answer.body), mode=brotli.MODE_TEXT, quality=QUICK)
        answer.headers["content-encoding"] = "br"
        answer.headers["content-length"] = str(len(answer.body))
    return answer


def qr(text: str) -> str:
    """A QR code as SVG markup, with colours from the page's CSS."""
    return str(segno.make(text, error="m").svg_inline(border=2, svgclass="qr", lineclass=None, omitsize=True))
