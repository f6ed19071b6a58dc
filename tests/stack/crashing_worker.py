"""A worker that kills itself at a step: crashing_worker ledger "before commit"."""

import os
import signal
import sys
from functools import partial

from workers import ledger, relay
from workers.runner import run


def crash_at(step: str, reached: str) -> None:
    """Ends the process the way a power cut does, at the step."""
    if reached == step:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    worker = {"relay": relay, "ledger": ledger}[sys.argv[1]]
    run(partial(worker.work, checkpoint=partial(crash_at, sys.argv[2])))
