"""The sandbox's own settings, from the environment: it knows nothing of the shop but what a merchant tells."""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass


class BadSetting(Exception):
    """A setting is missing or out of bounds; the text names it and says what is expected."""


@dataclass(frozen=True)
class Settings:
    """Read with `Settings.from_environment()`."""

    url: str  # where buyers and the merchant reach the sandbox
    port: int
    data: str  # the file it remembers everything in
    api_key: str
    webhook_secret: str  # "whsec_" and base64, as Standard Webhooks has it
    merchant_url: str  # where callbacks go and buyers come back to

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """The settings in `environ`. Raises BadSetting."""

        def text(name: str, default: str = "") -> str:
            value = environ.get(name) or default
            if not value:
                raise BadSetting(f"{name} is not set")
            return value

        if environ.get("ENVIRONMENT") == "production":
            raise BadSetting("the sandbox moves no real money: it does not start where ENVIRONMENT is production")
        port = text("SANDBOX_PORT", "8001")
        if not (port.isascii() and port.isdecimal() and 1 <= int(port[:6]) <= 65_535):
            raise BadSetting(f"SANDBOX_PORT must be a whole number from 1 to 65535, not {port!r}")
        secret = text("SANDBOX_WEBHOOK_SECRET").partition(" ")[0]  # a merchant may take two: the first is ours
        try:
            base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except ValueError:  # not base64, or not even ASCII
            raise BadSetting("SANDBOX_WEBHOOK_SECRET must be whsec_ and base64") from None
        return cls(
            url=text("SANDBOX_URL").rstrip("/"),
            port=int(port),
            data=text("SANDBOX_DATA", ".stack/sandbox.sqlite"),
            api_key=text("SANDBOX_API_KEY"),
            webhook_secret=secret,
            merchant_url=text("PUBLIC_URL", f"http://127.0.0.1:{environ.get('PORT', '8000')}").rstrip("/"),
        )
