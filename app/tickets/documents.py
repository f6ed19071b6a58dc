"""What shows a ticket outside of a page: a PDF to keep and print, and an entry for a calendar."""

import asyncio
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import segno
import typst

from app.ids import short_code
from app.sale.catalog import Event
from app.units import now_ms, to_datetime

FOLDER = Path(__file__).parents[2] / "templates" / "documents"
AT_ONCE = 2  # a PDF takes 60 ms of a core: somebody who asks for many waits for their own
LONGEST_LINE = 75  # bytes of a line of a calendar file, as RFC 5545 has it

_making = asyncio.Semaphore(AT_ONCE)


class Shown(NamedTuple):
    """A ticket on paper."""

    ticket_id: str
    code: str
    name: str


def _words(at_ms: int | None, form: str) -> str:
    return "" if at_ms is None else to_datetime(at_ms).strftime(form)


def _svg(code: str) -> str:
    out = io.BytesIO()
    segno.make(code, error="m").save(out, kind="svg", border=2, xmldecl=False)
    return out.getvalue().decode()


def tickets_pdf(event: Event, order_id: str, tickets: Sequence[Shown]) -> bytes:
    """A page for each ticket. What people wrote goes in as data, so nothing in it can be a command."""
    data = {
        "event": event.name,
        "when": _words(event.starts_at_ms, "%A %-d %B %Y, %H:%M UTC"),
        "doors": _words(event.doors_at_ms, "Doors open at %H:%M UTC"),
        "venue": event.venue or "",
        "accent": event.accent,
        "order": short_code(order_id),
        "tickets": [{"name": t.name, "qr": _svg(t.code), "id": t.ticket_id} for t in tickets],
    }
    made = typst.compile(FOLDER / "tickets.typ", root=FOLDER, format="pdf", sys_inputs={"data": json.dumps(data)})
    return bytes(made)


async def make_pdf(event: Event, order_id: str, tickets: Sequence[Shown]) -> bytes:
    """The same beside the loop, a few at once."""
    async with _making:
        return await asyncio.to_thread(tickets_pdf, event, order_id, tickets)


def calendar(event: Event, address: str) -> bytes:
    """The event as an iCalendar file (RFC 5545); `address` is its page. It needs a start."""
    if event.starts_at_ms is None:
        raise ValueError("an event without a start is in no calendar")
    doors = _words(event.doors_at_ms, "Doors open at %H:%M UTC. ")
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Ticket Craze//EN",
        "METHOD:PUBLISH",
        "BEGIN:VEVENT",
        f"UID:event-{event.id}@ticketcraze",
        f"DTSTAMP:{_utc(now_ms())}",
        f"DTSTART:{_utc(event.starts_at_ms)}",
        f"SUMMARY:{_escaped(event.name)}",
        f"DESCRIPTION:{_escaped(doors + 'Have your ticket ready: ' + address)}",
        *([f"LOCATION:{_escaped(event.venue)}"] if event.venue else []),
        f"URL:{address}",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(f"{_folded(line)}\r\n" for line in lines).encode()


def _utc(at_ms: int) -> str:
    return to_datetime(at_ms).strftime("%Y%m%dT%H%M%SZ")


def _escaped(text: str) -> str:
    for special in ("\\", ";", ","):
        text = text.replace(special, "\\" + special)
    return text.replace("\r", "").replace("\n", "\\n")


def _folded(line: str) -> str:
    """In pieces of LONGEST_LINE bytes at most, never within a character."""
    pieces, piece = [], ""
    for letter in line:
        if len((piece + letter).encode()) > LONGEST_LINE - 1:
            pieces.append(piece)
            piece = ""
        piece += letter
    return "\r\n ".join([*pieces, piece])
