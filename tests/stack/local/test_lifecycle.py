"""A whole stack from start to stop, in a process of its own, with tiny servers."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.world.machine import is_alive, processes_of
from tests.world.waiting import until

LIMIT_SECONDS = 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "stack"


@pytest.fixture
def stacks(folder: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """The stacks a test started; what is left of them is killed."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for stack in started:
        stack.kill()
        stack.communicate()


def start(folder: Path, stacks: list[subprocess.Popen[str]]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.stack.local.tiny_stack", str(folder)]
    stack = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    stacks.append(stack)
    return stack


def start_and_wait(folder: Path, stacks: list[subprocess.Popen[str]]) -> subprocess.Popen[str]:
    (folder / "run.json").unlink(missing_ok=True)
    stack = start(folder, stacks)
    until((folder / "run.json").exists, LIMIT_SECONDS, "run.json")
    return stack


def run_file(folder: Path) -> dict[str, Any]:
    content = json.loads((folder / "run.json").read_text())
    assert isinstance(content, dict)
    return content


def everything_of(folder: Path) -> list[int]:
    """Every process of the servers' groups, their own children too."""
    groups = run_file(folder)["processes"].values()
    return [pid for group in groups for pid in processes_of(group)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_in_order_and_takes_run_json_away(
    folder: Path, stacks: list[subprocess.Popen[str]], number: signal.Signals
) -> None:
    stack = start_and_wait(folder, stacks)
    processes = everything_of(folder)
    assert len(processes) == 4
    stack.send_signal(number)
    stack.send_signal(number)  # as `make` does, which passes on what the terminal sent to both
    output, _ = stack.communicate(timeout=20)
    assert stack.returncode == 0, output
    assert not [pid for pid in processes if is_alive(pid)]
    assert not (folder / "run.json").exists()
    assert (folder / "stopped").read_text().split() == ["second", "first"]


def test_nothing_outlives_a_supervisor_that_is_killed_and_the_next_one_starts_on_its_folder(
    folder: Path, stacks: list[subprocess.Popen[str]]
) -> None:
    stack = start_and_wait(folder, stacks)
    before = run_file(folder)
    servers = everything_of(folder)
    assert len(servers) == 4, "two servers with a child each"
    stack.kill()
    until(lambda: not any(is_alive(pid) for pid in servers), LIMIT_SECONDS, "the end of everything")

    start_and_wait(folder, stacks)
    after = run_file(folder)
    assert after["env"] == before["env"], "ports and secrets stay"
    assert not set(after["processes"].values()) & set(servers)


def test_run_json_follows_a_process_that_was_started_again(
    folder: Path, stacks: list[subprocess.Popen[str]]
) -> None:
    start_and_wait(folder, stacks)
    before = run_file(folder)["processes"]
    os.kill(before["first"], signal.SIGKILL)

    def replaced() -> bool:
        pid = run_file(folder)["processes"].get("first")
        return pid not in (None, before["first"]) and is_alive(pid)

    until(replaced, LIMIT_SECONDS, "a new process in run.json")
    assert run_file(folder)["processes"]["second"] == before["second"]


def test_a_second_stack_on_the_same_folder_is_refused_and_harms_nothing(
    folder: Path, stacks: list[subprocess.Popen[str]]
) -> None:
    stack = start_and_wait(folder, stacks)
    before = run_file(folder)
    second = start(folder, stacks)
    output, _ = second.communicate(timeout=20)
    assert second.returncode != 0
    assert f"already running on {folder} (process {stack.pid})" in output
    assert run_file(folder) == before


def test_what_holds_secrets_is_its_owners_only(folder: Path, stacks: list[subprocess.Popen[str]]) -> None:
    start_and_wait(folder, stacks)
    for name in ("run.json", "secrets.json"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600
