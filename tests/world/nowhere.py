"""Settings that are complete and lead to no server."""

import base64
from pathlib import Path

from app.settings import Settings
from tests.world.machine import HOST


def settings_for(folder: Path, merchant_port: int = 1, sandbox_port: int = 1) -> Settings:
    """The same as the application reads them."""
    return Settings.from_environment(environment_for(folder, merchant_port, sandbox_port))


def environment_for(folder: Path, merchant_port: int, sandbox_port: int) -> dict[str, str]:
    """The environment of a shop and a sandbox on these ports; the sandbox's file is in `folder`."""
    return {
        "REDIS_URL": "redis://127.0.0.1:1",
        "DATABASE_URL": "mysql://127.0.0.1:1/none",
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "SECRET_KEY": "k" * 32,
        "TICKET_KEYS": "A:" + base64.b64encode(b"t" * 32).decode(),
        "PUBLIC_URL": f"http://{HOST}:{merchant_port}",
        "SANDBOX_URL": f"http://{HOST}:{sandbox_port}",
        "SANDBOX_PORT": str(sandbox_port),
        "SANDBOX_DATA": str(folder / "data" / "sandbox.sqlite"),
        "SANDBOX_API_KEY": "the-api-key",
        "SANDBOX_WEBHOOK_SECRET": "whsec_" + base64.b64encode(b"w" * 32).decode(),
    }
