"""The command line against the running stack."""

import subprocess
import sys
import uuid

import httpx
import pytest

from tests.world.buyers import make_event
from tests.world.commands import ticketcraze
from tests.world.machine import ROOT
from tests.world.processes import Process
from tests.world.stack import Stack
from tests.world.waiting import until


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
    assert {part["pid"] for part in answer["processes"] if part["name"] == "web"} == set(stack.web_processes)


def test_each_instance_of_a_process_has_a_line_of_its_own(stack: Stack) -> None:
    second = Process("workers.relay", stack.env)
    pids = {stack.run["processes"]["relay"], second.pid}

    def both() -> bool:
        _, answer = ticketcraze(stack.env, "status")
        return pids <= {part["pid"] for part in answer["processes"] if part["name"] == "relay"}

    try:
        until(both, 20, "a line for both relays")
    finally:
        second.stop()


def test_without_a_sandbox_none_is_missed(stack: Stack) -> None:
    code, answer = ticketcraze({**stack.env, "SANDBOX_URL": ""}, "status")
    assert code == 0, answer
    assert "sandbox" not in [part["name"] for part in answer["processes"]]


def ended(*arguments: str, reads_first_line_only: bool = False) -> tuple[int, str, str]:
    """A command without any server: its exit code, output and errors."""
    run = subprocess.Popen(
        [sys.executable, "-m", "app.cli", *arguments], cwd=ROOT, text=True,
        env={"PATH": "/usr/bin"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert run.stdout
    assert run.stderr
    if reads_first_line_only:
        run.stdout.close()
        return run.wait(20), "", run.stderr.read()
    output, errors = run.communicate(timeout=20)
    return run.returncode, output, errors


def test_who_reads_no_further_is_told_no_stack_trace() -> None:
    for arguments in (["--help"], ["verify", "--json"]):
        _, _, errors = ended(*arguments, reads_first_line_only=True)
        assert errors == ""


def test_what_is_not_understood_ends_with_two_and_a_missing_setting_with_one() -> None:
    assert ended("nothing-like-this")[0] == 2
    code, output, _ = ended("event", "list", "--json")
    assert (code, output.count("\n")) == (1, 1)
    assert '"ok": false' in output


def test_when_and_where_the_concert_is_are_public(stack: Stack) -> None:
    where = "Grand Hall, Zürich"
    sale = make_event(stack.env, starts_at="2026-12-24T20:00+01:00", doors_at="2026-12-24T18:00Z", venue=where)
    facts = httpx.get(f"{stack.web}/api/v1/events/{sale.slug}", trust_env=False).json()
    assert (facts["starts_at"], facts["doors_at"]) == ("2026-12-24T19:00:00.000Z", "2026-12-24T18:00:00.000Z")
    assert facts["venue"] == where
    for address in (f"{stack.web}/", f"{stack.web}/events/{sale.slug}"):
        page = httpx.get(address, trust_env=False).text
        assert "Thu 24 Dec, 19:00 UTC" in page
        assert where in page
    plain = make_event(stack.env)
    facts = httpx.get(f"{stack.web}/api/v1/events/{plain.slug}", trust_env=False).json()
    assert (facts["starts_at"], facts["doors_at"], facts["venue"]) == (None, None, None)
    code, answer = ticketcraze(
        stack.env, "event", "create", "--slug", "a", "--name", "A", "--sku", "Floor:1:1", "--starts-at", "tonight"
    )
    assert code == 1
    assert answer["error"].startswith("starts-at: a time with its offset")
