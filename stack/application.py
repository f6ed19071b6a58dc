"""The application on top of the servers: schema, admin, the Procfile's processes, a demo sale, its crowd."""

import asyncio
import json
import math
import os
import shlex
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from stack.console import Console
from stack.errors import StackError
from stack.folder import HOST, StackFolder, becomes_free
from stack.logs import TROUBLE
from stack.settings import Settings
from stack.supervisor import Program, Supervisor, run_once

ROOT = Path(__file__).resolve().parent.parent
ADMIN_USER = "admin"
HEALTH_PATHS = {"web": "/readyz", "sandbox": "/healthz"}

# The application's limits that are worth knowing of a stack, where they are given.
LIMITS = ("SMTP_URL", "MAIL_FROM", "JOIN_LIMIT", "TRUSTED_PROXIES", "WEB_PROCESSES", "REHEARSAL_BUYERS")

DEMO_TICKETS = 220
COMMAND_LIMIT_SECONDS = 60
ANSWER_LIMIT_SECONDS = 120
DEATHS_BEFORE_GIVING_UP = 4
WORKER_LIVES_SECONDS = 1.5  # a worker that is alive for this long is taken to have started
STOP_LIMIT_SECONDS = 15

SERVERS = frozenset({"REDIS_URL", "DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "KAFKA_SASL_PASSWORD"})
SECRETS = SERVERS | {
    "OWNER_DATABASE_URL",  # like ADMIN_PASSWORD, only for the commands that need it
    "ADMIN_PASSWORD",
    "SECRET_KEY",
    "SECRET_KEYS",
    "TICKET_KEYS",
    "SMTP_URL",
    "SANDBOX_API_KEY",
    "SANDBOX_WEBHOOK_SECRET",
    "STRIPE_API_KEY",
    "STRIPE_WEBHOOK_SECRET",
}
PROVIDERS = frozenset({"SANDBOX_API_KEY", "STRIPE_API_KEY"})
# What each process knows of SECRETS; one that is not named here knows how to reach the servers, and nothing else.
SECRETS_OF = {
    "outbound": SERVERS | {"TICKET_KEYS", "SMTP_URL"},
    "web": SERVERS
    | PROVIDERS
    | {"SECRET_KEY", "SECRET_KEYS", "TICKET_KEYS", "SANDBOX_WEBHOOK_SECRET", "STRIPE_WEBHOOK_SECRET"},
    "refunds": SERVERS | PROVIDERS,
    "reconcile": SERVERS | PROVIDERS,
    "rehearsals": SERVERS | {"SANDBOX_API_KEY"},
    "sandbox": {"SANDBOX_API_KEY", "SANDBOX_WEBHOOK_SECRET"},
    "crowd": frozenset[str](),
}


def application_environment(
    folder: StackFolder, settings: Settings, server_environment: Mapping[str, str]
) -> dict[str, str]:
    """All variables of section 9's run.json; those that are set already win over generated ones."""

    def given_or(name: str, value: str) -> str:
        return os.environ.get(name) or value

    sandbox_port = os.environ.get("SANDBOX_PORT") or str(folder.port("sandbox"))
    web = f"http://{HOST}:{settings.port}"
    return {
        **server_environment,
        "PORT": str(settings.port),
        "PUBLIC_URL": given_or("PUBLIC_URL", web),
        "SANDBOX_PORT": sandbox_port,
        "SANDBOX_URL": given_or("SANDBOX_URL", f"http://{HOST}:{sandbox_port}"),
        "SANDBOX_API_KEY": given_or("SANDBOX_API_KEY", folder.secret("SANDBOX_API_KEY")),
        "SANDBOX_WEBHOOK_SECRET": given_or("SANDBOX_WEBHOOK_SECRET", folder.secret("SANDBOX_WEBHOOK_SECRET")),
        "SANDBOX_DATA": given_or("SANDBOX_DATA", str(folder.path / "sandbox.sqlite")),
        "SECRET_KEY": given_or("SECRET_KEY", folder.secret("SECRET_KEY")),
        "TICKET_KEYS": given_or("TICKET_KEYS", folder.secret("TICKET_KEYS")),
        "MAIL_FOLDER": given_or("MAIL_FOLDER", str(folder.path / "mail")),
        "WEBHOOKS_PRIVATE": given_or("WEBHOOKS_PRIVATE", "127.0.0.0/8"),
        **{name: os.environ[name] for name in LIMITS if name in os.environ},
        "ENVIRONMENT": given_or("ENVIRONMENT", "development"),
        "STACK_DIR": str(folder.path),
        "PYTHONUNBUFFERED": "1",
    }


def environment_of(process: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without the secrets that a process of the Procfile, or the crowd, has no use for."""
    kept = SECRETS - SECRETS_OF.get(process, SERVERS)
    return {name: value for name, value in environment.items() if name not in kept}


def read_procfile(path: Path) -> dict[str, tuple[str, ...]]:
    """The command of each process by its name; `python` is the interpreter that runs this.

    Raises StackError for a line that is no `name: command`.
    """
    processes: dict[str, tuple[str, ...]] = {}
    for line in path.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, command = line.partition(":")
        words = shlex.split(command)
        if not colon or not words or name in processes:
            raise StackError(f"{path}: not a `name: command` line, or a name used twice: {line!r}")
        if words[0] == "python":
            words[0] = sys.executable
        processes[name.strip()] = tuple(words)
    return processes


class Application:
    """Starts the application's parts in order; every method raises StackError with the reason it can't."""

    def __init__(
        self,
        supervisor: Supervisor,
        folder: StackFolder,
        settings: Settings,
        environment: Mapping[str, str],
        console: Console,
    ) -> None:
        self._supervisor = supervisor
        self._folder = folder
        self._settings = settings
        self._console = console
        self._command_environment = {**os.environ, **environment}
        self.web_url = f"http://{HOST}:{settings.port}"
        self._sandbox_url = f"http://{HOST}:{environment['SANDBOX_PORT']}"
        self.admin = {
            "url": f"{self.web_url}/admin",
            "user": ADMIN_USER,
            "password": os.environ.get("ADMIN_PASSWORD") or folder.secret("ADMIN_PASSWORD"),
        }

    def check_ports(self) -> None:
        """The ports of web and sandbox must be free."""
        if not becomes_free(self._settings.port):
            port = self._settings.port
            raise StackError(f"Port {port} is in use on {HOST}. Choose another one: PORT={port + 1} make run")
        sandbox_port = httpx.URL(self._sandbox_url).port
        if sandbox_port and not becomes_free(sandbox_port):
            raise StackError(f"Port {sandbox_port} (SANDBOX_PORT) is in use on {HOST}.")

    async def prepare(self) -> None:
        """Bring the schema up to date and make sure of the dashboard's admin."""
        await self._command("schema", "migrate", {})
        password = {"ADMIN_PASSWORD": self.admin["password"]}
        await self._command("dashboard's admin", f"admin ensure --user {ADMIN_USER}", password)

    async def start_processes(self) -> None:
        """Start what the Procfile names; returns when web and sandbox answer and the workers live."""
        processes = read_procfile(Path(os.environ.get("PROCFILE") or ROOT / "Procfile"))
        for name, command in processes.items():
            self._supervisor.start(self._program(name, command))
        with self._console.step(f"starting {', '.join(processes)}") as tick:
            deadline = time.monotonic() + ANSWER_LIMIT_SECONDS
            waiting = set(processes)
            while waiting:
                tick()
                waiting = {name for name in waiting if not await self._is_up(name)}
                self._give_up_on(waiting, is_late=time.monotonic() > deadline)
                await asyncio.sleep(0.1)

    async def create_sale(self) -> str:
        """Create a fresh demo sale; returns its slug."""
        output = await self._command(
            "demo sale",
            f"event create --slug night-of-lights-{_stamp()} --name 'Night of Lights'"
            " --sku Floor:4500:120 --sku Balcony:6500:80 --sku Box:12000:20"
            f" --opens-in {self._settings.opens_in_seconds}"
            f" --starts-at {_in_days(30, 20)} --doors-at {_in_days(30, 19)} --venue 'Grand Hall, Quay Street 4'"
            f" --rate 240 --room 60 --pass-ttl 120 --hold-ttl 90 --max-per-buyer {self._limit()} --json",
            {},
        )
        try:
            return str(json.loads(output.strip().splitlines()[-1])["slug"])
        except (ValueError, LookupError, TypeError) as error:
            raise StackError(f"`event create --json` didn't answer with a slug: {output[:400]!r}") from error

    def _limit(self) -> int:
        """Tickets a buyer may have: the usual four, or so many that a small crowd can buy the demo out."""
        crowd = self._settings.crowd
        return max(4, math.ceil(2 * DEMO_TICKETS / crowd)) if crowd else 4

    def start_crowd(self, slug: str) -> None:
        """Start the simulated buyers; they go home when they are done."""
        options = ("--event", slug, "--buyers", str(self._settings.crowd), "--url", self.web_url)
        command = (sys.executable, "-m", "crowd", *options)
        self._supervisor.start(self._program("crowd", command, ends_by_itself=True))

    async def _command(self, step: str, arguments: str, extra: Mapping[str, str]) -> str:
        program = Program(
            step,
            (sys.executable, "-m", "app.cli", *shlex.split(arguments)),
            {**self._command_environment, **extra},
            ROOT,
        )
        with self._console.step(step):
            return await run_once(program, self._folder.prepare_log, COMMAND_LIMIT_SECONDS)

    def _program(self, name: str, command: tuple[str, ...], ends_by_itself: bool = False) -> Program:
        return Program(
            name,
            command,
            environment_of(name, self._command_environment),
            ROOT,
            stop_limit_seconds=STOP_LIMIT_SECONDS,
            ends_by_itself=ends_by_itself,
            trouble=TROUBLE,
        )

    async def _is_up(self, name: str) -> bool:
        child = self._supervisor.children[name]
        if name not in HEALTH_PATHS:
            return child.alive_seconds >= WORKER_LIVES_SECONDS
        base = self.web_url if name == "web" else self._sandbox_url
        try:
            async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
                answer = await client.get(base + HEALTH_PATHS[name])
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK and child.pid is not None

    def _give_up_on(self, waiting: set[str], is_late: bool) -> None:
        for name in sorted(waiting):
            child = self._supervisor.children[name]
            if is_late or child.deaths >= DEATHS_BEFORE_GIVING_UP:
                problem = "is not ready" if is_late else "keeps dying"
                raise StackError(f"{name} {problem}; the end of {child.log.path}:\n{child.log.tail()}")


def _in_days(days: int, hour: int) -> str:
    """An hour, UTC, so many days from now."""
    day = datetime.now(UTC) + timedelta(days=days)
    return day.strftime(f"%Y-%m-%dT{hour:02}:00Z")


def _stamp() -> str:
    """The present second in few letters, so that each start has its own sale."""
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    seconds, text = int(time.time()), ""
    while seconds:
        seconds, digit = divmod(seconds, 36)
        text = digits[digit] + text
    return text
