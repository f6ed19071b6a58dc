"""The web processes of one host: forked from one, which watches over them and serves nobody itself.

All of them accept on the same listening socket, so none that is busy, stopped or killed leaves anybody waiting
behind it (docs/decisions/0070-several-web-processes.md). One that dies is started again; told to stop, they end
one after the other, and whoever comes meanwhile is served by the others.
"""

import gc
import logging
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from app.infra.board import Board
from app.web.draining import Draining

log = logging.getLogger(__name__)

SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
FIRST_PAUSE_SECONDS = 0.1  # before one that died is started again; doubled each time
LONGEST_PAUSE_SECONDS = 5.0
FORGIVEN_AFTER_SECONDS = 30.0
ROLL_SECONDS = 6.0  # for all of them to end; whoever is not done by then overlaps with the next
LOOK_SECONDS = 60.0


class Keeper:
    """Keeps `board.processes` processes running; `serve(slot, parent)` is what each does until SIGTERM.

    `parent` is a file that a process can read from only once this one is gone. `closed` is called when nobody new
    may be accepted by this process any more; `bury(slot)` when one ended.
    """

    def __init__(
        self,
        board: Board,
        draining: Draining,
        serve: Callable[[int, int], None],
        bury: Callable[[int], None],
        closed: Callable[[], None],
    ) -> None:
        self._draining = draining
        self._serve = serve
        self._bury = bury
        self._closed = closed
        self._slots: dict[int, int] = {}  # by process id
        self._began: dict[int, float] = {}  # by slot
        self._pauses = dict.fromkeys(range(board.processes), FIRST_PAUSE_SECONDS)
        self._due = dict.fromkeys(range(board.processes), 0.0)  # slots without a process, and when it is to begin
        self._parent_end, self._held_end = os.pipe()

    def run(self) -> None:
        """Serves until SIGTERM, or twice SIGTERM for a short end; returns when no process is left."""
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        gc.collect()
        gc.freeze()  # what is there now is shared with the children for as long as nobody touches it
        while True:
            self._start_due()
            wait_seconds = min([LOOK_SECONDS, *(at - time.monotonic() for at in self._due.values())])
            if self._is_told_within(wait_seconds):
                break
        self._due.clear()
        self._draining.begin()
        told_again = self._is_told_within(self._draining.seconds)
        self._closed()
        turn_seconds = ROLL_SECONDS / max(len(self._slots), 1)
        for process_id in list(self._slots):
            self._tell(process_id, signal.SIGTERM)
            deadline = time.monotonic() + turn_seconds
            while process_id in self._slots and not told_again and time.monotonic() < deadline:
                told_again = self._is_told_within(deadline - time.monotonic(), until_one_ends=True)
        while self._slots:
            if self._is_told_within(LOOK_SECONDS, until_one_ends=True):
                for process_id in self._slots:
                    self._tell(process_id, signal.SIGKILL)

    def _start_due(self) -> None:
        for slot in [slot for slot, at in self._due.items() if at <= time.monotonic()]:
            del self._due[slot]
            process_id = os.fork()
            if not process_id:
                self._live(slot)
            self._slots[process_id] = slot
            self._began[slot] = time.monotonic()

    def _live(self, slot: int) -> None:
        """What the child does; never returns."""
        code = 1
        try:
            os.close(self._held_end)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            self._serve(slot, self._parent_end)
            code = 0
        except SystemExit as ending:
            code = ending.code if isinstance(ending.code, int) else 1
        except BaseException:  # whatever it is, the parent's own code must not run here
            log.exception("a web process ended")
        finally:
            os._exit(code)

    def _is_told_within(self, seconds: float, *, until_one_ends: bool = False) -> bool:
        """Waits, and buries who ends meanwhile; True at once when told to stop."""
        deadline = time.monotonic() + seconds
        while True:
            told = signal.sigtimedwait(SIGNALS, max(deadline - time.monotonic(), 0.0))
            if told is None:
                return False
            if told.si_signo != signal.SIGCHLD:
                return True
            if self._bury_ended() and (until_one_ends or not self._draining.has_begun):
                return False

    def _bury_ended(self) -> bool:
        """Whether anybody ended."""
        ended = False
        with suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                ended = True
                slot = self._slots.pop(found[0])
                self._bury(slot)
                if not self._draining.has_begun:
                    self._start_again(slot, os.waitstatus_to_exitcode(found[1]))
        return ended

    def _start_again(self, slot: int, code: int) -> None:
        now = time.monotonic()
        if now - self._began[slot] >= FORGIVEN_AFTER_SECONDS:
            self._pauses[slot] = FIRST_PAUSE_SECONDS
        how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
        log.error("web process %s ended (%s); starting it again in %.1f s", slot + 1, how, self._pauses[slot])
        self._due[slot] = now + self._pauses[slot]
        self._pauses[slot] = min(self._pauses[slot] * 2, LONGEST_PAUSE_SECONDS)

    def _tell(self, process_id: int, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(process_id, number)
