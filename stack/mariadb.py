"""A local MariaDB (or MySQL): durable commits, UTC, one database, an owner and the application's user."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncmy.errors

from stack.console import Console
from stack.folder import HOST, StackFolder, write_private
from stack.packages import find_binary
from stack.supervisor import Program, run_once

DATABASE = "ticketcraze"

CONFIGURATION = """\
[mysqld]
datadir={data}
bind-address={host}
port={port}
# Relative to the data folder: a socket's path may have 107 characters, a stack's folder more.
socket=mysql.sock
pid-file=mysql.pid
init-file={setup}
{user}
skip-name-resolve
skip-log-bin
character-set-server=utf8mb4
default-time-zone=+00:00
max-connections=200
innodb-buffer-pool-size=256M
# A commit that was answered is on disk.
innodb-flush-log-at-trx-commit=1
performance-schema=OFF
{flavour}
"""
FLAVOUR = {
    True: "innodb-log-file-size=128M",
    False: "mysqlx=OFF\ninnodb-redo-log-capacity=268435456",
}

IDENTIFIED = {True: "IDENTIFIED BY", False: "IDENTIFIED WITH caching_sha2_password BY"}

# Run at every start, so each statement must bear being repeated. The owner makes the tables and says what
# the application's user may do with them; databases named ticketcraze_... are for tests.
SETUP = r"""
CREATE DATABASE IF NOT EXISTS ticketcraze CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS 'owner'@'%' {identified} '{owner_password}';
ALTER USER 'owner'@'%' {identified} '{owner_password}';
CREATE USER IF NOT EXISTS 'app'@'%' {identified} '{app_password}';
ALTER USER 'app'@'%' {identified} '{app_password}';
GRANT ALL PRIVILEGES ON `ticketcraze`.* TO 'owner'@'%' WITH GRANT OPTION;
GRANT ALL PRIVILEGES ON `ticketcraze\_%`.* TO 'owner'@'%' WITH GRANT OPTION;
"""


class MariaDB:
    """Debian's mariadbd, a mysqld, or whatever DATABASE_URL leads to."""

    name = "mysql"
    url_variable = "DATABASE_URL"
    refusals: tuple[type[Exception], ...] = (asyncmy.errors.Error, OSError)

    def missing_packages(self) -> list[str]:
        """See Server."""
        binary = find_binary("mariadbd", "mysqld")
        if binary and (find_binary("mariadb-install-db") or not _is_mariadb(binary)):
            return []
        return ["mariadb-server"]

    def fetch(self, console: Console) -> bool:
        """See Server."""
        return False

    def version(self) -> str:
        """See Server."""
        return _readable(_banner(_binary()).partition("Ver ")[2].partition(" ")[0])

    def environment(self, folder: StackFolder) -> dict[str, str]:
        """See Server. The owner's URL is for whoever makes tables."""
        place = f"{HOST}:{folder.port('mysql')}/{DATABASE}?charset=utf8mb4"
        return {
            "DATABASE_URL": f"mysql+asyncmy://app:{folder.secret('APP_DATABASE_PASSWORD')}@{place}",
            "OWNER_DATABASE_URL": f"mysql+asyncmy://owner:{folder.secret('OWNER_DATABASE_PASSWORD')}@{place}",
        }

    async def prepare(self, folder: StackFolder, log: Path) -> Program:
        """See Server."""
        home = folder.path / "mysql"
        home.mkdir(exist_ok=True)
        data = home / "data"
        binary = _binary()
        is_mariadb = _is_mariadb(binary)
        configuration = home / "my.cnf"
        setup = home / "setup.sql"
        write_private(
            setup,
            SETUP.format(
                identified=IDENTIFIED[is_mariadb],
                owner_password=folder.secret("OWNER_DATABASE_PASSWORD"),
                app_password=folder.secret("APP_DATABASE_PASSWORD"),
            ),
        )
        write_private(
            configuration,
            CONFIGURATION.format(
                data=data,
                host=HOST,
                port=folder.port("mysql"),
                setup=setup,
                # A server refuses to be root unless told so; another user couldn't enter root's folders.
                user="user=root" if os.geteuid() == 0 else "",
                flavour=FLAVOUR[is_mariadb],
            ),
        )
        # Not one that others share: whoever starts there deletes what looks like a dead server's tables.
        temporary = home / "tmp"
        temporary.mkdir(exist_ok=True)
        environment = {**os.environ, "TMPDIR": str(temporary)}
        initialised = home / "initialised"
        if not initialised.exists():
            shutil.rmtree(data, ignore_errors=True)  # the rest of an interrupted first start
            data.mkdir()
            initialise = _initialise(binary, is_mariadb)
            await run_once(Program("mysql", initialise, environment, folder=home), log, 120)
            initialised.touch()
        command = (binary, f"--defaults-file={configuration}")
        return Program(self.name, command, environment, stop_limit_seconds=30)

    async def ask_version(self, environment: Mapping[str, str]) -> str:
        """See Server."""
        url = urlsplit(environment["DATABASE_URL"])
        connection = await asyncmy.connect(
            host=url.hostname,
            port=url.port or 3306,
            user=unquote(url.username or "root"),
            password=unquote(url.password or ""),
            connect_timeout=5,
        )
        try:
            async with connection.cursor() as cursor:
                await cursor.execute("SELECT VERSION()")
                (version,) = await cursor.fetchone()
        finally:
            await connection.ensure_closed()
        return _readable(version)

    def address(self, environment: Mapping[str, str]) -> str:
        """See Server."""
        url = urlsplit(environment["DATABASE_URL"])
        return f"{url.hostname}:{url.port or 3306}"


def _initialise(binary: str, is_mariadb: bool) -> tuple[str, ...]:
    # A relative folder, because the script can't cope with a space in the path.
    options = ("--no-defaults", "--datadir=./data", *(("--user=root",) if os.geteuid() == 0 else ()))
    if not is_mariadb:
        return (binary, *options, "--initialize-insecure")
    script = find_binary("mariadb-install-db") or "mariadb-install-db"
    return (script, *options, "--skip-test-db", "--auth-root-authentication-method=socket")


def _binary() -> str:
    return find_binary("mariadbd", "mysqld") or "mariadbd"


def _banner(binary: str) -> str:
    return subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout


def _is_mariadb(binary: str) -> bool:
    return "MariaDB" in _banner(binary)


def _readable(version: str) -> str:
    number = re.match(r"[\d.]+", version)
    return f"{'MariaDB' if 'MariaDB' in version else 'MySQL'} {number[0] if number else version}"
