"""Makes .venv with the project's packages: run by any Python before there is a virtual environment.

python -m stack.venv STAMP    touches STAMP when everything is installed
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

OLDEST_PYTHON = (3, 11)
VENV = Path(".venv")


def main() -> int:
    """Do it; returns the exit code."""
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(map(str, sys.version_info[:3]))
        print(f"Python 3.11 or newer is needed; {sys.executable} is {found}. Try: make PYTHON=python3.12 …")
        return 1
    # Not before the check: these don't load in an older Python.
    from stack.console import Console
    from stack.errors import StackError
    from stack.packages import install, run_step

    console = Console()
    python = str(VENV / "bin" / "python")
    try:
        if not _works(python):
            if importlib.util.find_spec("ensurepip") is None:  # Debian has it in a package of its own
                install(console, ["python3-venv"])
            command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
            run_step(console, "making the virtual environment", command, "")
        # Modules are compiled as they are needed: of all that is installed, most never are.
        pip = [python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--no-compile"]
        command = [*pip, "--require-hashes", "-r", "requirements.lock"]
        run_step(console, "installing Python packages", command, "Is the package index within reach?")
        # What it needs is there, and each file of it was checked: nothing else may be fetched.
        command = [*pip, "--no-deps", "--no-build-isolation", "--no-index", "-e", "."]
        run_step(console, "installing the project", command, "")
    except StackError as error:
        console.say(f"\n{error}")
        return 1
    except KeyboardInterrupt:
        console.say("\ninterrupted")
        return 130
    Path(sys.argv[1]).touch()
    return 0


def _works(python: str) -> bool:
    """Whether there is a whole virtual environment (a former attempt may have been interrupted)."""
    try:
        return subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
