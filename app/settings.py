"""Every setting: its name in the environment, its unit, its default and its check."""

import base64
import os
import re
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Literal, cast

DEVELOPMENT_MARK = "development"  # secrets that the local stack generates begin with this

# What a process needs beyond the three servers. One that signs nothing knows no key.
# In production that is Stripe, elsewhere the sandbox, and Stripe too where its key is given.
PROVIDERS = ("SANDBOX_URL", "SANDBOX_API_KEY", "STRIPE_API_KEY")
WEB = ("SECRET_KEY", "TICKET_KEYS", *PROVIDERS, "SANDBOX_WEBHOOK_SECRET", "STRIPE_WEBHOOK_SECRET")

OUTBOUND = ("TICKET_KEYS", "SMTP_URL")  # of the latter only in production

KAFKA_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
KAFKA_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<host>[a-z0-9.-]+|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{1,5}))?")
_SMTP = re.compile(r"smtps?://([^@/\s]+@)?[A-Za-z0-9.-]+(:[0-9]{1,5})?/?")
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,16}")
_LONE_KEY_ID = "0"  # of SECRET_KEY
_MOST_KEYS = 8
_TICKET_KEY_ID = re.compile(r"[A-Z0-9]{1,8}")  # as a ticket's code has it
_TICKET_SEED_BYTES = 32
_LEAST_KEY_LENGTH = 32
_TEST_KEYS = ("sk_test_", "rk_test_")

LogFormat = Literal["text", "json"]
Network = IPv4Network | IPv6Network


def cores() -> int:
    """How many cores this process may use."""
    return min(len(os.sched_getaffinity(0)), 64)


class BadSetting(Exception):
    """A setting is missing or out of bounds; the text names it and says what is expected."""


@dataclass(frozen=True)
class Settings:
    """The settings of one process. Read them with `Settings.from_environment()`."""

    environment: str  # development | production
    redis_url: str
    database_url: str
    owner_database_url: str  # may change the schema; only `ticketcraze migrate` and `admin` use it
    redis_wait_replicas: int  # of Redis, that have a hold before its buyer is told of it
    redis_ca: str  # a file; where given, with rediss://, only its certificates are trusted
    mysql_ssl_ca: str  # a file; where given, MySQL must show a certificate of it
    kafka_bootstrap_servers: str
    kafka_security_protocol: str
    kafka_ssl_ca: str  # a file
    kafka_sasl_mechanism: str
    kafka_sasl_username: str
    kafka_sasl_password: str
    orders_topic: str
    ledger_group: str  # the consumer group that all ledgers share
    host: str
    port: int
    internal_host: str  # for figures and health: never an address that strangers reach
    internal_port: int  # 0: none
    public_url: str  # where buyers and the payment provider reach the web application
    secret_keys: Mapping[str, str]  # key id -> key; the first signs tokens, all verify; empty where none is needed
    ticket_keys: Mapping[str, bytes]  # key id -> Ed25519 seed; the first signs tickets, all are good
    smtp_url: str  # of the mail server; empty: mail is written into mail_folder
    mail_from: str  # whom mail comes from: "Ticket Craze <tickets@example.com>"
    mail_folder: str
    webhooks_private: tuple[Network, ...]  # private networks that organisers' webhooks may lead to
    sandbox_url: str
    sandbox_port: int
    sandbox_data: str  # the sandbox's own file
    sandbox_api_key: str
    sandbox_webhook_secrets: tuple[str, ...]  # "whsec_" and base64, as Standard Webhooks has it; each is good
    stripe_api_url: str  # api.stripe.com, or what answers in its place in tests
    stripe_api_key: str  # empty: no Stripe
    stripe_webhook_secrets: tuple[str, ...]  # each is good
    payment_seconds: int  # whoever starts to pay has this long, or as long as holds last where that is less
    database_pool_size: int
    max_waiting: int  # buyers in the lobby and the queue of one event
    max_sockets: int  # open websockets of one web process
    log_format: LogFormat  # of what processes say: see app/watch/logs.py
    drain_seconds: float  # /readyz says so for this long before a web process stops
    grace_seconds: int  # not seen for this long when called: parked
    purge_after_seconds: int  # closed for this long: cleared away in Redis
    overbooking: float  # passes given for each available ticket
    outbox_cap: int  # holds not yet in MySQL, before reserving answers 503
    max_orders_per_buyer: int
    max_payment_attempts: int
    ledger_batch: int  # facts in one transaction
    review_ttl_seconds: int  # how long an order paid wrongly keeps its tickets
    join_limit: int  # joins a minute, and at once, of one IPv4 address or IPv6 /64; 0: no limit
    trusted_proxies: tuple[Network, ...]  # whose X-Forwarded-For is believed
    max_connections: int  # of one host's web processes; 0: as many as they may open files
    connections_per_address: int  # on one host, of one IPv4 address or IPv6 /64; 0: half of all
    web_processes: int  # of one host
    rehearsal_buyers: int  # of a rehearsal that an organiser asks for; 0: none may be asked for
    overload_lag_ms: int  # how late a web process's event loop may be, on average, before arrivals wait
    overload_outbox: int  # orders on their way to the books, before arrivals wait
    overload_books_seconds: int  # how long the oldest of them may be on its way, before admission slows

    @property
    def secure(self) -> bool:
        """Whether the public address is https, so that cookies may ask for it."""
        return self.public_url.startswith("https://")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ, needs: Collection[str] = ()) -> "Settings":
        """The settings in `environ`; of the secrets those in `needs` must be there. Raises BadSetting."""
        environment = _Reader(environ, ()).one_of("ENVIRONMENT", ("development", "production"), "development")
        wants_stripe = environment == "production" or bool(environ.get("STRIPE_API_KEY"))
        unused = "SANDBOX_" if environment == "production" else "" if wants_stripe else "STRIPE_"
        read = _Reader(environ, [name for name in needs if not (unused and name.startswith(unused))])
        settings = cls(
            environment=environment,
            redis_url=read.text("REDIS_URL"),
            database_url=read.text("DATABASE_URL"),
            redis_wait_replicas=read.whole("REDIS_WAIT_REPLICAS", 0, 0, 5),
            redis_ca=environ.get("REDIS_CA", ""),
            mysql_ssl_ca=environ.get("MYSQL_SSL_CA", ""),
            owner_database_url=read.text("OWNER_DATABASE_URL", environ.get("DATABASE_URL")),
            kafka_bootstrap_servers=read.text("KAFKA_BOOTSTRAP_SERVERS"),
            kafka_security_protocol=read.one_of("KAFKA_SECURITY_PROTOCOL", KAFKA_PROTOCOLS, "PLAINTEXT"),
            kafka_ssl_ca=environ.get("KAFKA_SSL_CA", ""),
            kafka_sasl_mechanism=read.one_of("KAFKA_SASL_MECHANISM", KAFKA_MECHANISMS, "SCRAM-SHA-512"),
            kafka_sasl_username=environ.get("KAFKA_SASL_USERNAME", ""),
            kafka_sasl_password=environ.get("KAFKA_SASL_PASSWORD", ""),
            orders_topic=read.text("ORDERS_TOPIC", "orders"),
            ledger_group=read.text("LEDGER_GROUP", "ledger"),
            host=read.text("HOST", "127.0.0.1"),
            port=read.whole("PORT", 8000, 1, 65_535),
            internal_host=read.text("INTERNAL_HOST", "127.0.0.1"),
            internal_port=read.whole("INTERNAL_PORT", 0, 0, 65_535),
            public_url=read.origin("PUBLIC_URL", f"http://127.0.0.1:{environ.get('PORT') or '8000'}"),
            secret_keys=read.secret_keys(),
            ticket_keys=read.ticket_keys(),
            smtp_url=read.smtp_url(environment),
            mail_from=read.mail_from("MAIL_FROM", "Ticket Craze <tickets@localhost.localdomain>"),
            mail_folder=read.text("MAIL_FOLDER", ".stack/mail"),
            webhooks_private=read.networks("WEBHOOKS_PRIVATE"),
            sandbox_url=read.needed("SANDBOX_URL").rstrip("/"),
            sandbox_port=read.whole("SANDBOX_PORT", 8001, 1, 65_535),
            sandbox_data=read.text("SANDBOX_DATA", ".stack/sandbox.sqlite"),
            sandbox_api_key=read.needed("SANDBOX_API_KEY"),
            sandbox_webhook_secrets=tuple(read.needed("SANDBOX_WEBHOOK_SECRET").split()),
            stripe_api_url=read.origin("STRIPE_API_URL", "https://api.stripe.com"),
            stripe_api_key=read.needed("STRIPE_API_KEY"),
            stripe_webhook_secrets=tuple(read.needed("STRIPE_WEBHOOK_SECRET").split()),
            payment_seconds=read.whole("PAYMENT_SECONDS", 180, 0, 3_600),
            database_pool_size=read.whole("DATABASE_POOL_SIZE", 8, 1, 200),
            max_waiting=read.whole("MAX_WAITING", 1_000_000, 1, 10_000_000),
            max_sockets=read.whole("MAX_SOCKETS", 15_000, 1, 1_000_000),
            log_format=cast(
                LogFormat,
                read.one_of("LOG_FORMAT", ("text", "json"), "json" if environment == "production" else "text"),
            ),
            drain_seconds=read.ratio("DRAIN_SECONDS", 1.0 if environment == "production" else 0.0, 0.0, 60.0),
            grace_seconds=read.whole("GRACE_SECONDS", 30, 20, 300),
            purge_after_seconds=read.whole("PURGE_AFTER_SECONDS", 86_400, 0, 31_536_000),
            overbooking=read.ratio("OVERBOOKING", 1.1, 1.0, 10.0),
            outbox_cap=read.whole("OUTBOX_CAP", 100_000, 1, 10_000_000),
            max_orders_per_buyer=read.whole("MAX_ORDERS_PER_BUYER", 20, 1, 1_000),
            max_payment_attempts=read.whole("MAX_PAYMENT_ATTEMPTS", 10, 1, 100),
            ledger_batch=read.whole("LEDGER_BATCH", 1_000, 1, 5_000),
            review_ttl_seconds=read.whole("REVIEW_TTL_SECONDS", 86_400, 1, 30 * 86_400),
            join_limit=read.whole("JOIN_LIMIT", 120, 0, 1_000_000),
            trusted_proxies=read.networks("TRUSTED_PROXIES"),
            overload_lag_ms=read.whole("OVERLOAD_LAG_MS", 400, 1, 60_000),
            overload_outbox=read.whole("OVERLOAD_OUTBOX", 10_000, 1, 10_000_000),
            overload_books_seconds=read.whole("OVERLOAD_BOOKS_SECONDS", 10, 1, 3_600),
            rehearsal_buyers=read.whole(
                "REHEARSAL_BUYERS", 0 if environment == "production" else 2_000, 0, 20_000
            ),
            web_processes=read.whole("WEB_PROCESSES", cores(), 1, 64),
            max_connections=read.whole("MAX_CONNECTIONS", 0, 0, 1_000_000),
            connections_per_address=read.whole("CONNECTIONS_PER_ADDRESS", 0, 0, 1_000_000),
        )
        settings._check_secrets()
        settings._check_transport()
        return settings

    def _check_secrets(self) -> None:
        secrets = [("SECRET_KEY", key) for key in self.secret_keys.values()]
        secrets += [("TICKET_KEYS", seed.decode(errors="replace")) for seed in self.ticket_keys.values()]
        if self.sandbox_api_key:
            secrets.append(("SANDBOX_API_KEY", self.sandbox_api_key))
        for secret in self.sandbox_webhook_secrets:
            try:
                webhook_key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
            except ValueError:  # not base64, or not even ASCII
                raise BadSetting("SANDBOX_WEBHOOK_SECRET must be whsec_ and base64") from None
            if len(webhook_key) < 24:
                raise BadSetting("SANDBOX_WEBHOOK_SECRET needs 24 bytes or more")
            secrets.append(("SANDBOX_WEBHOOK_SECRET", webhook_key.decode(errors="replace")))
        if self.environment == "production":
            for name, secret in secrets:
                if secret.startswith(DEVELOPMENT_MARK):
                    raise BadSetting(f"{name} is a development secret; production needs one of its own")
            if self.sandbox_url or self.sandbox_api_key or self.sandbox_webhook_secrets:
                raise BadSetting(
                    "SANDBOX_URL and its secrets: the sandbox takes no real money; production has none"
                )
            if self.stripe_api_key.startswith(_TEST_KEYS):
                raise BadSetting("STRIPE_API_KEY is a test key; production needs a live one")
            if self.stripe_api_key and not self.stripe_api_url.startswith("https://"):
                raise BadSetting("STRIPE_API_URL must begin with https:// in production")
            if not self.secure:
                raise BadSetting("PUBLIC_URL must begin with https:// in production")

    def _check_transport(self) -> None:
        authorities = {
            "REDIS_CA": self.redis_ca, "MYSQL_SSL_CA": self.mysql_ssl_ca, "KAFKA_SSL_CA": self.kafka_ssl_ca
        }  # fmt: skip
        for name, path in authorities.items():
            if not path:
                continue
            try:
                ssl.create_default_context(cafile=path)
            except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
                raise BadSetting(f"{name} is not a file of certificates: {error}") from None
        if self.redis_ca and not self.redis_url.startswith("rediss://"):
            raise BadSetting("REDIS_CA is for a REDIS_URL that begins with rediss://")
        if self.kafka_ssl_ca and "SSL" not in self.kafka_security_protocol.split("_"):
            raise BadSetting("KAFKA_SSL_CA is for a KAFKA_SECURITY_PROTOCOL of SSL or SASL_SSL")
        sasl = self.kafka_security_protocol.startswith("SASL_")
        if sasl and not (self.kafka_sasl_username and self.kafka_sasl_password):
            raise BadSetting(
                "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD are needed where Kafka asks who is there"
            )
        if self.kafka_sasl_username and not sasl:
            raise BadSetting("KAFKA_SASL_USERNAME is for a KAFKA_SECURITY_PROTOCOL of SASL_PLAINTEXT or SASL_SSL")


class _Reader:
    def __init__(self, environ: Mapping[str, str], needs: Collection[str]) -> None:
        self._environ = environ
        self._needs = needs

    def text(self, name: str, default: str | None = None) -> str:
        value = self._environ.get(name) or default
        if not value:
            raise BadSetting(f"{name} is not set")
        return value

    def needed(self, name: str) -> str:
        """What only some processes know; "" in the others."""
        return self.text(name) if name in self._needs else self._environ.get(name, "")

    def secret_keys(self) -> dict[str, str]:
        """The key ring: SECRET_KEYS is `id:key` for each, and SECRET_KEY one more, behind them."""
        ring: dict[str, str] = {}
        for word in self._environ.get("SECRET_KEYS", "").split():
            key_id, colon, key = word.partition(":")
            if not colon or not _KEY_ID.fullmatch(key_id):
                raise BadSetting(
                    "SECRET_KEYS must be `id:key`, one or more, an id being up to 16 letters or digits"
                )
            if key_id in ring:
                raise BadSetting(f"SECRET_KEYS has the id {key_id} twice")
            ring[key_id] = key
        lone = self._environ.get("SECRET_KEY")
        if lone and ring.setdefault(_LONE_KEY_ID, lone) != lone:
            raise BadSetting(f"SECRET_KEY is the key with the id {_LONE_KEY_ID}; SECRET_KEYS has another one")
        if not ring and "SECRET_KEY" in self._needs:
            raise BadSetting("SECRET_KEY is not set")
        if len(ring) > _MOST_KEYS:
            raise BadSetting(f"SECRET_KEYS may have {_MOST_KEYS} keys at most")
        if any(len(key) < _LEAST_KEY_LENGTH for key in ring.values()):
            raise BadSetting(f"SECRET_KEY and each key of SECRET_KEYS need {_LEAST_KEY_LENGTH} characters or more")
        return ring

    def ticket_keys(self) -> dict[str, bytes]:
        """The keys that tickets are signed with: TICKET_KEYS is `ID:base64` for each, of 32 secret bytes."""
        ring: dict[str, bytes] = {}
        for word in self.needed("TICKET_KEYS").split():
            key_id, _, seed = word.partition(":")
            try:
                ring[key_id] = base64.b64decode(seed, validate=True)
            except ValueError:  # not base64, or not even ASCII
                ring[key_id] = b""
            if not _TICKET_KEY_ID.fullmatch(key_id) or len(ring[key_id]) != _TICKET_SEED_BYTES:
                raise BadSetting(
                    "TICKET_KEYS must be `ID:key`, one or more: up to 8 capitals or digits, and the base64 of"
                    f" {_TICKET_SEED_BYTES} secret bytes"
                )
        if len(ring) > _MOST_KEYS:
            raise BadSetting(f"TICKET_KEYS may have {_MOST_KEYS} keys at most")
        return ring

    def smtp_url(self, environment: str) -> str:
        """The mail server; in production whoever sends mail needs one."""
        in_need = environment == "production" and "SMTP_URL" in self._needs
        url = self.text("SMTP_URL") if in_need else self._environ.get("SMTP_URL", "")
        if url and not _SMTP.fullmatch(url):
            raise BadSetting(
                "SMTP_URL must be smtp://host:587 or smtps://host:465, with user:password@ if need be"
            )
        return url

    def mail_from(self, name: str, default: str) -> str:
        value = self.text(name, default)
        if not re.fullmatch(r"([^<>@\r\n]{1,80}<)?[^<>@\s]+@[A-Za-z0-9.-]+>?", value) or not value.isascii():
            raise BadSetting(f'{name} must be an address, like "Ticket Craze <tickets@example.com>"')
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

    def origin(self, name: str, default: str) -> str:
        """Scheme, host and port as browsers write them: what requests say they come from is compared with it."""
        value = self.text(name, default).rstrip("/")
        match = _ORIGIN.fullmatch(value.lower())
        if match is None:
            raise BadSetting(f"{name} must be an address such as https://tickets.example, without a path")
        scheme, host, port = match["scheme"], match["host"], match["port"]
        usual = {"http": "80", "https": "443"}[scheme]
        return f"{scheme}://{host}" + (f":{port}" if port and port != usual else "")

    def networks(self, name: str) -> tuple[Network, ...]:
        words = (self._environ.get(name) or "").replace(",", " ").split()
        try:
            return tuple(ip_network(word) for word in words)
        except ValueError as error:
            raise BadSetting(f"{name} must be addresses or networks such as 10.0.0.0/8: {error}") from None

    def ratio(self, name: str, default: float, least: float, most: float) -> float:
        value = self._environ.get(name) or str(default)
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not least <= number <= most:
            raise BadSetting(f"{name} must be a number from {least} to {most}, not {value!r}")
        return number
