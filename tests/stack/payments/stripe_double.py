"""Answers in Stripe's place, in the shapes of its API: sessions, refunds, balance transactions, errors.

It keeps what Stripe keeps: an idempotency key is one request, a session lives 30 minutes at least, a refund never
comes to more than its charge. `trouble` has it answer like a Stripe in trouble.
"""

import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

Json = dict[str, Any]


class Stripe:
    """A Stripe of a test's own, in threads of its own."""

    def __init__(self) -> None:
        self.sessions: dict[str, Json] = {}
        self.charges: dict[str, Json] = {}  # by payment intent
        self.refunds: list[Json] = []
        self.transactions: list[Json] = []  # oldest first
        self.answered: dict[str, tuple[str, int, Json]] = {}  # by idempotency key
        self.trouble: list[Any] = []  # for the next requests: a status, "half", "hang", or None
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def pay(self, session_id: str, amount: int | None = None) -> Json:
        """The buyer pays: the event that Stripe sends."""
        session = self.sessions[session_id]
        assert session["status"] == "open", session["status"]
        intent = f"pi_{secrets.token_hex(12)}"
        session |= {"status": "complete", "payment_status": "paid", "payment_intent": intent}
        session["amount_total"] = amount or session["amount_total"]
        self.charge(intent, session["amount_total"], session["currency"], session["metadata"])
        return self.event("checkout.session.completed", session)

    def charge(self, intent: str, amount: int, currency: str, metadata: Json) -> None:
        charge = {
            "id": f"ch_{secrets.token_hex(12)}",
            "object": "charge",
            "amount": amount,
            "amount_refunded": 0,
            "currency": currency,
            "metadata": metadata,
            "payment_intent": intent,
        }
        self.charges[intent] = charge
        self.transactions.append(
            {
                "id": f"txn_{secrets.token_hex(12)}",
                "object": "balance_transaction",
                "amount": amount,
                "fee": amount * 29 // 1000 + 30,
                "currency": currency,
                "created": int(time.time()),
                "type": "charge",
                "source": charge,
            }
        )

    def event(self, kind: str, session: Json) -> Json:
        return {
            "id": f"evt_{secrets.token_hex(12)}",
            "object": "event",
            "api_version": "2026-10-29",
            "created": int(time.time()),
            "type": kind,
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "data": {"object": {**session}},
        }

    def answer(self, method: str, path: str, body: str, key: str) -> tuple[int, Json]:
        known = self.answered.get(key)
        if key and known:
            if known[0] != path + body:
                return _error(400, "idempotency_error", "Keys for idempotent requests can only be used once.")
            return known[1:]
        status, content = self._made(method, path, dict(parse_qsl(body)))
        if key:
            self.answered[key] = (path + body, status, content)
        return status, content

    def _made(self, method: str, path: str, asked: dict[str, str]) -> tuple[int, Json]:
        parts = urlsplit(path)
        match method, parts.path.split("/")[2:]:
            case "POST", ["checkout", "sessions"]:
                return self._session(asked)
            case "POST", ["checkout", "sessions", ref, "expire"]:
                session = self.sessions[ref]
                if session["status"] != "open":
                    return _error(400, "invalid_request_error", "Only open sessions can be expired.")
                session["status"] = "expired"
                return 200, session
            case "POST", ["refunds"]:
                return self._refund(asked)
            case "GET", ["balance_transactions"]:
                return _listed("balance_transactions", self.transactions, parts.query)
            case "GET", ["refunds"]:
                return _listed("refunds", self.refunds, parts.query)
        return _error(404, "invalid_request_error", f"Unrecognized request URL ({method}: {path}).")

    def _session(self, asked: dict[str, str]) -> tuple[int, Json]:
        expires_at = int(asked.get("expires_at", time.time() + 86_400))
        if not 1_790 <= expires_at - time.time() <= 86_410:
            return _error(400, "invalid_request_error", "`expires_at` is 30 minutes to 24 hours from now.")
        ref = f"cs_test_{secrets.token_hex(12)}"
        self.sessions[ref] = {
            "id": ref,
            "object": "checkout.session",
            "url": f"https://checkout.stripe.com/c/pay/{ref}",
            "status": "open",
            "payment_status": "unpaid",
            "payment_intent": None,
            "amount_total": int(asked["line_items[0][price_data][unit_amount]"]),
            "currency": asked["line_items[0][price_data][currency]"],
            "client_reference_id": asked["client_reference_id"],
            "expires_at": expires_at,
            "metadata": {
                name: asked[f"payment_intent_data[metadata][{name}]"] for name in ("order_id", "payment_id")
            },
        }
        return 200, self.sessions[ref]

    def _refund(self, asked: dict[str, str]) -> tuple[int, Json]:
        charge = self.charges.get(asked["payment_intent"])
        if charge is None:
            return _error(404, "invalid_request_error", "No such payment_intent", "resource_missing")
        left = charge["amount"] - charge["amount_refunded"]
        if not left:
            return _error(400, "invalid_request_error", "It has been refunded.", "charge_already_refunded")
        if int(asked["amount"]) > left:
            return _error(
                400, "invalid_request_error", f"Refund amount is greater than {left}.", "amount_too_large"
            )
        charge["amount_refunded"] += int(asked["amount"])
        refund = {
            "id": f"re_{secrets.token_hex(12)}",
            "object": "refund",
            "amount": int(asked["amount"]),
            "currency": charge["currency"],
            "payment_intent": asked["payment_intent"],
            "status": "succeeded",
            "created": int(time.time()),
        }
        self.refunds.append(refund)
        return 200, refund

    def _handler(double) -> type[BaseHTTPRequestHandler]:  # `self` is the handler's
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._serve("")

            def do_POST(self) -> None:
                self._serve(self.rfile.read(int(self.headers.get("content-length", 0))).decode())

            def _serve(self, body: str) -> None:
                double.asked.append(f"{self.command} {self.path}")
                trouble = double.trouble.pop(0) if double.trouble else None
                if trouble == "hang":
                    time.sleep(1.5)
                if isinstance(trouble, int):
                    status, content = _error(trouble, "api_error", "in trouble")
                else:
                    status, content = double.answer(
                        self.command, self.path, body, self.headers.get("idempotency-key", "")
                    )
                raw = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw[: len(raw) // 2] if trouble == "half" else raw)
                if trouble == "half":
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def _error(status: int, kind: str, message: str, code: str | None = None) -> tuple[int, Json]:
    return status, {"error": {"type": kind, "message": message, **({"code": code} if code else {})}}


def _listed(name: str, kept: list[Json], query: str) -> tuple[int, Json]:
    """A page, the newest first."""
    asked = {name: values[0] for name, values in parse_qs(query).items()}
    found = [one for one in reversed(kept) if one["created"] >= int(asked["created[gte]"])]
    if after := asked.get("starting_after"):
        ids = [one["id"] for one in found]
        found = found[ids.index(after) + 1 :]
    limit = int(asked["limit"])
    return 200, {"object": "list", "url": f"/v1/{name}", "data": found[:limit], "has_more": len(found) > limit}
