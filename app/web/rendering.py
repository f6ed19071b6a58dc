"""Jinja2 as all pages use it, also those of the sandbox provider."""

from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape

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
