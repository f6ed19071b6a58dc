"""A whole stack with two tiny servers of its own: `python -m tests.stack.local.tiny_stack FOLDER`."""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

from stack.console import Console
from stack.folder import HOST, StackFolder
from stack.lifecycle import Stack
from stack.settings import Settings
from stack.sources import Origin
from stack.supervisor import Program

# Answers each connection with its name, has a child of its own, and notes in which order it was stopped.
PROGRAM = """
import signal, socket, subprocess, sys
name, port, notes = sys.argv[1], int(sys.argv[2]), sys.argv[3]
def stop(*_):
    open(notes, "a").write(name + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
child = subprocess.Popen(["sleep", "600"])
server = socket.create_server(("127.0.0.1", port))
print("child", child.pid, flush=True)
while True:
    connection, _ = server.accept()
    connection.sendall(name.encode())
    connection.close()
"""


class TinyServer:
    """Speaks by saying its name."""

    refusals: tuple[type[Exception], ...] = (OSError,)

    def __init__(self, name: str) -> None:
        self.name = name
        self.url_variable = f"TINY_{name.upper()}_URL"

    def missing_packages(self) -> list[str]:
        return []

    def fetch(self, console: Console) -> bool:
        return False

    def version(self) -> str:
        return "tiny"

    def environment(self, folder: StackFolder) -> dict[str, str]:
        return {self.url_variable: f"{HOST}:{folder.port(self.name)}"}

    async def prepare(self, folder: StackFolder, log: Path) -> Program:
        notes = str(folder.path / "stopped")
        command = (sys.executable, "-c", PROGRAM, self.name, str(folder.port(self.name)), notes)
        return Program(self.name, command, stop_limit_seconds=5)

    async def ask_version(self, environment: Mapping[str, str]) -> str:
        host, _, port = environment[self.url_variable].partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        name = (await reader.read()).decode()
        writer.close()
        if name != self.name:
            raise OSError(f"somebody else answered: {name!r}")
        return "tiny"

    def address(self, environment: Mapping[str, str]) -> str:
        return environment[self.url_variable]


def main() -> None:
    folder = StackFolder(Path(sys.argv[1]))
    servers = [TinyServer("first"), TinyServer("second")]
    settings = Settings(folder.path, port=8000, crowd=0, opens_in_seconds=0)
    with folder.locked():
        origins = {server.name: Origin.INSTALLED for server in servers}
        asyncio.run(Stack(servers, folder, settings, Console()).run(origins, with_application=False))


if __name__ == "__main__":
    main()
