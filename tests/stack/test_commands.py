"""The command line against the running stack."""

import uuid

import httpx
import pytest

from tests.world.buyers import make_event
from tests.world.stack import Stack, ticketcraze


@pytest.mark.parametrize("other", ["floor", "FLOOR", "Flöör"])
def test_two_skus_whose_names_are_one_to_the_books_are_refused_for_the_right_reason(
    env: dict[str, str], other: str
) -> None:
    names = ("--slug", f"test-{uuid.uuid4().hex[:12]}", "--name", "A test")
    code, answer = ticketcraze(env, "event", "create", *names, "--sku", "Floor:1:1", "--sku", f"{other}:1:1")
    assert (code, answer["error"]) == (1, "sku: each needs a name of its own")


def test_the_words_of_a_pause_reach_the_buyers(stack: Stack) -> None:
    sale = make_event(stack.env)
    code, answer = ticketcraze(stack.env, "event", "pause", sale.slug, "We go on", "at nine.")
    assert (code, answer["sale"]) == (0, "paused")
    page = httpx.get(f"{stack.web}/events/{sale.slug}", trust_env=False).text
    assert "We go on at nine." in page
    code, answer = ticketcraze(stack.env, "event", "pause", sale.slug, "x" * 201)
    assert (code, answer["error"]) == (1, "words: at most 200 characters")


def test_the_status_names_every_server_and_process(stack: Stack) -> None:
    code, answer = ticketcraze(stack.env, "status")
    parts = {part["name"]: part for part in answer["processes"]}
    assert code == 0, answer
    assert {"redis", "mysql", "kafka", "sandbox", "web", "relay", "ledger"} <= parts.keys()
    assert parts["web"]["pid"] == stack.run["processes"]["web"]
