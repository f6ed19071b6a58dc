"""Tickets on paper and in calendars: whatever people call their event, it is text and no command."""

import re

from hypothesis import given
from hypothesis import strategies as st

from app.tickets.documents import Shown, calendar, tickets_pdf
from tests.world.events import an_event

CONCERT = {"starts_at_ms": 1_798_142_400_000, "doors_at_ms": 1_798_138_800_000, "accent": "#7c3aed"}
ORDER_ID = "01941200-0000-7000-8000-000000000001"
TICKETS = [Shown("0a" * 16, "A1." + "A" * 143, "Floor"), Shown("0b" * 16, "A1." + "B" * 143, "Balcony")]


def test_a_pdf_has_a_page_for_each_ticket() -> None:
    event = an_event(name='#panic("x") $ Große \\ Nacht', venue="#import", **CONCERT)
    made = tickets_pdf(event, ORDER_ID, TICKETS)
    assert made.startswith(b"%PDF-")
    assert re.search(rb"/Count 2\b", made)


def test_a_pdf_needs_no_date_and_no_venue() -> None:
    assert tickets_pdf(an_event(accent="#7c3aed"), ORDER_ID, TICKETS[:1]).startswith(b"%PDF-")


def lines_of(made: bytes) -> list[str]:
    """Unfolded, as RFC 5545 has it."""
    assert all(len(line) <= 75 for line in made.split(b"\r\n"))
    return made.decode().replace("\r\n ", "").split("\r\n")


def test_a_calendar_has_the_start_in_utc_and_where_it_is() -> None:
    lines = lines_of(calendar(an_event(name="Night, of; Lights", venue="Grand Hall", **CONCERT), "https://a.b/e"))
    assert (lines[0], lines[-2:]) == ("BEGIN:VCALENDAR", ["END:VCALENDAR", ""])
    assert "DTSTART:20261224T200000Z" in lines
    assert "SUMMARY:Night\\, of\\; Lights" in lines
    assert "LOCATION:Grand Hall" in lines
    assert any(line.startswith("DESCRIPTION:Doors open at 19:00 UTC.") for line in lines)


@given(st.text(min_size=1, max_size=120))
def test_no_name_breaks_the_calendar(name: str) -> None:
    name = name.encode(errors="replace").decode()
    lines = lines_of(calendar(an_event(name=name, **CONCERT), "https://a.b/e"))
    summary = next(line for line in lines if line.startswith("SUMMARY:"))
    assert [line.partition(":")[0] for line in lines].count("SUMMARY") == 1
    plain = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], summary.removeprefix("SUMMARY:"))
    assert plain == name.replace("\r", "")
