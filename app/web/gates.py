"""The gates of a sale, asked by whoever joins: what must be brought, and what it makes of its bearer."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request

from app.infra.redis import first_time
from app.sale import waiting_room
from app.sale.catalog import Event
from app.sale.gates.accounts import RefusedAccount, subject_of
from app.sale.gates.captcha import CaptchaUnavailable
from app.sale.gates.rules import Account, Captcha, JoinRequest
from app.sale.gates.work import GOOD_FOR_SECONDS, RefusedWork
from app.sale.waiting_room import NotJoined
from app.tokens import Buyer
from app.web.problems import Problem
from app.web.services import services_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Passed:
    """Who may join, as whom (None: as somebody new), and with which presale code."""

    buyer: Buyer | None
    code_hashes: Sequence[str] = ()


async def pass_gates(request: Request, event: Event, buyer: Buyer | None, asked: JoinRequest) -> Passed:
    """Whether the sale takes in whoever asks: only who has a place already needs to bring nothing.

    Raises Problem `code_required`, `identity_required`, `identity_refused`, `work_required`, `work_refused`.
    """
    gates, services = event.gates, services_of(request)
    if gates.account:
        if asked.identity:
            owner = _owner(request, gates.account, asked.identity)
            # whoever is that account already keeps what their token knows
            buyer = buyer if buyer and buyer.id == owner.id else owner
        elif not await _has_place(request, event, buyer):
            raise Problem("identity_required")
    code_hashes: Sequence[str] = ()
    if gates.codes != "none" and asked.code:
        code_hashes = services.tokens.code_hashes(event.id, asked.code)
    if gates.codes == "required" and not code_hashes and not await _has_place(request, event, buyer):
        raise Problem("code_required")
    if gates.captcha and not await _has_place(request, event, buyer):
        await _ask_captcha(request, gates.captcha, asked.captcha or "")
    if gates.work and not await _has_place(request, event, buyer):
        await _count_work(request, event, asked.work or "")
    return Passed(buyer, code_hashes)


async def _ask_captcha(request: Request, captcha: Captcha, response: str) -> None:
    """Raises Problem `captcha_required`, `captcha_refused`, and `unavailable` when nobody can say."""
    if not response:
        raise Problem("captcha_required")
    try:
        solved = await services_of(request).captchas.is_solved(captcha, response)
    except CaptchaUnavailable as error:
        log.warning("a captcha cannot be verified: %s", error)
        raise Problem("unavailable") from None
    if not solved:
        raise Problem("captcha_refused")


async def _count_work(request: Request, event: Event, solved: str) -> None:
    """Takes a piece of work, which counts once. Raises Problem `work_required`, `work_refused`."""
    services = services_of(request)
    if not solved:
        raise Problem("work_required", challenge=f"/api/v1/events/{event.slug}/challenge")
    try:
        piece = services.work.check(event.id, solved)
        if not await first_time(services.redis, "work", piece, GOOD_FOR_SECONDS):
            raise RefusedWork("used")
    except RefusedWork as refused:
        raise Problem("work_refused", reason=refused.reason) from None


def _owner(request: Request, account: Account, token: str) -> Buyer:
    """The buyer that an account is: the same one for all its devices."""
    try:
        subject = subject_of(token, account)
    except RefusedAccount as refused:
        raise Problem("identity_refused", reason=refused.reason) from None
    return services_of(request).tokens.derived_buyer("account", account.issuer, account.audience, subject)


async def _has_place(request: Request, event: Event, buyer: Buyer | None) -> bool:
    if buyer is None:
        return False
    if event.id in buyer.numbers:  # given by us, whatever Redis has forgotten
        return True
    try:
        await waiting_room.look(services_of(request).redis, event.id, buyer.id)
    except NotJoined:
        return False
    return True
