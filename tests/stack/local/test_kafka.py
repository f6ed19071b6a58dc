"""What is fetched for the local Kafka is what was pinned."""

import hashlib
from pathlib import Path

import pytest

from stack.errors import StackError
from stack.kafka import check_sums

JARS = {"kafka.jar": b"kafka", "log4j.jar": b"log4j"}
SUMS = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in JARS.items())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in JARS.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_the_pinned_files_are_taken(folder: Path) -> None:
    check_sums(folder, SUMS)


def test_a_changed_file_is_refused(folder: Path) -> None:
    (folder / "kafka.jar").write_bytes(b"kafka with something else")
    with pytest.raises(StackError, match=r"kafka\.jar"):
        check_sums(folder, SUMS)


def test_a_missing_file_is_refused(folder: Path) -> None:
    (folder / "log4j.jar").unlink()
    with pytest.raises(StackError, match=r"log4j\.jar"):
        check_sums(folder, SUMS)


def test_a_file_nobody_pinned_is_refused(folder: Path) -> None:
    (folder / "more.jar").write_bytes(b"")
    with pytest.raises(StackError, match=r"more\.jar"):
        check_sums(folder, SUMS)
