"""The local stack.

python -m stack install [--browser | --engines]   install what is missing, start nothing
python -m stack servers               Redis, MySQL and Kafka, until Ctrl-C
python -m stack run                   the servers, the whole application and a demo sale, until Ctrl-C

Settings, from the environment: STACK_DIR (.stack), and for run PORT (8000), CROWD (300), OPENS_IN (60).
"""

import argparse
import asyncio
import os
import sys

from stack.console import Console
from stack.errors import StackError
from stack.folder import StackFolder
from stack.lifecycle import Stack
from stack.packages import find_binary, install
from stack.servers import SERVERS
from stack.settings import Settings
from stack.sources import find_origins
from stack.supervisor import check_platform

INTERRUPTED = 130
ENGINES = {"firefox-esr": "firefox-esr", "webkit2gtk-driver": "WebKitWebDriver", "xvfb": "Xvfb"}


def main() -> int:
    """Do what the command line says; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m stack", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    installing = commands.add_parser("install", help="install what is missing, start nothing")
    installing.add_argument("--browser", action="store_true", help="chromium too, for the browser tests")
    installing.add_argument("--engines", action="store_true", help="Firefox and WebKit, to try the pages in them")
    commands.add_parser("servers", help="Redis, MySQL and Kafka")
    commands.add_parser("run", help="the servers, the application and a demo sale")
    arguments = parser.parse_args()
    console = Console()
    try:
        if arguments.command == "install":
            _install(console, arguments.browser, arguments.engines)
        else:
            _run(console, with_application=arguments.command == "run")
    except StackError as error:
        console.say(f"\n{error}")
        return 1
    except KeyboardInterrupt:
        console.say("\ninterrupted")
        return INTERRUPTED
    return 0


def _install(console: Console, with_browser: bool, with_engines: bool) -> None:
    if with_engines:
        missing = [package for package, binary in ENGINES.items() if not find_binary(binary)]
        if missing:
            install(console, missing)
    if with_browser and not find_binary("chromium", "google-chrome"):
        install(console, ["chromium"])
    if with_browser and not find_binary("nginx"):
        install(console, ["nginx-light"])  # for the test of its configuration
    origins = find_origins(SERVERS, os.environ, console, install)
    for server in SERVERS:
        console.say(f"{server.name}: {origins[server.name].value}")


def _run(console: Console, with_application: bool) -> None:
    check_platform()
    settings = Settings.from_environment()
    folder = StackFolder(settings.stack_dir)
    with folder.locked():
        origins = find_origins(SERVERS, os.environ, console, install)
        asyncio.run(Stack(SERVERS, folder, settings, console).run(origins, with_application))


if __name__ == "__main__":
    sys.exit(main())
