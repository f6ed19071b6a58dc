"""Static files: hashed names, answers good for ever, an import map that leads from plain names to hashed ones."""

import asyncio
import gzip
import json
import re
from hashlib import sha256
from typing import Any

import brotli
import pytest

from app.web.guard import HEADERS
from app.web.rendering import FILES, IMPORT_MAPS
from app.web.static import FOLDER, PREFIX, StaticFiles, csp_hash, make_file
from app.words import ENGLISH

SHEET = b"body { color: black; }\n" * 40


def get(path: str, method: str = "GET", encoding: str = "") -> tuple[int, dict[str, str], bytes]:
    """What the static files answer, and 404 from the application behind them."""
    sent: list[dict[str, Any]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any: ...

    headers = [(b"accept-encoding", encoding.encode())] if encoding else []
    scope = {"type": "http", "path": path, "method": method, "headers": headers}
    asyncio.run(StaticFiles(application, {"sheet.css": make_file("sheet.css", SHEET)})(scope, receive, send))
    start, body = sent
    return start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, body["body"]


ADDRESS = PREFIX + make_file("sheet.css", SHEET).name


def test_a_name_contains_the_hash_of_its_content() -> None:
    assert re.fullmatch(r"/static/sheet\.[0-9a-f]{10}\.css", ADDRESS)
    assert make_file("sheet.css", SHEET + b"\n").name != make_file("sheet.css", SHEET).name


def test_an_answer_is_good_for_ever() -> None:
    status, headers, body = get(ADDRESS)
    assert (status, body) == (200, SHEET)
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert headers["content-type"] == "text/css; charset=utf-8"
    assert headers["content-length"] == str(len(SHEET))
    assert headers["vary"] == "accept-encoding"


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br", "br"),
        ("gzip, deflate", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("identity", None),
        ("", None),
    ],
)
def test_the_smallest_encoding_that_is_accepted_is_sent(accepted: str, encoding: str | None) -> None:
    _, headers, body = get(ADDRESS, encoding=accepted)
    assert headers.get("content-encoding") == encoding
    decoded = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[encoding](body)
    assert decoded == SHEET
    assert headers["content-length"] == str(len(body))


def test_the_plain_name_and_another_hash_are_not_found() -> None:
    assert get("/static/sheet.css")[0] == 404
    assert get("/static/sheet.0123456789.css")[0] == 404


def test_head_has_no_body_and_other_methods_are_left_to_the_application() -> None:
    assert get(ADDRESS, "HEAD")[2] == b""
    assert get(ADDRESS, "POST")[0] == 404


def test_an_accent_is_a_style_sheet_that_never_changes() -> None:
    status, headers, body = get("/static/accent/7c3aed.css")
    assert (status, body) == (200, b":root{--accent:#7c3aed}\n")
    assert "immutable" in headers["cache-control"]
    assert get("/static/accent/7c3aed}.css")[0] == 404


def test_every_import_of_a_script_is_in_the_import_map_and_leads_to_a_file() -> None:
    imports = json.loads(IMPORT_MAPS[ENGLISH.code])["imports"]
    addresses = {PREFIX + file.name for file in FILES.values()}
    assert set(imports.values()) <= addresses
    for name, file in FILES.items():
        folder = name.rpartition("/")[0]
        for relative in re.findall(r'(?:from|import) "([^"]+)"', file.content.decode()):
            parts = folder.split("/")
            for part in relative.split("/"):
                if part == "..":
                    parts.pop()
                elif part != ".":
                    parts.append(part)
            assert PREFIX + "/".join(parts) in imports, f"{name} imports {relative}"


def test_the_content_security_policy_allows_the_import_map_and_no_other_inline_script() -> None:
    policy = dict(HEADERS)[b"content-security-policy"].decode()
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert scripts == " ".join(["script-src 'self'", *map(csp_hash, IMPORT_MAPS.values())])


def test_scripts_of_others_are_as_they_were_when_they_were_taken_in() -> None:
    """Each is named with its version in its first line; a new version is a new hash here."""
    hashes = {
        "jsqr.js": "363da50a6a5d18fcf18ffb8b1ada6cddb3a2cf8b4522e446d5d6fb59dc2161b1",
        "ed25519.js": "a0107c5c3c3842a4fe4cc41e5c614a5e670445bee5fe4626d11d12f20dfa511c",
    }
    folder = FOLDER / "vendor"
    assert {file.name: sha256(file.read_bytes()).hexdigest() for file in folder.glob("*.js")} == hashes
