"""Every problem there is (RFC 9457): its stable code, and the errors that are told as one."""

import logging
from typing import Any

import msgspec
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import Response

from app.infra.kafka import KafkaUnavailable
from app.infra.mysql import DatabaseUnavailable
from app.infra.redis import NotReady
from app.orders.reservations import Refused
from app.sale.events import UnknownEvent
from app.sale.waiting_room import NotJoined, SaleClosed, WaitingRoomFull
from app.web.rendering import page

log = logging.getLogger(__name__)


class Problem(Exception):
    """An answer that says what is wrong. `code` is stable; `more` goes into the answer as it is."""

    def __init__(self, status: int, code: str, title: str, **more: Any) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.title = title
        self.more = more

    def response(self) -> Response:
        """The problem as RFC 9457 has it. Answers that may be other in a moment say when to try again."""
        body = {
            "type": f"/problems/{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            **self.more,
        }
        headers = {"Retry-After": "1"} if self.status in (429, 503) else None
        return Response(
            msgspec.json.encode(body), self.status, media_type="application/problem+json", headers=headers
        )


UNAUTHORIZED = Problem(401, "unauthorized", "This token is missing, not ours, or too old. Join the queue first.")
NOT_FOUND = Problem(404, "not_found", "There is nothing here.")


NOT_READY = Problem(503, "not_ready", "The sale is not ready. Your place is kept; please try again in a moment.")
UNAVAILABLE = Problem(503, "unavailable", "A part of the system is unavailable. Please try again in a moment.")
BUSY = Problem(503, "busy", "Too many people at once. Please try again in a moment.")
CLOSED = Problem(410, "closed", "The sale is closed.")
PROBLEMS: dict[type[Exception], Problem] = {
    NotReady: NOT_READY,
    RedisError: NOT_READY,
    DatabaseUnavailable: UNAVAILABLE,
    KafkaUnavailable: UNAVAILABLE,
    UnknownEvent: NOT_FOUND,
    NotJoined: Problem(404, "not_joined", "This buyer has no place in the queue. Join first."),
    SaleClosed: CLOSED,
    WaitingRoomFull: BUSY,
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


REFUSALS = {
    "NOT_READY": NOT_READY,
    "PAUSED": Problem(503, "paused", "The sale is paused. Your place is kept."),
    "BUSY": BUSY,
    "CLOSED": CLOSED,
    "NO_PASS": Problem(403, "no_pass", "It is not your turn, or your time to shop has ended."),
    "TOO_MANY": Problem(429, "too_many", "You have placed as many orders as one buyer may."),
    "KEY_REUSED": Problem(422, "key_reused", "This Idempotency-Key was used with another order."),
}


def refusal_of(refused: Refused) -> Problem:
    """What reserve.lua said, as a problem."""
    match refused.answer:
        case ("SOLD_OUT", sku_id, available):
            return Problem(410, "sold_out", "Not enough tickets left.", sku_id=int(sku_id), available=available)
        case ("LIMIT", has, limit):
            return Problem(409, "limit", "That is more than one buyer may have.", has=has, limit=limit)
        case ("UNKNOWN_SKU", sku_id):
            return invalid(f"sku {sku_id} is not on sale here")
        case (answer, *_):
            return REFUSALS[str(answer)]
    raise refused


def invalid(detail: str) -> Problem:
    """The request is understood, and not as it should be."""
    return Problem(422, "invalid", "The request is not as it should be.", detail=detail)


def error_page(problem: Problem) -> Response:
    """A page that says what went wrong and what to do."""
    return page(
        "error.html",
        problem.status,
        status=problem.status,
        title=problem.title,
        detail=problem.more.get("detail", ""),
        code=problem.code,
    )


async def answer_error(request: Request, error: Exception) -> Response:
    """What Starlette calls for the exceptions of PROBLEMS and for Problem."""
    problem = problem_of(error)
    if request.url.path.startswith(("/api/", "/metrics")):
        return problem.response()
    return error_page(problem)
