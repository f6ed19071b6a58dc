"""A rehearsal by a button: a worker plays it on a copy, one an event, and its verdict has a page."""

import re

import httpx
import pytest

from tests.stack.admin.people import browser, new_admin, sign_in, token_of
from tests.world.buyers import make_event, refused
from tests.world.commands import ticketcraze
from tests.world.stack import Stack
from tests.world.waiting import until

PLAYED_SECONDS = 180.0


@pytest.mark.slow
def test_a_rehearsal_is_played_on_a_copy_once_at_a_time_and_has_a_verdict(
    stack: Stack, env: dict[str, str]
) -> None:
    sale, admin = make_event(env, "Floor:4500:4", opens_in=3_600, pass_ttl=5, hold_ttl=10), new_admin(env)
    # Nobody of the crowd has a code, so the copy must not ask for one.
    ticketcraze(env, "event", "gates", sale.slug, "--codes", "required")
    path = f"/api/v1/admin/events/{sale.slug}/rehearsals"
    with browser(stack) as client:
        token_of(sign_in(client, admin.name, admin.password))

        def ask(**body: object) -> httpx.Response:
            return client.post(path, json=body)

        may = client.get(path).json()
        assert may["most_buyers"] == 2_000
        assert "ledger" in may["may_kill"]
        assert "rehearsals" not in may["may_kill"]
        for wrong in ({"buyers": 0}, {"buyers": 2_001}, {"kills": "init"}, {"tickets": 0}):
            refused(ask(**{"buyers": 5, **wrong}), 422, "invalid")
        assert ask(buyers=8, tickets=2, kills="relay").status_code == 202
        refused(ask(buyers=12), 409, "rehearsed_already")

        def played() -> dict[str, str] | None:
            (one,) = client.get(path).json()["rehearsals"]
            assert one["state"] != "FAILED", one
            return one if one["state"] == "DONE" else None

        copy = str(until(played, PLAYED_SECONDS, "the verdict")["played_as"])
        assert copy.startswith("rehearsal-")
        page = client.get(f"/admin/events/{copy}/verdict").text
        assert "Every check holds" in page
        assert "2 of 2" in page
        assert "in which relay was killed" in page
        assert re.search(r"of all cores, at most</dt><dd[^>]*>\d+ %", page)
        assert f"/admin/events/{copy}/verdict" in client.get(f"/admin/events/{sale.slug}/rehearsals").text
        assert copy not in httpx.get(f"{stack.web}/api/v1/events", trust_env=False).text
    ticketcraze(env, "admin", "remove", admin.name)
