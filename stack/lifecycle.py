"""One stack from its start to its stop, whatever ends it."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from stack.application import Application, application_environment
from stack.console import Console
from stack.folder import StackFolder
from stack.servers import describe_servers, server_environment, show, start_servers
from stack.settings import Settings
from stack.sources import Origin, Server
from stack.supervisor import FORKING, Supervisor

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAME_SIGNAL_SECONDS = 1.0


class Stack:
    """The servers, and the application if asked for, kept running until a signal comes."""

    def __init__(
        self, servers: Sequence[Server], folder: StackFolder, settings: Settings, console: Console
    ) -> None:
        self._servers = servers
        self._folder = folder
        self._settings = settings
        self._console = console
        self._run: dict[str, Any] = {}  # run.json's content; empty until all is ready

    async def run(self, origins: Mapping[str, Origin], with_application: bool) -> None:
        """Start everything, write run.json, wait for Ctrl-C or SIGTERM, stop everything.

        Raises StackError, with everything stopped, when a part can't be started.
        """
        supervisor = Supervisor(self._folder.log, self._console, self._write_run)
        self._supervisor = supervisor
        stop_asked = asyncio.Event()
        with _signals(stop_asked, supervisor):
            starting = asyncio.create_task(self._start(origins, with_application))
            stopping = asyncio.create_task(stop_asked.wait())
            try:
                await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
                if starting.done():
                    starting.result()
                    await stopping
            finally:
                starting.cancel()
                stopping.cancel()
                await asyncio.gather(starting, stopping, return_exceptions=True)
                self._run = {}
                self._folder.remove_run()
                with self._console.step("stopping"):
                    await supervisor.stop(("sandbox", *(server.name for server in reversed(self._servers))))

    async def _start(self, origins: Mapping[str, Origin], with_application: bool) -> None:
        folder, console = self._folder, self._console
        urls = server_environment(self._servers, folder, origins)
        environment = application_environment(folder, self._settings, urls)
        application = Application(self._supervisor, folder, self._settings, environment, console)
        if with_application:
            application.check_ports()
        folder.remove_run()  # a killed run leaves it behind
        folder.prepare_log.unlink(missing_ok=True)
        lines = await describe_servers(self._servers, origins, environment)
        show(console, lines)
        await start_servers(self._servers, self._supervisor, folder, origins, environment, console)
        run: dict[str, Any] = {}
        if with_application:
            await application.prepare()
            await application.start_processes()
            slug = await application.create_sale()
            if self._settings.crowd:
                application.start_crowd(slug)
            run |= {
                "web": application.web_url,
                "sale": f"{application.web_url}/events/{slug}",
                "admin": application.admin,
            }
        run |= {"env": environment, "services": {name: asdict(line) for name, line in lines.items()}}
        self._run = run
        self._write_run()
        self._say_ready()

    def _write_run(self) -> None:
        if not self._run:
            return
        try:
            self._folder.write_run(
                {
                    **self._run,
                    "processes": self._supervisor.pids(),
                    "web_processes": self._supervisor.forked(FORKING),
                }
            )
        except OSError as error:  # a full disk must not end the supervision
            self._console.say(f"run.json can't be written: {error}")

    def _say_ready(self) -> None:
        say = self._console.say
        say()
        if "sale" in self._run:
            admin = self._run["admin"]
            say(f"  the sale       {self._run['sale']}  (opens in {self._settings.opens_in_seconds} s)")
            say(f"  the mail       {self._run['web']}/development/mail")
            say(f"  the dashboard  {admin['url']}  user {admin['user']}, password {admin['password']}")
        say(f"  everything     {self._folder.path / 'run.json'}, logs in {self._folder.log}")
        say("  stop           Ctrl-C")
        say()
        say("ready")


@contextlib.contextmanager
def _signals(stop_asked: asyncio.Event, supervisor: Supervisor) -> Iterator[None]:
    """Any of the signals asks for a stop; pressing Ctrl-C again makes it short."""
    loop = asyncio.get_running_loop()
    asked_at = 0.0

    def on_signal(number: signal.Signals) -> None:
        nonlocal asked_at
        if not stop_asked.is_set():
            stop_asked.set()
            asked_at = loop.time()
        # `make` and `timeout` pass on a signal that the terminal has sent to everybody already.
        elif number is signal.SIGINT and loop.time() - asked_at > SAME_SIGNAL_SECONDS:
            supervisor.kill()

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)
