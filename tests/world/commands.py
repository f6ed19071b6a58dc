"""`ticketcraze` for tests: each command in a process of its own, forked from one that has the code loaded.

A new interpreter takes half a second of CPU before a command begins, and a test run gives hundreds of them. What a
command may keep from its parent it does not make again (what it takes), nor clear away at its end.
"""

import atexit
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from functools import cache
from typing import Any

from app.cli.__main__ import main, parser
from tests.world.machine import ROOT

COMMAND_SECONDS = 60

_one_at_a_time = threading.Lock()


def ticketcraze(env: dict[str, str], *arguments: str) -> tuple[int, dict[str, Any]]:
    """Runs a command with --json: its exit code and its answer."""
    server = _server()
    assert server.stdin
    assert server.stdout
    with _one_at_a_time:
        print(json.dumps({"env": env, "arguments": [*arguments, "--json"]}), file=server.stdin, flush=True)
        ran = json.loads(server.stdout.readline())
    assert ran["output"], (ran["code"], ran["errors"])
    answer: dict[str, Any] = json.loads(ran["output"])
    return ran["code"], answer


@cache
def _server() -> subprocess.Popen[str]:
    started = subprocess.Popen(
        [sys.executable, "-m", "tests.world.commands"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(started.kill)
    return started


def _serve() -> None:
    parser()
    gc.freeze()
    for line in sys.stdin:
        asked = json.loads(line)
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
            pid = os.fork()
            if pid == 0:
                signal.alarm(COMMAND_SECONDS)
                os.dup2(output.fileno(), sys.stdout.fileno())
                os.dup2(errors.fileno(), sys.stderr.fileno())
                os.environ.update(asked["env"])
                sys.argv = ["ticketcraze", *asked["arguments"]]
                _run_and_leave()
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            output.seek(0)
            errors.seek(0)
            ran = {"code": code, "output": output.read(), "errors": errors.read()}
        print(json.dumps(ran), flush=True)


def _run_and_leave() -> None:
    code: int | str | None = 1
    try:
        main()
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(code or 0))


if __name__ == "__main__":
    _serve()
