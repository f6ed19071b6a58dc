"""The sandbox: a small payment provider of our own, with a page to pay on and buttons for what goes wrong.

Its own process, `python -m sandbox.server`. It knows the shop only as its merchant: by an API key, a
webhook secret and an address.
"""

import hmac
import logging
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit, urlunsplit

import msgspec
import uvicorn
from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from app.payments.sandbox_messages import (
    Checkout,
    CheckoutRequest,
    Outcome,
    Refund,
    RefundRequest,
    Refunds,
    Transactions,
)
from app.units import iso, money_text, now_ms
from sandbox.callbacks import Callbacks
from sandbox.outcomes import OUTCOMES
from sandbox.settings import BadSetting, Settings
from sandbox.store import Refused, Store

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parent
MERCHANT_NAME = "Ticket Craze"
MAX_BODY_BYTES = 64 * 1024
MAX_TIME_MS = 1 << 47
STOP_SECONDS = 3
STATUS_OF_REFUSAL = {"unknown_transaction": 404}  # the others are conflicts: 409

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

Body = TypeVar("Body")


class Problem(Exception):
    """An answer that is no: HTTP status, stable code, and what a person can do about it."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


class Sandbox:
    """The provider's answers. A handler awaits nothing between reading the store and writing it."""

    def __init__(self, settings: Settings) -> None:
        self._api_key = f"Bearer {settings.api_key}".encode()
        self._url = settings.url
        merchant = urlsplit(settings.merchant_url)
        self._merchant_origin = f"{merchant.scheme}://{merchant.netloc}"
        self._page_headers = {
            "content-security-policy": "default-src 'self'; style-src 'self'; script-src 'self';"
            f" img-src 'self' data:; form-action 'self' {self._merchant_origin}; frame-ancestors 'none'",
            "cache-control": "no-store",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
        }
        pages = Environment(loader=FileSystemLoader(ROOT / "templates"), autoescape=True)
        pages.filters["money"] = money_text
        pages.globals["static"] = "/static/{}".format
        self._page = pages.get_template("checkout.html")
        self._store = Store(settings.data)
        self._callbacks = Callbacks(settings, self._store)

    @asynccontextmanager
    async def running(self, _: Starlette) -> AsyncIterator[None]:
        """Delivers callbacks until the block ends, then closes the store."""
        self._callbacks.start()
        try:
            yield
        finally:
            await self._callbacks.stop()
            self._store.close()

    async def health(self, _: Request) -> Response:
        """GET /healthz."""
        return _json({"status": "ok", "pending_callbacks": self._callbacks.pending})

    async def create_checkout(self, request: Request) -> Response:
        """POST /v1/checkouts: once per payment id."""
        self._authorize(request)
        asked = _decoded(await _body(request), CheckoutRequest)
        if not asked.return_url.startswith(self._merchant_origin + "/"):
            raise Problem(422, "invalid", f"return_url must begin with {self._merchant_origin}/")
        checkout_id = self._store.add_checkout(asked)
        return _json(Checkout(checkout_id, f"{self._url}/checkout/{checkout_id}"), 201)

    async def refund(self, request: Request) -> Response:
        """POST /v1/refunds: once per idempotency key, never more than the charge."""
        self._authorize(request)
        return _json(Refund(self._store.refund(_decoded(await _body(request), RefundRequest), now_ms())))

    async def refunds(self, request: Request) -> Response:
        """GET /v1/refunds?since_ms=&after=: a page of the refunds, oldest first."""
        self._authorize(request)
        refunds, next_after = self._store.refunds(*_page_of(request), now_ms())
        return _json(Refunds(refunds, next_after))

    async def transactions(self, request: Request) -> Response:
        """GET /v1/transactions?since_ms=&after=: a page of the successful charges, oldest first."""
        self._authorize(request)
        payments, next_after = self._store.transactions(*_page_of(request), now_ms())
        return _json(Transactions(payments, next_after))

    async def checkout_page(self, request: Request) -> Response:
        """GET /checkout/{id}: where the buyer pays."""
        checkout_id = request.path_params["id"]
        checkout, status = self._checkout(checkout_id)
        return self._rendered(checkout_id, checkout, status)

    async def pay(self, request: Request) -> Response:
        """POST /checkout/{id} with an `outcome`: the buyer pressed a button."""
        outcome = _outcome(request.headers.get("content-type", ""), await _body(request))
        checkout_id = request.path_params["id"]
        checkout, status = self._checkout(checkout_id)
        wants_json = "application/json" in request.headers.get("accept", "")
        play = OUTCOMES.get(outcome)
        if play is None:
            raise Problem(422, "unknown_outcome", f"outcome must be one of {', '.join(OUTCOMES)}")
        if status == "expired":
            if wants_json:
                raise Problem(410, "checkout_expired", "nothing was charged; start again from the shop")
            return self._rendered(checkout_id, checkout, status, 410)
        if status != "paid":
            if self._callbacks.is_full:
                raise Problem(503, "busy", "too many callbacks are waiting for the merchant; try again later")
            played = play(checkout, now_ms())
            self._callbacks.add(self._store.play(checkout_id, played))
            status = played.status
        return_url = _with_paid(checkout.return_url) if status == "paid" else checkout.return_url
        if wants_json:
            return _json({"id": checkout_id, "status": status, "return_url": return_url})
        return RedirectResponse(return_url, 303)

    def _authorize(self, request: Request) -> None:
        if not hmac.compare_digest(request.headers.get("authorization", "").encode(), self._api_key):
            raise Problem(401, "unauthorized", "the API key is missing or wrong")

    def _checkout(self, checkout_id: str) -> tuple[CheckoutRequest, str]:
        found = self._store.checkout(checkout_id)
        if found is None:
            raise Problem(404, "unknown_checkout", "there is no such checkout")
        checkout, status = found
        return checkout, "expired" if status != "paid" and now_ms() > checkout.expires_at_ms else status

    def _rendered(self, checkout_id: str, checkout: CheckoutRequest, status: str, code: int = 200) -> Response:
        context = {
            "id": checkout_id,
            "merchant_name": MERCHANT_NAME,
            "description": checkout.description,
            "amount": checkout.amount_minor,
            "currency": checkout.currency,
            "status": status,
            "expires_at": iso(checkout.expires_at_ms),
            "return_url": checkout.return_url,
        }
        return HTMLResponse(self._page.render(checkout=context), code, self._page_headers)


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise Problem(413, "too_large", f"the body is larger than {MAX_BODY_BYTES} bytes")
    except ClientDisconnect:
        raise Problem(400, "cut_off", "the body is not whole") from None
    return bytes(body)


def _decoded(body: bytes, form: type[Body]) -> Body:
    try:
        return msgspec.json.decode(body, type=form)
    except msgspec.ValidationError as error:
        raise Problem(422, "invalid", str(error)) from error
    except UNREADABLE as error:
        raise Problem(400, "not_json", str(error)) from error


def _outcome(content_type: str, body: bytes) -> str:
    if content_type.startswith("application/json"):
        return _decoded(body, Outcome).outcome
    try:
        return parse_qs(body.decode(), max_num_fields=10).get("outcome", [""])[0]
    except ValueError as error:  # not UTF-8, or more fields
        raise Problem(422, "invalid", "the form is malformed") from error


def _with_paid(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, "paid=1")))))


def _page_of(request: Request) -> tuple[int, str]:
    """From when on, UTC milliseconds, and after what."""
    since, after = request.query_params.get("since_ms", ""), request.query_params.get("after", "")
    if not (since.isascii() and since.isdecimal() and len(since) <= 15 and int(since) < MAX_TIME_MS):
        raise Problem(422, "invalid", f"since_ms must be a whole number from 0 to {MAX_TIME_MS - 1}")
    if len(after) > 128:
        raise Problem(422, "invalid", "after must be what the page before said")
    return int(since), after


def _json(content: object, status: int = 200, media_type: str = "application/json") -> Response:
    return Response(msgspec.json.encode(content), status, media_type=media_type)


def _problem(status: int, code: str, detail: str) -> Response:
    content = {"type": "about:blank", "title": code.replace("_", " "), "status": status, "code": code}
    return _json({**content, "detail": detail}, status, "application/problem+json")


async def _on_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return _problem(error.status, error.code, error.detail)


async def _on_refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return _problem(STATUS_OF_REFUSAL.get(error.code, 409), error.code, str(error))


async def _on_http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid")
    answer = _problem(error.status_code, code, error.detail)
    answer.headers.update(error.headers or {})
    return answer


async def _on_store_error(_: Request, error: Exception) -> Response:
    log.error("the sandbox's file: %s", error)
    return _problem(503, "unavailable", "the sandbox cannot write its file; try again later")


def create_app(settings: Settings) -> Starlette:
    """The sandbox's web application. Raises sqlite3.Error when its file cannot be opened."""
    sandbox = Sandbox(settings)
    return Starlette(
        routes=[
            Route("/checkout/{id}", sandbox.pay, methods=["POST"]),
            Route("/checkout/{id}", sandbox.checkout_page),
            Route("/v1/checkouts", sandbox.create_checkout, methods=["POST"]),
            Route("/v1/refunds", sandbox.refund, methods=["POST"]),
            Route("/v1/refunds", sandbox.refunds),
            Route("/v1/transactions", sandbox.transactions),
            Route("/healthz", sandbox.health),
            Mount("/static", StaticFiles(directory=ROOT / "static")),
        ],
        exception_handlers={
            Problem: _on_problem,
            Refused: _on_refused,
            HTTPException: _on_http_error,
            sqlite3.Error: _on_store_error,
        },
        lifespan=sandbox.running,
    )


def main() -> None:
    """Serves until SIGTERM or Ctrl-C; exit code 2 for a bad setting or a file that cannot be opened."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stdout)
    try:
        settings = Settings.from_environment()
        app = create_app(settings)
    except (BadSetting, sqlite3.Error, OSError) as error:
        log.error("%s", error)
        sys.exit(2)
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )


if __name__ == "__main__":
    main()
