"""Stripe as a payment provider: Checkout Sessions, refunds, balance transactions and webhooks, by its own library.

A charge is known by its PaymentIntent: sessions, webhooks, refunds and balance transactions all name it.
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlsplit

import msgspec
import stripe
from stripe import HTTPClient as StripeHttp

from app.infra.http_client import HttpClient, HttpFailed
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
from app.settings import Settings
from app.units import now_ms

log = logging.getLogger(__name__)

NOT_REFUNDED = ("failed", "canceled")

TIMEOUT_SECONDS = 10.0
MOST_CONNECTIONS = 32
RETRIES = 1  # by the library, with the same idempotency key
PAGE_SIZE = 100
TOLERANCE_SECONDS = 300
# A session lives from 30 minutes to 24 hours, Stripe says; ours ends it with the hold. Counted from when the order
# was placed, so that the same attempt asks for the same and Stripe's idempotency finds it again.
SESSION_MS = 23 * 3_600_000
LEAST_SESSION_MS = 31 * 60_000
# What webhooks tell of a session. A card that is declined leaves it open: the buyer tries another one there.
SUCCEEDED = ("checkout.session.completed", "checkout.session.async_payment_succeeded")
FAILED = ("checkout.session.async_payment_failed", "checkout.session.expired")
# Errors that come again however often the same is asked.
FINAL = (stripe.InvalidRequestError, stripe.CardError, stripe.IdempotencyError)

_STAMP = re.compile(r"(?:^|,)\s*t=(\d{1,12})\s*(?:,|$)")
Answer = TypeVar("Answer")


class Session(msgspec.Struct, frozen=True):
    """Of a Checkout Session, what is read of it."""

    id: str
    amount_total: int
    currency: str
    payment_status: str
    metadata: dict[str, str]
    payment_intent: str | None = None


class _Data(msgspec.Struct, frozen=True):
    object: Session


class _Kind(msgspec.Struct, frozen=True):
    type: str


class _Event(msgspec.Struct, frozen=True):
    id: str
    type: str
    created: int
    data: _Data


class _Http(StripeHttp):
    """The library's requests over our own client: bounded in time, size and connections."""

    name = "ticketcraze"

    def __init__(self, http: HttpClient) -> None:
        super().__init__()
        self._http = http

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """See stripe.HTTPClient."""
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        body = post_data.encode() if isinstance(post_data, str) else post_data or b""
        try:
            answer = await self._http.request(method.upper(), path, headers, body)
        except HttpFailed as error:
            raise stripe.APIConnectionError(str(error), should_retry=True) from error  # type: ignore[no-untyped-call]
        return answer.body, answer.status, {}

    def sleep_async(self, secs: float) -> Awaitable[None]:
        """See stripe.HTTPClient."""
        return asyncio.sleep(secs)


class StripeProvider:
    """Stripe. Used as `async with StripeProvider(settings) as provider`; leaving closes its connections."""

    name: Final = "stripe"

    def __init__(self, settings: Settings) -> None:
        self._http = HttpClient(
            settings.stripe_api_url, most_connections=MOST_CONNECTIONS, timeout_seconds=TIMEOUT_SECONDS
        )
        self._client = stripe.StripeClient(
            settings.stripe_api_key,
            http_client=_Http(self._http),
            base_addresses={"api": settings.stripe_api_url},
            max_network_retries=RETRIES,
        )
        self._webhook_secrets = settings.stripe_webhook_secrets

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._http.close()

    async def create_checkout(self, order: Order, attempt: Attempt) -> Checkout:
        """The page where the buyer pays; the same for the same payment id. Raises ProviderUnavailable."""
        metadata = {"order_id": order.id, "payment_id": attempt.payment_id}
        asked: dict[str, Any] = {
            "mode": "payment",
            "line_items": [
                {
                    "price_data": {
                        "currency": order.currency.lower(),
                        "unit_amount": attempt.amount_minor,
                        "product_data": {"name": attempt.description},
                    },
                    "quantity": 1,
                }
            ],
            "client_reference_id": order.id,
            "metadata": metadata,
            "payment_intent_data": {"metadata": metadata},
            "success_url": f"{attempt.return_url}{'&' if '?' in attempt.return_url else '?'}paid=1",
            "cancel_url": attempt.return_url,
        }
        ends_at_ms = order.placed_at_ms + SESSION_MS
        if ends_at_ms - now_ms() >= LEAST_SESSION_MS:
            asked["expires_at"] = ends_at_ms // 1000
        try:
            session = await self._asked(
                self._client.v1.checkout.sessions.create_async(
                    params=asked,  # type: ignore[arg-type]  # the library's own types name every field there is
                    options={"idempotency_key": attempt.payment_id},
                )
            )
        except FINAL as error:
            raise ProviderUnavailable(f"Stripe takes no such checkout: {error}") from error
        return Checkout(session.id, session.url or "", (session.expires_at or 0) * 1000)

    async def close_checkout(self, ref: str) -> None:
        """Ends a session: nobody can pay there any more. Raises ProviderUnavailable."""
        try:
            await self._asked(self._client.v1.checkout.sessions.expire_async(ref))
        except FINAL as error:  # it is paid, or ended already
            log.info("session %s is not open any more: %s", ref, error)

    def verify_callback(self, headers: Mapping[str, str], body: bytes) -> PaymentNotice | None:
        """What a webhook says; None where it is about nothing of ours. Raises BadSignature or BadNotice."""
        signature = next((value for name, value in headers.items() if name.lower() == "stripe-signature"), "")
        self._verify(signature, body)
        try:
            if msgspec.json.decode(body, type=_Kind).type not in SUCCEEDED + FAILED:
                return None
            event = msgspec.json.decode(body, type=_Event)
        except UNREADABLE as error:
            raise BadNotice(str(error)) from error
        session = event.data.object
        succeeded = event.type in SUCCEEDED
        if (succeeded and session.payment_status != "paid") or "payment_id" not in session.metadata:
            return None  # it is paid later, and told then; or a session that somebody else opened
        return self._notice(
            event.id,
            session.metadata,
            session.payment_intent or "",
            session.amount_total,
            session.currency,
            event.created * 1000,
            reason="" if succeeded else event.type.rpartition(".")[2],
        )

    def _verify(self, signature: str, body: bytes) -> None:
        """Raises BadSignature unless one of the secrets signed it: while they are changed there are two."""
        stamp = _STAMP.search(signature)
        if stamp is None or int(stamp[1]) > time.time() + TOLERANCE_SECONDS:  # the library minds the past alone
            raise BadSignature("there is no stamp, or it is from the future")
        for secret in self._webhook_secrets:
            try:
                stripe.WebhookSignature.verify_header(body, signature, secret, TOLERANCE_SECONDS)
                return
            except (stripe.SignatureVerificationError, ValueError, TypeError):  # not UTF-8, and not ASCII
                continue
        raise BadSignature("no secret of ours signed it, or its stamp is over 300 seconds old")

    async def refund(self, transaction_id: str, amount_minor: int, currency: str, idempotency_key: str) -> str:
        """Gives money of a charge back, once per key: its id. Raises RefundRefused, ProviderUnavailable."""
        try:
            refund = await self._asked(
                self._client.v1.refunds.create_async(
                    params={"payment_intent": transaction_id, "amount": amount_minor},
                    options={"idempotency_key": idempotency_key},
                )
            )
        except FINAL as error:
            raise RefundRefused(f"{getattr(error, 'code', None) or 'refused'}: {error.user_message}") from error
        if refund.status in NOT_REFUNDED:
            raise RefundRefused(f"{refund.status}: {refund.failure_reason or 'no reason is given'}")
        return str(refund.id)

    async def list_transactions(self, since_ms: int, after: str = "") -> TransactionPage:
        """A page of the charges since then by Stripe's clock, the newest first. Raises ProviderUnavailable."""
        charges = {"type": "charge", "expand": ["data.source"]}
        page = await self._page(self._client.v1.balance_transactions.list_async, since_ms, after, charges)
        notices = []
        for transaction in page.data:
            try:
                notices.append(self._listed(transaction.to_dict()))
            except (BadNotice, KeyError, TypeError) as error:  # one of somebody else's must not hide the rest
                log.info("balance transaction %s is left out: %s", transaction.id, error)
        return TransactionPage(notices, page.data[-1].id if page.has_more and page.data else "")

    async def list_refunds(self, since_ms: int, after: str = "") -> RefundPage:
        """A page of the refunds since then by Stripe's clock, the newest first. Raises ProviderUnavailable."""
        page = await self._page(self._client.v1.refunds.list_async, since_ms, after, {})
        refunds = [
            ListedRefund(
                str(refund.id),
                str(refund.payment_intent),
                refund.amount,
                refund.currency.upper(),
                refund.created * 1000,
                failed=refund.status in NOT_REFUNDED,
            )
            for refund in page.data
        ]
        return RefundPage(refunds, refunds[-1].refund_id if page.has_more and refunds else "")

    async def _page(
        self, listing: Callable[..., Awaitable[Any]], since_ms: int, after: str, more: Mapping[str, Any]
    ) -> Any:
        """A page of what Stripe lists. Raises ProviderUnavailable."""
        asked = {"created": {"gte": since_ms // 1000}, "limit": PAGE_SIZE, **more}
        if after:
            asked["starting_after"] = after
        try:
            return await self._asked(listing(params=asked))
        except FINAL as error:
            raise ProviderUnavailable(f"Stripe does not list: {error}") from error

    def _listed(self, transaction: dict[str, Any]) -> PaymentNotice:
        charge = transaction["source"]
        notice = self._notice(
            transaction["id"],
            charge["metadata"],
            charge["payment_intent"],
            charge["amount"],
            charge["currency"],
            transaction["created"] * 1000,
        )
        return msgspec.structs.replace(notice, fee_minor=transaction["fee"])

    def _notice(
        self,
        notice_id: str,
        metadata: Mapping[str, str],
        transaction_id: str,
        amount_minor: int,
        currency: str,
        at_ms: int,
        reason: str = "",
    ) -> PaymentNotice:
        return PaymentNotice(
            notice_id=notice_id,
            outcome="failed" if reason else "succeeded",
            provider=self.name,
            order_id=metadata["order_id"],
            payment_id=metadata["payment_id"],
            transaction_id=transaction_id,
            amount_minor=amount_minor,
            currency=currency.upper(),
            occurred_at_ms=at_ms,
            reason=reason,
        )

    async def _asked(self, call: Awaitable[Answer]) -> Answer:
        """The answer to a call. Raises one of FINAL, else ProviderUnavailable."""
        try:
            return await call
        except FINAL:
            raise
        except stripe.StripeError as error:
            raise ProviderUnavailable(f"Stripe gives no usable answer: {type(error).__name__}: {error}") from error
        except (ValueError, TypeError, AttributeError, KeyError) as error:  # half an answer
            raise ProviderUnavailable(f"Stripe's answer is not understood: {error}") from error
