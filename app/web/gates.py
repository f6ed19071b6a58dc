"""The gates of a sale, asked by whoever joins: what must be brought, and what it makes of its bearer."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request

from app.sale import waiting_room
from app.sale.catalog import Event
from app.sale.gates.rules import JoinRequest
from app.sale.waiting_room import NotJoined
from app.tokens import Buyer
from app.web.problems import Problem
from app.web.services import services_of


@dataclass(frozen=True)
class Passed:
    """Who may join, as whom (None: as somebody new), and with which presale code."""

    buyer: Buyer | None
    code_hashes: Sequence[str] = ()


async def pass_gates(request: Request, event: Event, buyer: Buyer | None, asked: JoinRequest) -> Passed:
    """Whether the sale takes in whoever asks: only who has a place already needs to bring nothing.

    Raises Problem `code_required`.
    """
    gates, services = event.gates, services_of(request)
    code_hashes: Sequence[str] = ()
    if gates.codes != "none" and asked.code:
        code_hashes = services.tokens.code_hashes(event.id, asked.code)
    if gates.codes == "required" and not code_hashes and not await _has_place(request, event, buyer):
        raise Problem("code_required")
    return Passed(buyer, code_hashes)


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
