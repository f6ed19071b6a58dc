"""What a person can get wrong before anything starts: told in a sentence, without a stack trace."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from stack.application import read_procfile
from stack.errors import StackError
from stack.folder import HOST, PORT_RANGE, StackFolder


def run_stack(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """`python -m stack run`; the URLs lead nowhere, so nothing is installed or started."""
    urls = {
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "DATABASE_URL": "mysql+asyncmy://a:b@127.0.0.1:1/ticketcraze",
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    }
    environment = {**os.environ, **urls, "STACK_DIR": str(folder), **settings}
    command = [sys.executable, "-m", "stack", "run"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "0"), ("PORT", "65536"), ("PORT", "web"), ("CROWD", "-1"), ("CROWD", "1.5"), ("OPENS_IN", "²")],
)
def test_a_setting_that_is_no_sensible_number_is_refused(tmp_path: Path, name: str, value: str) -> None:
    answer = run_stack(tmp_path / "stack", **{name: value})
    assert answer.returncode == 1
    assert f"{name} must be a whole number" in answer.stdout
    assert "Traceback" not in answer.stdout + answer.stderr


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        answer = run_stack(tmp_path / "stack", PORT=str(port))
    assert answer.returncode == 1
    assert f"Port {port} is in use" in answer.stdout
    assert "Traceback" not in answer.stdout + answer.stderr


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = run_stack(tmp_path / "file" / "stack")
    assert answer.returncode == 1
    assert "can't be used" in answer.stdout


def test_a_port_is_remembered_while_it_is_free_and_replaced_when_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stack.folder.BUSY_PORT_PATIENCE_SECONDS", 0.1)
    folder = StackFolder(tmp_path)
    port = folder.port("redis")
    assert port in PORT_RANGE
    assert StackFolder(tmp_path).port("redis") == port
    with socket.create_server((HOST, port)):
        assert StackFolder(tmp_path).port("redis") != port


def test_a_damaged_file_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text("{")
    with pytest.raises(StackError, match=r"ports\.json is damaged"):
        StackFolder(tmp_path).port("redis")


def test_the_procfile_names_each_process_and_python_is_this_one(tmp_path: Path) -> None:
    procfile = tmp_path / "Procfile"
    procfile.write_text("# all\nweb: python -m app.web --name 'a b'\n\nproxy: caddy run\n")
    assert read_procfile(procfile) == {
        "web": (sys.executable, "-m", "app.web", "--name", "a b"),
        "proxy": ("caddy", "run"),
    }


@pytest.mark.parametrize("text", ["web python -m app.web\n", "web:\n", "web: python\nweb: python\n"])
def test_a_procfile_line_that_makes_no_sense_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "Procfile").write_text(text)
    with pytest.raises(StackError, match="name: command"):
        read_procfile(tmp_path / "Procfile")
