"""Where a server comes from: the environment, else this machine, else an installation."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from stack import packages
from stack.console import Console
from stack.errors import StackError
from stack.folder import StackFolder
from stack.mariadb import MariaDB
from stack.redis_server import Redis
from stack.servers import server_environment
from stack.sources import Origin, find_origins


class Installer:
    """Stands in for apt-get: puts programs into a folder of PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked_for: list[list[str]] = []

    def __call__(self, console: Console, packages: Sequence[str]) -> None:
        self.asked_for.append(list(packages))
        programs = {"redis-server": ["redis-server"], "mariadb-server": ["mariadbd", "mariadb-install-db"]}
        for package in packages:
            for program in programs[package]:
                put_program(self.folder, program, "mariadbd  Ver 10.11.6-MariaDB")


def put_program(folder: Path, name: str, says: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are looked for; empty at first."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(packages, "ADMIN_FOLDERS", "")
    return folder


@pytest.fixture
def installer(programs: Path) -> Installer:
    return Installer(programs)


def test_a_url_in_the_environment_comes_before_a_program_on_path(programs: Path, installer: Installer) -> None:
    put_program(programs, "redis-server", "Redis server v=7.0.15 ")
    environment = {"REDIS_URL": "redis://elsewhere:6379/0"}
    origins = find_origins([Redis()], environment, Console(), installer)
    assert origins == {"redis": Origin.ENVIRONMENT}


def test_a_url_in_the_environment_needs_no_program(installer: Installer) -> None:
    environment = {"REDIS_URL": "redis://elsewhere:6379/0"}
    assert find_origins([Redis()], environment, Console(), installer) == {"redis": Origin.ENVIRONMENT}
    assert installer.asked_for == []


def test_a_program_on_path_comes_before_an_installation(programs: Path, installer: Installer) -> None:
    put_program(programs, "redis-server", "Redis server v=7.0.15 ")
    assert find_origins([Redis()], {}, Console(), installer) == {"redis": Origin.INSTALLED}
    assert installer.asked_for == []


def test_an_empty_url_counts_as_none(programs: Path, installer: Installer) -> None:
    put_program(programs, "redis-server", "Redis server v=7.0.15 ")
    assert find_origins([Redis()], {"REDIS_URL": ""}, Console(), installer) == {"redis": Origin.INSTALLED}


def test_everything_that_is_missing_is_installed_in_one_go(installer: Installer) -> None:
    origins = find_origins([Redis(), MariaDB()], {}, Console(), installer)
    assert origins == {"redis": Origin.INSTALLED_NOW, "mysql": Origin.INSTALLED_NOW}
    assert installer.asked_for == [["mariadb-server", "redis-server"]]


def test_only_what_is_missing_is_installed(programs: Path, installer: Installer) -> None:
    put_program(programs, "redis-server", "Redis server v=7.0.15 ")
    origins = find_origins([Redis(), MariaDB()], {}, Console(), installer)
    assert origins == {"redis": Origin.INSTALLED, "mysql": Origin.INSTALLED_NOW}
    assert installer.asked_for == [["mariadb-server"]]


def test_a_mysqld_serves_as_well(programs: Path, installer: Installer) -> None:
    put_program(programs, "mysqld", "mysqld  Ver 8.4.3 for Linux on x86_64 (MySQL Community Server - GPL)")
    assert find_origins([MariaDB()], {}, Console(), installer) == {"mysql": Origin.INSTALLED}
    assert MariaDB().version() == "MySQL 8.4.3"


@pytest.mark.usefixtures("programs")
def test_without_apt_get_it_is_told_what_to_install_by_hand() -> None:
    with pytest.raises(StackError, match="Please install by hand: apt-get install redis-server"):
        find_origins([Redis()], {}, Console(), packages.install)


def test_a_database_url_alone_is_the_owners_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql+asyncmy://u:p@db/shop")
    monkeypatch.delenv("OWNER_DATABASE_URL", raising=False)
    origins = {"mysql": Origin.ENVIRONMENT}
    urls = server_environment([MariaDB()], StackFolder(tmp_path), origins)
    assert urls["OWNER_DATABASE_URL"] == "mysql+asyncmy://u:p@db/shop"
