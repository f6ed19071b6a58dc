"""What is said of a ticket that is good no longer, by buyers' calls and doors alike."""

from typing import Any

from app.tickets.reading import Ticket
from app.units import iso
from app.web.problems import Problem


def ended_problem(ticket: Ticket) -> Problem:
    """Why a ticket is good no longer: where and when it was used, or that it is void."""
    if ticket.status != "USED":
        return Problem("void")
    more: dict[str, Any] = {"used_at": iso(ticket.ended_at_ms or 0), "gate": ticket.gate}
    return Problem("already_used", f"{more['used_at']} at {ticket.gate}", **more)
