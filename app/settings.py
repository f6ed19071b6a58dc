"""Every setting: its name in the environment, its unit, its default and its check."""

import base64
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

DEVELOPMENT_MARK = "development"  # secrets that the local stack generates begin with this


class BadSetting(Exception):
    """A setting is missing or out of bounds; the text names it and says what is expected."""


@dataclass(frozen=True)
class Settings:
    """The settings of one process. Read them with `Settings.from_environment()`."""

    environment: str  # development | production
    redis_url: str
    database_url: str
    owner_database_url: str  # may change the schema; only `ticketcraze migrate` and `admin` use it
    kafka_bootstrap_servers: str
    orders_topic: str
    ledger_group: str  # the consumer group that all ledgers share
    host: str
    port: int
    public_url: str  # where buyers and the payment provider reach the web application
    secret_key: str  # signs buyer tokens and admin sessions
    sandbox_url: str
    sandbox_port: int
    sandbox_data: str  # the sandbox's own file
    sandbox_api_key: str
    sandbox_webhook_secret: str  # "whsec_" and base64, as Standard Webhooks has it
    database_pool_size: int
    max_waiting: int  # buyers in the lobby and the queue of one event
    max_sockets: int  # open websockets of one web process
    grace_seconds: int  # not seen for so long when called: parked
    overbooking: float  # passes given for each available ticket
    outbox_cap: int  # holds not yet in MySQL, before reserving answers 503
    max_orders_per_buyer: int
    max_payment_attempts: int
    ledger_batch: int  # facts in one transaction

    @property
    def secure(self) -> bool:
        """Whether the public address is https, so that cookies may ask for it."""
        return self.public_url.startswith("https://")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """The settings in `environ`. Raises BadSetting."""
        read = _Reader(environ)
        environment = read.one_of("ENVIRONMENT", ("development", "production"), "development")
        settings = cls(
            environment=environment,
            redis_url=read.text("REDIS_URL"),
            database_url=read.text("DATABASE_URL"),
            owner_database_url=read.text("OWNER_DATABASE_URL", environ.get("DATABASE_URL")),
            kafka_bootstrap_servers=read.text("KAFKA_BOOTSTRAP_SERVERS"),
            orders_topic=read.text("ORDERS_TOPIC", "orders"),
            ledger_group=read.text("LEDGER_GROUP", "ledger"),
            host=read.text("HOST", "127.0.0.1"),
            port=read.whole("PORT", 8000, 1, 65_535),
            public_url=read.text("PUBLIC_URL", f"http://127.0.0.1:{environ.get('PORT', '8000')}").rstrip("/"),
            secret_key=read.text("SECRET_KEY"),
            sandbox_url=read.text("SANDBOX_URL").rstrip("/"),
            sandbox_port=read.whole("SANDBOX_PORT", 8001, 1, 65_535),
            sandbox_data=read.text("SANDBOX_DATA", ".stack/sandbox.sqlite"),
            sandbox_api_key=read.text("SANDBOX_API_KEY"),
            sandbox_webhook_secret=read.text("SANDBOX_WEBHOOK_SECRET"),
            database_pool_size=read.whole("DATABASE_POOL_SIZE", 8, 1, 200),
            max_waiting=read.whole("MAX_WAITING", 1_000_000, 1, 10_000_000),
            max_sockets=read.whole("MAX_SOCKETS", 15_000, 1, 1_000_000),
            grace_seconds=read.whole("GRACE_SECONDS", 30, 5, 3_600),
            overbooking=read.ratio("OVERBOOKING", 1.1, 1.0, 10.0),
            outbox_cap=read.whole("OUTBOX_CAP", 100_000, 1, 10_000_000),
            max_orders_per_buyer=read.whole("MAX_ORDERS_PER_BUYER", 20, 1, 1_000),
            max_payment_attempts=read.whole("MAX_PAYMENT_ATTEMPTS", 10, 1, 100),
            ledger_batch=read.whole("LEDGER_BATCH", 1_000, 1, 5_000),
        )
        settings._check_secrets()
        return settings

    def _check_secrets(self) -> None:
        if len(self.secret_key) < 32:
            raise BadSetting("SECRET_KEY needs 32 characters or more")
        try:
            webhook_key = base64.b64decode(self.sandbox_webhook_secret.removeprefix("whsec_"), validate=True)
        except ValueError:  # not base64, or not even ASCII
            raise BadSetting("SANDBOX_WEBHOOK_SECRET must be whsec_ and base64") from None
        if len(webhook_key) < 24:
            raise BadSetting("SANDBOX_WEBHOOK_SECRET needs 24 bytes or more")
        if self.environment == "production":
            secrets = {
                "SECRET_KEY": self.secret_key,
                "SANDBOX_API_KEY": self.sandbox_api_key,
                "SANDBOX_WEBHOOK_SECRET": webhook_key.decode(errors="replace"),
            }
            for name, secret in secrets.items():
                if secret.startswith(DEVELOPMENT_MARK):
                    raise BadSetting(f"{name} is a development secret; production needs one of its own")
            if not self.secure:
                raise BadSetting("PUBLIC_URL must begin with https:// in production")


class _Reader:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str, default: str | None = None) -> str:
        value = self._environ.get(name) or default
        if not value:
            raise BadSetting(f"{name} is not set")
        return value

    def one_of(self, name: str, choices: tuple[str, ...], default: str) -> str:
        value = self.text(name, default)
        if value not in choices:
            raise BadSetting(f"{name} must be one of {', '.join(choices)}, not {value!r}")
        return value

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        value = self._environ.get(name) or str(default)
        if not re.fullmatch("[0-9]{1,9}", value) or not least <= int(value) <= most:
            raise BadSetting(f"{name} must be a whole number from {least} to {most}, not {value!r}")
        return int(value)

    def ratio(self, name: str, default: float, least: float, most: float) -> float:
        value = self._environ.get(name) or str(default)
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not least <= number <= most:
            raise BadSetting(f"{name} must be a number from {least} to {most}, not {value!r}")
        return number
