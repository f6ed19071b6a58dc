"""Anybody can recompute a draw from what is published, and nothing is published before it is over."""

import io
import json
import runpy
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest

from tests.world.buyers import Sale, api, assert_sound, join, make_event
from tests.world.commands import ticketcraze
from tests.world.machine import ROOT
from tests.world.stack import Stack
from tests.world.waiting import until

BUYERS = 7
SCRIPT = ROOT / "docs" / "check_draw.py"


def facts(client: httpx.Client, sale: Sale) -> dict[str, Any]:
    read: dict[str, Any] = client.get(f"/events/{sale.slug}/draw").json()
    return read


def entrants(client: httpx.Client, sale: Sale, **query: Any) -> list[dict[str, Any]]:
    answer = client.get(f"/events/{sale.slug}/draw/entrants", params=query)
    assert answer.headers["content-type"] == "application/jsonl"
    return [json.loads(line) for line in answer.text.splitlines()]


def opened(stack: Stack, sale: Sale) -> None:
    ticketcraze(stack.env, "event", "open", sale.slug)


def until_published(client: httpx.Client, sale: Sale) -> dict[str, Any]:
    until(lambda: facts(client, sale)["state"] == "published", what="the publication of the draw")
    return facts(client, sale)


def run_script(address: str, *public_ids: str) -> tuple[int, str]:
    """Its exit code and what it said."""
    said = io.StringIO()
    with redirect_stdout(said), pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", [str(SCRIPT), address, *public_ids])
        try:
            runpy.run_path(str(SCRIPT))
        except SystemExit as ended:
            return 1, str(ended)
    return 0, said.getvalue()


@contextmanager
def forged(draw: dict[str, Any], lines: list[dict[str, Any]]) -> Iterator[str]:
    """The address of somebody who publishes this."""

    class Forger(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = "\n".join(map(json.dumps, lines)) if self.path.endswith("entrants") else json.dumps(draw)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Forger)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/draw"
    finally:
        server.shutdown()
        server.server_close()


def assert_forgeries_are_seen(draw: dict[str, Any], lines: list[dict[str, Any]]) -> None:
    swapped = [{**lines[0], "number": 2}, {**lines[1], "number": 1}, *lines[2:]]
    forgeries = [
        (draw, lines, "The draw holds"),
        ({**draw, "secret": "00" * 32}, lines, "the secret is not"),
        (draw, lines[:-1], "the list is not"),
        (draw, [*lines, lines[0]], "the list is not"),
        (draw, [*lines[:-1], {**lines[-1], "public_id": "0" * 32}], "the list is not"),
        (draw, swapped, "other numbers"),
        ({**draw, "drawn_after": 1}, lines, "other numbers"),
    ]
    for facts_told, lines_told, verdict in forgeries:
        with forged(facts_told, lines_told) as address:
            code, said = run_script(address)
        assert verdict in said, said
        assert (code == 0) is verdict.startswith("The draw")


def test_a_draw_is_promised_before_and_can_be_recomputed_by_anybody_afterwards(stack: Stack) -> None:
    sale = make_event(stack.env, opens_in=600, rate=1)
    address = f"{stack.web}/api/v1/events/{sale.slug}/draw"
    with ExitStack() as closing:
        buyers = [closing.enter_context(api(stack)) for _ in range(BUYERS)]
        for buyer in buyers:
            join(buyer, sale)
        stranger = closing.enter_context(api(stack))
        promised = facts(stranger, sale)
        assert promised == {"commitment": promised["commitment"], "state": "committed"}
        early = stranger.get(f"/events/{sale.slug}/draw/entrants")
        assert (early.status_code, early.json()["code"]) == (404, "not_drawn")
        assert "nothing to check" in run_script(address)[1]

        opened(stack, sale)
        published = until_published(stranger, sale)
        assert published["commitment"] == promised["commitment"]
        assert published["entrants"] == BUYERS
        assert "public_id" not in published, "whose it is, is told to nobody else"

        own = []
        for buyer in buyers:
            number = buyer.get(f"/events/{sale.slug}/queue").json()["number"]
            mine = facts(buyer, sale)
            assert mine["number"] == number
            own.append((mine["public_id"], number))
        listed = [(line["public_id"], line["number"]) for line in entrants(stranger, sale)]
        assert listed == sorted(own, key=lambda pair: pair[1])

        pages, cursor = [], ""
        while found := entrants(stranger, sale, limit=3, **({"cursor": cursor} if cursor else {})):
            pages += [(line["public_id"], line["number"]) for line in found]
            cursor = str(found[-1]["number"])
        assert pages == listed
        link = stranger.get(f"/events/{sale.slug}/draw/entrants", params={"limit": 3}).headers["link"]
        assert "cursor=3&limit=3" in link
        for bad in ("x", "-1", "9" * 40):
            assert stranger.get(f"/events/{sale.slug}/draw/entrants", params={"cursor": bad}).status_code == 422

        code, said = run_script(address, own[0][0], "f" * 32)
        assert code == 0, said
        assert_forgeries_are_seen(published, entrants(stranger, sale))
        assert f"{own[0][0]} has number {own[0][1]}\n{'f' * 32} was not drawn" in said

        late = closing.enter_context(api(stack))
        join(late, sale)
        assert "number" not in facts(late, sale), "who came after the draw was not drawn"
    assert_sound(stack.env, sale)


def test_a_draw_of_nobody_or_of_one_buyer_is_published_too(stack: Stack) -> None:
    sales = [make_event(stack.env, opens_in=600) for _ in range(2)]
    with api(stack) as client:
        join(client, sales[1])
        for sale in sales:
            opened(stack, sale)
        for buyers, sale in enumerate(sales):
            assert until_published(client, sale)["entrants"] == buyers
            assert [line["number"] for line in entrants(client, sale)] == [1][:buyers]
            code, said = run_script(f"{stack.web}/api/v1/events/{sale.slug}/draw")
            assert code == 0, said
            assert f"{buyers} buyers" in said


def test_a_sale_that_opens_without_a_lobby_publishes_no_draw(stack: Stack) -> None:
    sale = make_event(stack.env)
    with api(stack) as client:
        assert facts(client, sale)["state"] == "none"
        assert client.get(f"/events/{sale.slug}/draw/entrants").status_code == 404


def test_the_script_is_short() -> None:
    assert len(SCRIPT.read_text().splitlines()) <= 30
