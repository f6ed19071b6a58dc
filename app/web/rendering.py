"""Pages as answers: Jinja2, the addresses of static files, QR codes."""

from functools import lru_cache
from typing import Any

import brotli
import segno
from jinja2 import Environment, FileSystemLoader, select_autoescape
from markdown_it import MarkdownIt
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.ids import short_code
from app.units import money_text
from app.web.static import FOLDER, PREFIX, ROOT, csp_hash, import_map, read_files, script_of
from app.web.words import Words, catalogue, day_and_hour

QUICK = 2  # of brotli's eleven: 0.15 ms a page, and hardly longer than what takes twice the time
ROOMS = ("buyer", "admin", "draw", "door")  # whom pages are for: each has scripts and words of its own
FILES = read_files(FOLDER, {f"js/{room}/catalogue.js": script_of(catalogue("shared", room)) for room in ROOMS})
IMPORT_MAP = import_map(FILES)
# What the content security policy allows to run: our own files, and the import map by its hash.
SCRIPT_SOURCES = f"'self' {csp_hash(IMPORT_MAP)}"


def address_of_file(name: str) -> str:
    """The address of a static file. Raises KeyError."""
    return PREFIX + FILES[name].name


def _modules(*folders: str) -> list[str]:
    """The addresses of all modules of some folders below static/js."""
    wanted = tuple(f"js/{folder}/" for folder in folders)
    return [PREFIX + file.name for name, file in FILES.items() if name.startswith(wanted)]


def with_code(text: str) -> Markup:
    """A text as markup; what stands between `backticks` is code."""
    pieces = [escape(piece) for piece in text.split("`")]
    code = Markup("<code>{}</code>").format
    return Markup("").join(code(piece) if at % 2 else piece for at, piece in enumerate(pieces))


def environment() -> Environment:
    """The templates, with the filters `money` and `when` and the functions `static`, `modules` and `words`."""
    made = Environment(
        loader=FileSystemLoader(ROOT / "templates"),
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    globals_: dict[str, Any] = made.globals
    globals_ |= {
        "static": address_of_file,
        "modules": _modules,
        "import_map": IMPORT_MAP,
        "words": Words("shared", *ROOMS),
    }
    made.filters |= {"money": money_text, "when": day_and_hour, "code": short_code, "with_code": with_code}
    return made


_MARKDOWN = MarkdownIt("js-default").disable("image")  # no HTML of theirs, no links but to http, https and mailto


@lru_cache(maxsize=64)  # the page of a sale is made for everybody who comes
def markdown(text: str) -> str:
    """Markdown of an organiser as HTML."""
    return str(_MARKDOWN.render(text))


TEMPLATES = environment()


def page(template: str, http_status: int = 200, /, **context: Any) -> Response:
    """A page as an answer."""
    return HTMLResponse(TEMPLATES.get_template(template).render(context), http_status)


def takes_brotli(request: Request) -> bool:
    """Whether the browser takes an answer compressed by brotli."""
    return "br" in request.headers.get("accept-encoding", "")


def compressed(request: Request, answer: Response) -> Response:
    """The answer with its body compressed, where the browser takes brotli. Quickly: it is made for one person.

    Nothing that a stranger chose is in such a page beside what is secret, so its length tells nothing.
    """
    answer.headers["vary"] = "accept-encoding, cookie"
    if takes_brotli(request):
        answer.body = brotli.compress(bytes(answer.body), mode=brotli.MODE_TEXT, quality=QUICK)
        answer.headers["content-encoding"] = "br"
        answer.headers["content-length"] = str(len(answer.body))
    return answer


def qr(text: str) -> str:
    """A QR code as SVG markup, with colours from the page's CSS."""
    return str(segno.make(text, error="m").svg_inline(border=2, svgclass="qr", lineclass=None, omitsize=True))
