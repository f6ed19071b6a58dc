"""What dies is started again, what is stopped leaves nothing behind: with real, tiny processes."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from stack.console import Console
from stack.errors import StackError
from stack.supervisor import Patience, Program, Supervisor, run_once
from tests.world.machine import is_alive, processes_of
from tests.world.waiting import until_async

IMPATIENT = Patience(first_pause_seconds=0.02, longest_pause_seconds=0.08, forgiven_after_seconds=30)


def python(name: str, code: str, stop_limit_seconds: float = 5, ends_by_itself: bool = False) -> Program:
    command = (sys.executable, "-u", "-c", code)
    return Program(name, command, stop_limit_seconds=stop_limit_seconds, ends_by_itself=ends_by_itself)


def supervised(folder: Path, scene: Callable[[Supervisor], Awaitable[None]], patience: Patience) -> None:
    """Play a scene with a supervisor, then stop everything."""

    async def play() -> None:
        supervisor = Supervisor(folder, Console(), lambda: None, patience)
        try:
            await asyncio.wait_for(scene(supervisor), 20)
        finally:
            await supervisor.stop(())

    asyncio.run(play())


def pauses_told(log: Path) -> list[float]:
    return [float(pause) for pause in re.findall(r"starting it again in ([\d.]+) s", log.read_text())]


def test_a_process_that_keeps_dying_is_started_again_with_a_growing_pause(tmp_path: Path) -> None:
    async def scene(supervisor: Supervisor) -> None:
        child = supervisor.start(python("weak", "raise SystemExit(3)"))
        await until_async(lambda: child.deaths >= 4)

    supervised(tmp_path, scene, IMPATIENT)
    assert pauses_told(tmp_path / "weak.log")[:4] == [0.02, 0.04, 0.08, 0.08]
    assert "ended with exit code 3" in (tmp_path / "weak.log").read_text()


def test_the_pause_is_the_first_one_again_after_a_long_life(tmp_path: Path) -> None:
    async def scene(supervisor: Supervisor) -> None:
        child = supervisor.start(python("strong", "import time; time.sleep(0.1)"))
        await until_async(lambda: child.deaths >= 3)

    supervised(tmp_path, scene, Patience(0.02, 10, forgiven_after_seconds=0.1))
    assert pauses_told(tmp_path / "strong.log")[:3] == [0.02, 0.02, 0.02]


def test_a_killed_process_is_replaced_and_its_new_id_is_known(tmp_path: Path) -> None:
    async def scene(supervisor: Supervisor) -> None:
        supervisor.start(python("web", "import time; time.sleep(600)"))
        await until_async(supervisor.pids)
        killed = supervisor.pids()["web"]
        os.kill(killed, signal.SIGKILL)
        await until_async(lambda: supervisor.pids().get("web", killed) != killed)
        assert is_alive(supervisor.pids()["web"])
        assert not is_alive(killed)

    supervised(tmp_path, scene, IMPATIENT)
    assert "was ended by SIGKILL" in (tmp_path / "web.log").read_text()


def test_what_a_dead_process_had_started_does_not_outlive_it(tmp_path: Path) -> None:
    with_a_child = "import subprocess, time; subprocess.Popen(['sleep', '600']); time.sleep(600)"

    async def scene(supervisor: Supervisor) -> None:
        supervisor.start(python("parent", with_a_child))
        await until_async(supervisor.pids)
        parent = supervisor.pids()["parent"]
        await until_async(lambda: len(processes_of(parent)) == 2)
        os.kill(parent, signal.SIGKILL)
        await until_async(lambda: not processes_of(parent))

    supervised(tmp_path, scene, IMPATIENT)


def test_a_process_deaf_to_sigterm_is_killed_with_its_children_after_its_limit(tmp_path: Path) -> None:
    deaf = (
        "import signal, subprocess, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "subprocess.Popen(['sleep', '600']); print('deaf', flush=True); time.sleep(600)"
    )
    groups = []

    async def scene(supervisor: Supervisor) -> None:
        supervisor.start(python("deaf", deaf, stop_limit_seconds=0.2))
        await until_async(lambda: "deaf" in (tmp_path / "deaf.log").read_text())
        groups.append(supervisor.pids()["deaf"])

    supervised(tmp_path, scene, IMPATIENT)
    assert processes_of(groups[0]) == []
    assert "did not stop within 0.2 s" in (tmp_path / "deaf.log").read_text()


def test_a_process_that_may_end_is_not_started_again_after_it_ended_well(tmp_path: Path) -> None:
    async def scene(supervisor: Supervisor) -> None:
        supervisor.start(python("crowd", "print('home')", ends_by_itself=True))
        await until_async(lambda: "has done its work" in (tmp_path / "crowd.log").read_text())

    supervised(tmp_path, scene, IMPATIENT)
    assert (tmp_path / "crowd.log").read_text().count("home") == 1


def test_a_program_that_is_not_there_is_tried_again_not_fatal(tmp_path: Path) -> None:
    async def scene(supervisor: Supervisor) -> None:
        child = supervisor.start(Program("ghost", ("/nowhere/at/all",)))
        await until_async(lambda: child.deaths >= 2)

    supervised(tmp_path, scene, IMPATIENT)
    assert "/nowhere/at/all" in (tmp_path / "ghost.log").read_text()


def test_the_log_of_the_run_before_is_kept(tmp_path: Path) -> None:
    async def scene(supervisor: Supervisor) -> None:
        supervisor.start(python("web", "print('hello'); import time; time.sleep(600)"))
        await until_async(lambda: "hello" in (tmp_path / "web.log").read_text())

    (tmp_path / "web.log").write_text("the run before\n")
    supervised(tmp_path, scene, IMPATIENT)
    assert (tmp_path / "web.log.1").read_text() == "the run before\n"


def test_trouble_in_a_log_is_shown_with_the_process_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scene(supervisor: Supervisor) -> None:
        supervisor.start(python("kafka", "print('fine'); print('ERROR no disk')", ends_by_itself=True))
        await until_async(lambda: "has done its work" in (tmp_path / "kafka.log").read_text())

    supervised(tmp_path, scene, IMPATIENT)
    shown = capsys.readouterr().out
    assert re.search(r"kafka \| ERROR no disk", shown)
    assert "fine" not in shown


def test_a_command_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    failing = python("schema", "import sys; sys.exit('table exists')")
    with pytest.raises(StackError, match=r"exit code 1:\n +table exists"):
        asyncio.run(run_once(failing, tmp_path / "prepare.log", limit_seconds=10))
    assert "table exists" in (tmp_path / "prepare.log").read_text()


def test_a_command_that_hangs_is_ended(tmp_path: Path) -> None:
    hanging = python("schema", "import time; time.sleep(600)")
    with pytest.raises(StackError, match=r"took longer than 0\.2 s"):
        asyncio.run(run_once(hanging, tmp_path / "prepare.log", limit_seconds=0.2))
