"""The sandbox as a payment provider: its API over HTTP, and its callbacks by the Standard Webhooks scheme."""

import logging
from collections.abc import Mapping
from typing import Final, Self, TypeVar
from urllib.parse import quote

import msgspec
from standardwebhooks import Webhook, WebhookVerificationError

from app.infra.http_client import Answer, HttpClient, HttpFailed
from app.orders.facts import UNREADABLE
from app.orders.lifecycle import Order
from app.payments.provider import (
    Attempt,
    BadNotice,
    BadSignature,
    Checkout,
    ListedRefund,
    PaymentNotice,
    ProviderUnavailable,
    RefundPage,
    RefundRefused,
    TransactionPage,
)
from app.payments.sandbox_messages import (
    Callback,
    CheckoutRequest,
    Payment,
    Problem,
    Refund,
    RefundRequest,
    Refunds,
    Transactions,
)
from app.payments.sandbox_messages import Checkout as OpenedCheckout
from app.settings import Settings

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 5.0
MOST_CONNECTIONS = 64
# A refund that is answered with one of these codes is never carried out.
FINAL_CODES = ("unknown_transaction", "currency_differs", "exceeds_charge", "key_reused", "invalid")

Body = TypeVar("Body")


class SandboxProvider:
    """The sandbox. Used as `async with SandboxProvider(settings) as provider`; leaving closes its connections."""

    name: Final = "sandbox"

    def __init__(self, settings: Settings) -> None:
        self._http = HttpClient(
            settings.sandbox_url, most_connections=MOST_CONNECTIONS, timeout_seconds=TIMEOUT_SECONDS
        )
        self._headers = {
            "authorization": f"Bearer {settings.sandbox_api_key}",
            "content-type": "application/json",
            "accept": "application/json",
        }
        self._webhooks = [Webhook(secret) for secret in settings.sandbox_webhook_secrets]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._http.close()

    async def create_checkout(self, order: Order, attempt: Attempt) -> Checkout:
        """The page where the buyer pays. Raises ProviderUnavailable."""
        asked = CheckoutRequest(
            payment_id=attempt.payment_id,
            order_id=order.id,
            amount_minor=attempt.amount_minor,
            currency=order.currency,
            description=attempt.description,
            return_url=attempt.return_url,
            expires_at_ms=attempt.expires_at_ms,
        )
        answer = await self._ask("POST", "/v1/checkouts", msgspec.json.encode(asked))
        made = _content(answer, OpenedCheckout)
        return Checkout(made.id, made.url, attempt.expires_at_ms)

    async def close_checkout(self, ref: str) -> None:
        """Nothing to do: its pages end with the hold."""

    def verify_callback(self, headers: Mapping[str, str], body: bytes) -> PaymentNotice:
        """What a callback says. Raises BadSignature or BadNotice."""
        self._verify(headers, body)
        try:
            callback = msgspec.json.decode(body, type=Callback)
        except UNREADABLE as error:
            raise BadNotice(str(error)) from error
        notice_id = next(value for name, value in headers.items() if name.lower() == "webhook-id")
        return self._notice(notice_id, callback.data, succeeded=callback.type == "payment.succeeded")

    def _verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raises BadSignature unless one of the secrets signed it: while they are changed there are two."""
        reason: Exception | None = None
        for webhook in self._webhooks:
            try:
                webhook.verify(body, dict(headers), json_parse=False)
                return
            except (WebhookVerificationError, ValueError) as error:  # not base64 and not UTF-8 are ValueErrors
                reason = error
        raise BadSignature(str(reason or "this process knows no secret to check it with"))

    async def refund(self, transaction_id: str, amount_minor: int, currency: str, idempotency_key: str) -> str:
        """Gives money of a charge back, once per key; the refund's transaction id.

        Raises RefundRefused or ProviderUnavailable.
        """
        asked = RefundRequest(
            transaction_id=transaction_id,
            amount_minor=amount_minor,
            currency=currency,
            idempotency_key=idempotency_key,
        )
        answer = await self._ask("POST", "/v1/refunds", msgspec.json.encode(asked))
        problem = _problem(answer)
        if problem.code in FINAL_CODES:
            raise RefundRefused(f"{problem.code}: {problem.detail}")
        return _content(answer, Refund).id

    async def list_transactions(self, since_ms: int, after: str = "") -> TransactionPage:
        """A page of the successful charges since then (UTC milliseconds, inclusive), oldest first.

        `after` is what the page before said. Raises ProviderUnavailable.
        """
        path = f"/v1/transactions?since_ms={since_ms}&after={quote(after)}"
        page = _content(await self._ask("GET", path), Transactions)
        notices = []
        for payment in page.transactions:
            try:
                notices.append(self._notice(payment.transaction_id, payment, succeeded=True))
            except BadNotice as error:  # one of somebody else's must not hide the rest
                log.error("transaction %s is left out: %s", payment.transaction_id, error)
        return TransactionPage(notices, page.after or "")

    async def list_refunds(self, since_ms: int, after: str = "") -> RefundPage:
        """A page of the refunds since then, as above. Raises ProviderUnavailable."""
        path = f"/v1/refunds?since_ms={since_ms}&after={quote(after)}"
        page = _content(await self._ask("GET", path), Refunds)
        refunds = [
            ListedRefund(one.id, one.transaction_id, one.amount_minor, one.currency, one.occurred_at_ms)
            for one in page.refunds
        ]
        return RefundPage(refunds, page.after or "")

    def _notice(self, notice_id: str, payment: Payment, *, succeeded: bool) -> PaymentNotice:
        return PaymentNotice(
            notice_id=notice_id,
            outcome="succeeded" if succeeded else "failed",
            provider=self.name,
            order_id=payment.order_id,
            payment_id=payment.payment_id,
            transaction_id=payment.transaction_id,
            amount_minor=payment.amount_minor,
            currency=payment.currency,
            occurred_at_ms=payment.occurred_at_ms,
            reason=payment.reason,
        )

    async def _ask(self, method: str, path: str, body: bytes = b"") -> Answer:
        try:
            return await self._http.request(method, path, self._headers, body)
        except HttpFailed as error:
            raise ProviderUnavailable(f"the sandbox does not answer: {error}") from error


def _content(answer: Answer, form: type[Body]) -> Body:
    if not 200 <= answer.status < 300:
        problem = _problem(answer)
        raise ProviderUnavailable(f"the sandbox says {answer.status} {problem.code}: {problem.detail}")
    try:
        return msgspec.json.decode(answer.body, type=form)
    except UNREADABLE as error:
        raise ProviderUnavailable(f"the sandbox's answer is not understood: {error}") from error


def _problem(answer: Answer) -> Problem:
    """The problem in an answer; an empty one when there is none."""
    try:
        return msgspec.json.decode(answer.body, type=Problem)
    except UNREADABLE:
        return Problem()
