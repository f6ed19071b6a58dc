"""Pages as answers: Jinja2, the addresses of static files, QR codes."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import segno
from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.responses import HTMLResponse, Response

from app.units import money_text

ROOT = Path(__file__).parent.parent.parent
STATIC = ROOT / "static"


def _versions() -> dict[str, str]:
    return {
        str(path.relative_to(STATIC)): sha256(path.read_bytes()).hexdigest()[:8]
        for path in STATIC.rglob("*")
        if path.is_file()
    }


def environment() -> Environment:
    """The templates, with the filter `money` and the function `static`."""
    made = Environment(
        loader=FileSystemLoader(ROOT / "templates"),
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    versions = _versions()
    globals_: dict[str, Any] = made.globals
    globals_["static"] = lambda path: f"/static/{path}?v={versions.get(path, '0')}"
    made.filters["money"] = money_text
    return made


TEMPLATES = environment()


def page(template: str, http_status: int = 200, /, **context: Any) -> Response:
    """A page as an answer."""
    return HTMLResponse(TEMPLATES.get_template(template).render(context), http_status)


def qr(text: str) -> str:
    """A QR code as SVG markup, with colours from the page's CSS."""
    return str(segno.make(text, error="m").svg_inline(border=2, svgclass="qr", lineclass=None, omitsize=True))
