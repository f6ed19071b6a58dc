"""Static files: read, named by their content and compressed when the process starts, served from memory.

A path contains the content's hash (`/static/js/buyer/main.3fa9c1d2e4.js`), so an answer is good for ever and a
browser asks once. Scripts import each other by their plain names; the import map, the page's only inline script,
leads from those to the hashed ones, and the content security policy allows it by its own hash.
"""

import base64
import gzip
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path

import brotli
import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "static"
PREFIX = "/static/"
HASH_LENGTH = 10
SMALL = 256  # bytes; below that, compressing gains nothing
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
FOR_EVER = (b"cache-control", b"public, max-age=31536000, immutable")
NO_SNIFFING = (b"x-content-type-options", b"nosniff")
ACCENT = re.compile(r"accent/([0-9a-f]{6})\.css")

RawHeaders = list[tuple[bytes, bytes]]
Answer = tuple[RawHeaders, bytes]


@dataclass(frozen=True)
class StaticFile:
    """A file as it is sent: its name with the hash, its media type and its content."""

    name: str
    media_type: str
    content: bytes

    @cached_property
    def answers(self) -> dict[str, Answer]:
        """The answers by content encoding; "" is the plain one."""
        bodies = {"": self.content}
        if len(self.content) >= SMALL:
            bodies["br"] = brotli.compress(self.content, mode=brotli.MODE_TEXT)
            bodies["gzip"] = gzip.compress(self.content, 9, mtime=0)
        return {
            encoding: (_headers(self.media_type, len(body), encoding), body) for encoding, body in bodies.items()
        }

    def answer(self, accepted: str) -> Answer:
        """The smallest answer that an Accept-Encoding header allows."""
        for encoding in ("br", "gzip"):
            if encoding in accepted and encoding in self.answers and f"{encoding};q=0" not in accepted:
                return self.answers[encoding]
        return self.answers[""]


def _headers(media_type: str, length: int, encoding: str = "") -> RawHeaders:
    headers = [
        (b"content-type", media_type.encode()),
        (b"content-length", str(length).encode()),
        FOR_EVER,
        NO_SNIFFING,
        (b"vary", b"accept-encoding"),
    ]
    return [*headers, (b"content-encoding", encoding.encode())] if encoding else headers


def make_file(name: str, content: bytes) -> StaticFile:
    """A file of this plain name ("js/shared/api.js") and content."""
    stem, dot, ending = name.rpartition(".")
    hashed = f"{stem}.{sha256(content).hexdigest()[:HASH_LENGTH]}.{ending}"
    return StaticFile(hashed, TYPES[dot + ending], content)


def script_of(value: object) -> bytes:
    """A module whose default export is this value."""
    return b"export default " + msgspec.json.encode(value) + b";\n"


def read_files(folder: Path, made: dict[str, bytes]) -> dict[str, StaticFile]:
    """Every file of a folder, and those that are `made` at the start, by plain name."""
    contents = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in TYPES
    }
    return {name: make_file(name, content) for name, content in (contents | made).items()}


def import_map(files: dict[str, StaticFile]) -> str:
    """The import map of all modules, as the text of its script element."""
    modules = {
        PREFIX + name: PREFIX + file.name
        for name, file in files.items()
        if name.startswith(("js/", "vendor/")) and name.endswith(".js")
    }
    return msgspec.json.encode({"imports": modules}).decode()


def csp_hash(script: str) -> str:
    """What a content security policy says to allow this inline script."""
    return f"'sha256-{base64.b64encode(sha256(script.encode()).digest()).decode()}'"


@lru_cache(maxsize=256)
def accent_answer(colour: str) -> Answer:
    """The style sheet that brings in an event's colour: six hex digits."""
    body = f":root{{--accent:#{colour}}}\n".encode()
    return _headers(TYPES[".css"], len(body)), body


class StaticFiles:
    """In front of the application: answers what is under /static/ at once, and passes everything else on."""

    def __init__(self, app: ASGIApp, files: dict[str, StaticFile]) -> None:
        self._app = app
        self._by_path = {PREFIX + file.name: file for file in files.values()}
        for file in files.values():
            file.answers  # noqa: B018  compressed now, and not while the first browser waits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if (
            scope["type"] != "http"
            or not scope["path"].startswith(PREFIX)
            or scope["method"] not in ("GET", "HEAD")
        ):
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        if file := self._by_path.get(path):
            accepted = next((value for name, value in scope["headers"] if name == b"accept-encoding"), b"")
            headers, body = file.answer(accepted.decode("latin-1"))
        elif match := ACCENT.fullmatch(path, len(PREFIX)):
            headers, body = accent_answer(match[1])
        else:
            await self._app(scope, receive, send)  # where a 404 looks like any other
            return
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body if scope["method"] == "GET" else b""})
