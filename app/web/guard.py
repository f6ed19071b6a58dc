"""Around every request: headers, figures, and requests from other sites refused."""

import logging
import time
from functools import lru_cache

from prometheus_client import Counter, Histogram
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.watch.metrics import REQUESTS, SECONDS
from app.web.origins import same_origin
from app.web.problems import SAFE_METHODS, Problem
from app.web.rendering import SCRIPT_SOURCES

log = logging.getLogger(__name__)

HEADERS = [
    (
        b"content-security-policy",
        (
            f"default-src 'self'; script-src {SCRIPT_SOURCES}; img-src 'self' data:; form-action 'self';"
            " base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
        ).encode(),
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=()"),
]
HSTS = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")


@lru_cache(maxsize=1_024)
def _figures(endpoint: str, status: int) -> tuple[Counter, Histogram]:
    """Where answers of a handler are counted, and how long they took."""
    return REQUESTS.labels(endpoint, status), SECONDS.labels(endpoint)


def _name(scope: Scope) -> str:
    return str(getattr(scope.get("endpoint"), "__name__", "none"))


class Guard:
    """Adds the security headers, counts answers, and refuses changes asked for by other sites."""

    def __init__(self, app: ASGIApp, public_url: str) -> None:
        self._app = app
        self._public_url = public_url
        self._headers = [*HEADERS, HSTS] if public_url.startswith("https://") else HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        began = time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered, seconds = _figures(_name(scope), message["status"])
                answered.inc()
                seconds.observe(time.perf_counter() - began)
                said = {name for name, _ in message["headers"]}  # an answer may have a policy of its own
                headers = [*message["headers"], *(header for header in self._headers if header[0] not in said)]
                if b"cache-control" not in said:
                    headers.append((b"cache-control", b"no-store"))
                message["headers"] = headers
            await send(message)

        if scope["method"] not in SAFE_METHODS and self._is_foreign(scope):
            refusal = Problem("origin")
            await refusal.response()(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)

    def _is_foreign(self, scope: Scope) -> bool:
        """Whether a page of another site asks, but for those that app/web/cors.py lets ask by token alone."""
        return not scope.get("allowed_origin") and not same_origin(Headers(scope=scope), self._public_url)
