"""Every problem there is (RFC 9457): one table with its stable code, and the errors that are told as one.

`GET /problems/{code}` explains each; the API's document names for every call those it may answer with.
"""

import logging
import random
from typing import Any

import msgspec
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import Response

from app.infra.kafka import KafkaUnavailable
from app.infra.mysql import DatabaseUnavailable
from app.infra.redis import NotReady
from app.orders.reservations import Refused
from app.organisers.accounts import LastOwner
from app.sale.events import UnknownEvent
from app.sale.waiting_room import BadCode, CodeUsed, NotJoined, SaleClosed, WaitingRoomFull
from app.units import iso, optional_iso
from app.web.languages import language_of
from app.web.rendering import page, words_in
from app.words import ENGLISH, Language

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
# What answers a machine: here a problem is JSON, anywhere else a page.
MACHINE_PATHS = ("/api/", "/metrics", "/healthz", "/readyz", "/openapi.json", "/asyncapi.json", "/.well-known/")
OURS = ("/admin", "/door", "/wall")  # pages in English only
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class Kind(msgspec.Struct, frozen=True):
    """One kind of problem. `retry_seconds` is from when to when trying again makes sense; (0, 0): it does not."""

    code: str
    status: int
    title: str
    advice: str
    retry_seconds: tuple[int, int] = (0, 0)

    @property
    def address(self) -> str:
        """Where it is explained: what RFC 9457 calls its type."""
        return f"/problems/{self.code}"


KINDS = {
    kind.code: kind
    for kind in (
        Kind(
            "malformed",
            400,
            "This is not a request as HTTP/1.1 has it.",
            "The request line, a header or the length of the body is malformed. Check the client, or the proxy"
            " between us.",
        ),
        Kind(
            "unauthorized",
            401,
            "This token is missing, not ours, or too old.",
            "Buyers: join the queue of a sale; the answer sets the cookie `tc_buyer` and carries the token for"
            " `Authorization: Bearer`. Organisers: sign in at /admin, or send an API key that has not ended.",
        ),
        Kind(
            "wrong_password",
            401,
            "This name and password do not belong together.",
            "Which of the two is wrong is not told. After several tries there is a pause: 429 says how long.",
        ),
        Kind(
            "factor_needed",
            401,
            "The password is right, and a code is needed too.",
            "Send `totp`: the code that the authenticator shows now, which is good once, or a recovery code.",
        ),
        Kind(
            "bad_signature",
            401,
            "This report is not signed as it should be.",
            "Sign the exact bytes of the body with the shared secret, and stamp it with the present time: a stamp"
            " more than 300 seconds off is refused.",
        ),
        Kind(
            "no_pass",
            403,
            "It is not your turn, or your time to shop has ended.",
            "Wait until your place says `admitted`, then order before its `expires_at`. Or join again.",
        ),
        Kind(
            "origin",
            403,
            "Requests from other sites are refused.",
            "A browser says that a page of another site asked for this. Programs send no `Origin`.",
        ),
        Kind(
            "forbidden",
            403,
            "You may not do this.",
            "Your role in this event, or the scopes of your key, do not allow it: `detail` names the right that it"
            " takes. An owner can give it.",
        ),
        Kind(
            "blocked",
            403,
            "The organiser does not let you in.",
            "It is this buyer, or the address that you come from. What you ordered stays yours. If you think it is"
            " a mistake, ask the organiser.",
        ),
        Kind(
            "captcha_required",
            403,
            "Joining this sale takes a captcha.",
            "Join with `captcha`, what the organiser's captcha gave your browser.",
        ),
        Kind(
            "captcha_refused",
            403,
            "This captcha was not solved.",
            "It is good once, and for a short time. Solve a new one.",
        ),
        Kind(
            "work_required",
            403,
            "Joining this sale takes a little work of your browser.",
            "Solve the challenge at `challenge` (ALTCHA's protocol) and join with the solution as `work`.",
        ),
        Kind(
            "work_refused",
            403,
            "This work does not count.",
            "`reason` says why: `malformed`, `expired` (after ten minutes), `signature`, `solution`,"
            " `another_sale` or `used` (each solution counts once). Take a new challenge.",
        ),
        Kind(
            "identity_required",
            401,
            "This sale is for accounts of its organiser.",
            "Sign in with the organiser, who sends you here with a token: join with it as `identity`.",
        ),
        Kind(
            "identity_refused",
            401,
            "This token does not prove an account.",
            "`reason` says why: `malformed`, `algorithm`, `key`, `signature`, `audience`, `issuer`, `expired`,"
            " `not_yet_valid` (clocks may differ by 60 s), `lifetime` (30 days at most) or `claims` (`exp`, `sub`"
            " and `aud` are needed).",
        ),
        Kind(
            "code_required",
            403,
            "This sale is open to holders of a presale code.",
            "Join with `code`, the code the organiser gave you.",
        ),
        Kind(
            "bad_code",
            403,
            "This code is not one of this sale.",
            "Check its letters and digits; blanks, hyphens and capitals make no difference. After several wrong"
            " codes there is a pause: 429 says how long.",
        ),
        Kind(
            "code_used",
            409,
            "This code has been used as often as it may be.",
            "A code is good for as many buyers as the organiser made it for. You can join without one, if the sale"
            " allows it.",
        ),
        Kind(
            "link_expired",
            403,
            "This link is too old or was changed. Open a new one on your first device.",
            "A link or QR code for another device works for a day; the first device shows a new one.",
        ),
        Kind(
            "link_used",
            410,
            "This link was used already. Open a new one on your first device.",
            "A link for another device works once, so that nobody who finds it later becomes you. Reload the page"
            " on the first device for a new one.",
        ),
        Kind(
            "not_found",
            404,
            "There is nothing here.",
            "Check the address. An order is shown only to the buyer who placed it.",
        ),
        Kind(
            "unknown_ticket",
            404,
            "This is no ticket for here.",
            "The code is not one of ours, or its ticket is for another event than this door or this key is.",
        ),
        Kind(
            "not_joined",
            404,
            "This buyer has no place in the queue. Join first.",
            "POST to the queue of the sale, with the same token, to get a place.",
        ),
        Kind(
            "not_drawn",
            404,
            "No draw of this sale has been published.",
            "`state` of the sale's draw says how far it is. The list is published some seconds after the draw.",
        ),
        Kind(
            "not_allowed",
            405,
            "This cannot be done here.",
            "The header `Allow` names the methods of this address.",
        ),
        Kind(
            "too_slow",
            408,
            "The request did not arrive in time.",
            "Send the whole request at once. Repeating it with its Idempotency-Key is safe.",
        ),
        Kind(
            "limit",
            409,
            "That is more than one buyer may have.",
            "`has` is how many tickets you hold and bought, `limit` how many you may have. Ask for fewer, or give"
            " an order back first.",
        ),
        Kind(
            "sku_limit",
            409,
            "That is more of this kind than one buyer may have.",
            "`has` is how many of the kind `sku_id` you hold and bought, `limit` how many you may have. Ask for"
            " fewer, or for another kind.",
        ),
        Kind(
            "sku_not_on_sale",
            409,
            "This kind of ticket is not on sale now.",
            "The kind `sku_id` is on sale from `sells_from` until `sells_until`, null being for as long as the"
            " sale goes on. Other kinds may be on sale.",
        ),
        Kind(
            "not_payable",
            409,
            "This order cannot be paid now.",
            "`order_status` says why: HELD is written down in a moment; an order that lapsed, was paid or given"
            " back is final.",
        ),
        Kind(
            "already_extended",
            409,
            "This was given more time already.",
            "There is more time once, for a pass and for each order. `expires_at` is when it ends.",
        ),
        Kind(
            "not_extendable",
            409,
            "This order holds nothing that could be held for longer.",
            "Only an order that is held or waits for its payment can get more time, before its `expires_at`.",
        ),
        Kind(
            "not_cancelable",
            409,
            "This order holds nothing that could be given back.",
            "A buyer can give back what is held or waits for its payment; an organiser also what is paid.",
        ),
        Kind(
            "not_refundable",
            409,
            "There is nothing that could be refunded.",
            "`detail` says why: nothing was paid, all of it is on its way back, or the organiser's rule does not"
            " allow it.",
        ),
        Kind(
            "not_in_review",
            409,
            "This order is not being reviewed.",
            "Only an order whose payment was not as expected can be accepted. `order_status` says how it stands.",
        ),
        Kind(
            "no_contact",
            409,
            "There is nobody to mail this to.",
            "The order has no tickets to mail, or its buyer gave no address: they can at any time.",
        ),
        Kind(
            "already_used",
            409,
            "This ticket was used already.",
            "`used_at` and `gate` say when and where it was let in. A ticket lets one in once.",
        ),
        Kind(
            "changed",
            409,
            "Somebody else changed this meanwhile.",
            "`event` is how it stands now. Look at it, and send the change with its `revision` in `If-Match`.",
        ),
        Kind(
            "in_use",
            409,
            "So many tickets cannot be withdrawn.",
            "`taken` of the kind `sku_id` are held or sold: it cannot have fewer. Held ones may come back.",
        ),
        Kind(
            "not_scheduled",
            409,
            "The opening is over, so it cannot be moved.",
            "Pause the sale instead, or leave its opening as it is.",
        ),
        Kind(
            "not_closed",
            409,
            "Only a closed sale can be archived.",
            "Close it first: what is archived is on no list any more.",
        ),
        Kind(
            "no_codes",
            409,
            "This sale takes no presale codes.",
            "Say first whether whoever joins may bring one or must: `asked` is `optional` or `required`.",
        ),
        Kind(
            "no_rehearsals",
            409,
            "Rehearsals are not allowed here.",
            "They pay in the sandbox, which production lacks; elsewhere REHEARSAL_BUYERS says how many may come.",
        ),
        Kind(
            "rehearsed_already",
            409,
            "This event is being rehearsed, or is about to be.",
            "Wait for the verdict of that one.",
        ),
        Kind(
            "last_owner",
            409,
            "Somebody must be left who owns everything.",
            "Give somebody else the role of an owner in every event first.",
        ),
        Kind(
            "not_a_draft",
            409,
            "Only a draft can be published or deleted.",
            "An event that was on sale stays in the books: close it, and archive it.",
        ),
        Kind(
            "not_open",
            409,
            "Only an open sale can be paused.",
            "Open the sale first, or leave it as it is.",
        ),
        Kind(
            "closed",
            410,
            "The sale is closed.",
            "It takes no more buyers or orders. Orders that were placed stay as they are.",
        ),
        Kind(
            "void",
            410,
            "This ticket is not good any more.",
            "Its order was refunded, or it was handed to somebody else, who has a new code for it.",
        ),
        Kind(
            "sold_out",
            410,
            "Not enough tickets left.",
            "`available` is how many of the kind `sku_id` are left now. Ask for fewer or for another kind; tickets"
            " that others only hold may come back.",
        ),
        Kind(
            "too_large",
            413,
            "The body is too large.",
            "A body may have 65,536 bytes at most.",
        ),
        Kind(
            "url_too_long",
            414,
            "The address is too long.",
            "No address of ours is longer than a few hundred characters.",
        ),
        Kind(
            "unsupported_media_type",
            415,
            "The body must be JSON.",
            "Send the body as `Content-Type: application/json`, in UTF-8, or without a `Content-Type`.",
        ),
        Kind(
            "invalid",
            422,
            "The request is not as it should be.",
            "`detail` names what is wrong and what is expected. The same request will be refused again.",
        ),
        Kind(
            "key_reused",
            422,
            "This Idempotency-Key was used with something else.",
            "Use a new key for a new order or event. The same key with the same body gets the first answer again.",
        ),
        Kind(
            "too_much",
            422,
            "That is more than can be given back.",
            "`detail` says how much is left of what was paid, refunds that were decided on before taken off.",
        ),
        Kind(
            "too_many",
            429,
            "You have asked for this as often as one may.",
            "`detail` says what is limited. Where `Retry-After` is given, try again after as many seconds.",
        ),
        Kind(
            "head_too_large",
            431,
            "The request has too many or too large header fields.",
            "Send fewer or shorter headers; clearing this site's cookies may help.",
        ),
        Kind(
            "internal",
            500,
            "Something went wrong here.",
            "This is our fault, and it has been recorded. Repeating a call with its Idempotency-Key is safe.",
        ),
        Kind(
            "not_ready",
            503,
            "The sale is not ready. Your place is kept; please try again in a moment.",
            "The waiting room cannot be reached, or the sale is being put together. Try again after as many"
            " seconds as `Retry-After` says.",
            (1, 4),
        ),
        Kind(
            "unavailable",
            503,
            "A part of the system is unavailable. Please try again in a moment.",
            "Nothing is lost: held tickets stay held, and what was paid stays paid. Try again after as many"
            " seconds as `Retry-After` says.",
            (2, 6),
        ),
        Kind(
            "busy",
            503,
            "Too many people at once. Please try again in a moment.",
            "Try again after as many seconds as `Retry-After` says. Who has a place keeps it.",
            (2, 8),
        ),
        Kind(
            "paused",
            503,
            "The sale is paused. Your place is kept.",
            "The organiser goes on when the reason is gone. The socket or the queue's answer says when.",
            (5, 15),
        ),
        Kind(
            "provider_unavailable",
            503,
            "The payment provider does not answer. Your tickets stay held.",
            "Nothing was charged. Start the payment again before the order's `expires_at`.",
            (2, 6),
        ),
        Kind(
            "draining",
            503,
            "This process is about to stop.",
            "Send requests to another one. Whatever is under way here is finished.",
            (1, 2),
        ),
    )
}


class Problem(Exception):
    """An answer that says what is wrong: a code of KINDS, and what is particular about this one.

    `retry_seconds` is when trying again makes sense, where that is known. `more` goes into the answer as it is.
    """

    def __init__(self, code: str, detail: str = "", *, retry_seconds: int = 0, **more: Any) -> None:
        super().__init__(code)
        self.kind = KINDS[code]
        self.detail = detail
        self.more = more
        self._retry_seconds = retry_seconds

    def body(self) -> dict[str, Any]:
        """The problem as RFC 9457 has it."""
        return {
            "type": self.kind.address,
            "title": self.kind.title,
            "status": self.kind.status,
            "code": self.kind.code,
            **({"detail": self.detail} if self.detail else {}),
            **self.more,
        }

    def headers(self) -> dict[str, str]:
        """When to try again: never the same second for everybody who was refused together."""
        least, most = self.kind.retry_seconds
        if self._retry_seconds:
            least, most = self._retry_seconds, self._retry_seconds + max(1, self._retry_seconds // 5)
        return {"Retry-After": str(random.randint(least, most))} if most else {}  # noqa: S311  # spreads, hides nothing

    def response(self) -> Response:
        """The answer for a machine."""
        return Response(
            msgspec.json.encode(self.body()), self.kind.status, media_type=MEDIA_TYPE, headers=self.headers()
        )

    def page(self, *, reads: Language = ENGLISH, asked: bool = True, readable: bool = True) -> Response:
        """The answer for people: what went wrong and what to do.

        `asked`: by GET, so that the page may ask again automatically. `readable`: the address can be asked by GET.
        """
        words, name = words_in(reads), f"problem.{self.kind.code}"
        answer = page(
            "error.html",
            self.kind.status,
            reads=reads,
            status=self.kind.status,
            title=words(name) if name in words else self.kind.title,
            detail=self.detail,
            code=self.kind.code,
            asked=asked,
            readable=readable,
        )
        answer.headers.update(self.headers())
        answer.headers["vary"] = "accept-language, cookie"
        return answer


PROBLEMS: dict[type[Exception], str] = {
    NotReady: "not_ready",
    RedisError: "not_ready",
    DatabaseUnavailable: "unavailable",
    KafkaUnavailable: "unavailable",
    UnknownEvent: "not_found",
    NotJoined: "not_joined",
    SaleClosed: "closed",
    WaitingRoomFull: "busy",
    BadCode: "bad_code",
    CodeUsed: "code_used",
    LastOwner: "last_owner",
}


def problem_of(error: Exception) -> Problem:
    """The problem that an error is told as."""
    if isinstance(error, Problem):
        return error
    for kind, code in PROBLEMS.items():
        if isinstance(error, kind):
            if KINDS[code].status == 503:
                log.warning("%s: %s", type(error).__name__, error)
            return Problem(code)
    raise error


def refusal_of(refused: Refused) -> Problem:
    """What a script about an order or a pass said, as a problem."""
    match refused.answer:
        case ("SOLD_OUT", sku_id, available):
            return Problem("sold_out", sku_id=int(sku_id), available=available)
        case ("LIMIT", has, limit):
            return Problem("limit", has=has, limit=limit)
        case ("SKU_LIMIT", sku_id, has, limit):
            return Problem("sku_limit", sku_id=int(sku_id), has=has, limit=limit)
        case ("SKU_NOT_ON_SALE", sku_id, from_ms, until_ms):
            return Problem(
                "sku_not_on_sale",
                sku_id=int(sku_id),
                sells_from=optional_iso(from_ms or None),
                sells_until=optional_iso(until_ms or None),
            )
        case ("UNKNOWN_SKU", sku_id):
            return invalid(f"sku {sku_id} is not on sale here")
        case ("ALREADY", end_ms):
            return Problem("already_extended", expires_at=iso(end_ms))
        case ("NOT_HELD",) | ("UNKNOWN",):
            return Problem("not_extendable")
        case ("TOO_MANY",):
            return Problem("too_many", "You have placed as many orders as one buyer may.")
        case (answer, *_) if str(answer).lower() in KINDS:  # the others are named alike
            return Problem(str(answer).lower())
    raise refused


def invalid(detail: str) -> Problem:
    """The request is understood, and not as it should be."""
    return Problem("invalid", detail)


async def answer_error(request: Request, error: Exception) -> Response:
    """What Starlette calls for the exceptions of PROBLEMS and for Problem."""
    problem = problem_of(error)
    path = request.scope["path"]  # request.url builds a whole address first
    if path.startswith(MACHINE_PATHS):
        return problem.response()
    reads = language_of(request)
    return problem.page(
        reads=ENGLISH if path.startswith(OURS) else reads,
        asked=request.method in SAFE_METHODS,
        readable=request.scope.get("readable", True),
    )
