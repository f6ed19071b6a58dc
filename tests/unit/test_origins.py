"""Which requests come from our own pages."""

import pytest
from starlette.datastructures import Headers

from app.web.guard import HSTS, Guard
from app.web.origins import same_origin

PUBLIC = "https://tickets.example"
LOCAL = "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("public_url", "headers", "ours"),
    [
        (PUBLIC, {}, True),
        (PUBLIC, {"origin": PUBLIC}, True),
        (PUBLIC, {"origin": "http://tickets.example", "host": "tickets.example"}, False),
        (PUBLIC, {"origin": "ftp://tickets.example", "host": "tickets.example"}, False),
        (PUBLIC, {"origin": "https://tickets.example:8443", "host": "tickets.example"}, False),
        (PUBLIC, {"origin": "https://evil.example", "host": "evil.example"}, False),
        (PUBLIC, {"origin": "null"}, False),
        (PUBLIC, {"origin": "http://["}, False),
        (PUBLIC, {"sec-fetch-site": "same-origin"}, True),
        (PUBLIC, {"sec-fetch-site": "none"}, True),
        (PUBLIC, {"sec-fetch-site": "cross-site"}, False),
        (PUBLIC, {"sec-fetch-site": "same-site"}, False),
        (LOCAL, {"origin": "http://localhost:8000", "host": "localhost:8000"}, True),
        (LOCAL, {"origin": "https://localhost:8000", "host": "localhost:8000"}, False),
        (LOCAL, {"origin": "http://localhost:8001", "host": "localhost:8000"}, False),
    ],
)
def test_a_page_is_ours_by_scheme_host_and_port(public_url: str, headers: dict[str, str], ours: bool) -> None:
    assert same_origin(Headers(headers), public_url) is ours


def test_browsers_are_told_to_come_by_https_where_we_are_reached_by_it() -> None:
    assert HSTS in Guard(None, PUBLIC)._headers  # type: ignore[arg-type]  # nothing is served here
    assert HSTS not in Guard(None, LOCAL)._headers  # type: ignore[arg-type]
