"""Installs Debian packages, without any system service being started by it."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from stack.console import Console
from stack.errors import StackError

ADMIN_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"  # not on everybody's PATH, yet mariadbd lives there
OUTPUT_LINES_SHOWN = 15

# Run as root. Debian asks policy-rc.d before a package starts its service; 101 means no. A policy that
# is there already is either left alone (it says no) or put back afterwards, also after an interruption:
# then the next run finds the saved one.
INSTALL_SCRIPT = r"""
set -eu
policy=/usr/sbin/policy-rc.d
saved=$policy.before-ticketcraze
restore() {
    if [ -e "$saved" ]; then mv -f "$saved" "$policy"
    elif grep -qs '^# ticketcraze$' "$policy"; then rm -f "$policy"
    fi
}
restore
answer=0
if [ -x "$policy" ]; then "$policy" mariadb start </dev/null >/dev/null 2>&1 || answer=$?; fi
if [ "$answer" != 101 ]; then
    trap restore EXIT
    trap 'exit 1' HUP INT TERM
    if [ -e "$policy" ]; then mv "$policy" "$saved"; fi
    printf '#!/bin/sh\n# ticketcraze\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -q -o DPkg::Lock::Timeout=300 update || echo 'apt-get update failed; trying with the lists at hand'
apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold \
    install --no-install-recommends "$@"
"""


def find_binary(*names: str) -> str | None:
    """The path of the first of these programs that is installed, also when /usr/sbin isn't on PATH."""
    path = os.environ.get("PATH", os.defpath) + os.pathsep + ADMIN_FOLDERS
    for name in names:
        found = shutil.which(name, path=path)
        if found:
            return found
    return None


def run_step(console: Console, text: str, command: Sequence[str], hint: str) -> None:
    """Run a long command as a step; raise StackError with its last lines and `hint` when it fails."""
    with tempfile.TemporaryFile(mode="w+", errors="replace") as output, console.step(text) as tick:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:
            while process.poll() is None:
                tick()
                time.sleep(0.2)
        finally:
            if process.poll() is None:  # interrupted: let it tidy up
                with contextlib.suppress(PermissionError):  # sudo runs as root; the terminal told it
                    process.terminate()
                process.wait()
        if process.returncode == 0:
            return
        output.seek(0)
        tail = "".join(f"    {line}" for line in output.readlines()[-OUTPUT_LINES_SHOWN:])
        raise StackError(f"{text}: failed with exit code {process.returncode}\n{tail}{hint}")


def install(console: Console, packages: Sequence[str]) -> None:
    """Install Debian packages with apt-get, as root or through `sudo -n`.

    Raises StackError, naming what to install by hand, when that is not possible.
    """
    by_hand = f"Please install by hand: apt-get install {' '.join(packages)}"
    if shutil.which("apt-get") is None:
        raise StackError(f"Missing: {', '.join(packages)}, and there is no apt-get here.\n{by_hand}")
    as_root: list[str] = []
    if os.geteuid() != 0:
        if not _may_sudo():
            raise StackError(
                f"Missing: {', '.join(packages)}; installing needs root, or sudo without a password.\n{by_hand}"
            )
        as_root = ["sudo", "-n"]
    run_step(
        console,
        f"installing {', '.join(packages)}",
        [*as_root, "sh", "-c", INSTALL_SCRIPT, "install", *packages],
        by_hand,
    )


def is_known(package: str) -> bool:
    """Whether this Debian release offers the package (its lists must have been fetched once)."""
    if shutil.which("apt-cache") is None:
        return False
    answer = subprocess.run(["apt-cache", "show", package], capture_output=True, check=False)
    return bool(answer.stdout)  # a name that other packages only mention is no error, but says nothing


def _may_sudo() -> bool:
    if shutil.which("sudo") is None:
        return False
    return subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0


def cache_folder() -> Path:
    """Where downloads that every stack folder shares are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ticketcraze"
