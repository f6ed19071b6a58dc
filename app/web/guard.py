"""Around every request: headers, figures, requests from elsewhere refused, errors as problems or pages."""

import logging
import time
from urllib.parse import urlsplit

from redis.exceptions import RedisError
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.infra.clients import KafkaUnavailable
from app.infra.mysql import DatabaseUnavailable
from app.sale.events import UnknownEvent
from app.sale.waiting_room import NotJoined, NotReady, SaleClosed, WaitingRoomFull
from app.watch.metrics import REQUESTS, SECONDS
from app.web.buyer.pages import error_page
from app.web.http import NOT_FOUND, Problem

log = logging.getLogger(__name__)

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none';"
        b" frame-ancestors 'none'; object-src 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
]

NOT_READY = Problem(503, "not_ready", "The sale is not ready. Your place is kept; please try again in a moment.")
UNAVAILABLE = Problem(503, "unavailable", "A part of the system is away. Please try again in a moment.")
PROBLEMS: dict[type[Exception], Problem] = {
    NotReady: NOT_READY,
    RedisError: NOT_READY,
    DatabaseUnavailable: UNAVAILABLE,
    KafkaUnavailable: UNAVAILABLE,
    UnknownEvent: NOT_FOUND,
    NotJoined: Problem(404, "not_joined", "This buyer has no place in the queue. Join first."),
    SaleClosed: Problem(410, "closed", "The sale is closed."),
    WaitingRoomFull: Problem(503, "busy", "The waiting room is full. Please try again in a moment."),
}


def problem_of(error: Exception) -> Problem:
    """The problem that an error is told as."""
    if isinstance(error, Problem):
        return error
    for kind, problem in PROBLEMS.items():
        if isinstance(error, kind):
            if problem.status == 503:
                log.warning("%s: %s", type(error).__name__, error)
            return problem
    raise error


async def answer_error(request: Request, error: Exception) -> Response:
    """What Starlette calls for the exceptions of PROBLEMS and for Problem."""
    problem = problem_of(error)
    if request.url.path.startswith(("/api/", "/metrics")):
        return problem.response()
    return error_page(problem)


def same_origin(headers: Headers, public_url: str) -> bool:
    """Whether a request comes from our own pages, or from no page at all."""
    origin = headers.get("origin")
    try:
        return origin is None or origin == public_url or urlsplit(origin).netloc == headers.get("host")
    except ValueError:  # no address at all
        return False


class Guard:
    """Adds the security headers, counts answers, and refuses changes asked for by other sites."""

    def __init__(self, app: ASGIApp, public_url: str) -> None:
        self._app = app
        self._public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        began = time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                endpoint = getattr(scope.get("endpoint"), "__name__", "none")
                REQUESTS.labels(endpoint, message["status"]).inc()
                SECONDS.labels(endpoint).observe(time.perf_counter() - began)
                headers = [*message["headers"], *HEADERS]
                if not any(name == b"cache-control" for name, _ in headers):
                    # Modules import each other without a version: after an update old and new must not mix.
                    static = scope["path"].startswith("/static/")
                    headers.append((b"cache-control", b"no-cache" if static else b"no-store"))
                message["headers"] = headers
            await send(message)

        if scope["method"] not in SAFE_METHODS and not same_origin(Headers(scope=scope), self._public_url):
            refusal = Problem(403, "origin", "Requests from other sites are refused.")
            await refusal.response()(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)
