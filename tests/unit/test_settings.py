"""Settings: every one is checked when a process starts, and production takes no development secret."""

import base64
import ssl
from contextlib import suppress

import certifi
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from app.infra.kafka import connection_options
from app.settings import DEVELOPMENT_MARK, PROVIDERS, WEB, BadSetting, Settings
from stack.folder import SECRETS


def webhook_secret(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


def ticket_key(seed: bytes, key_id: str = "A") -> str:
    return f"{key_id}:{base64.b64encode(seed).decode()}"


SERVERS = {
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "DATABASE_URL": "mysql+asyncmy://app:secret@127.0.0.1:3306/ticketcraze",
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
}
NEEDED = {
    **SERVERS,
    "SECRET_KEY": "k" * 32,
    "TICKET_KEYS": ticket_key(b"t" * 32),
    "SANDBOX_URL": "http://127.0.0.1:8001",
    "SANDBOX_API_KEY": "sk_" + "1" * 24,
    "SANDBOX_WEBHOOK_SECRET": webhook_secret(b"w" * 24),
}
CA = certifi.where()
STRIPE = {"STRIPE_API_KEY": "sk_live_" + "1" * 24, "STRIPE_WEBHOOK_SECRET": "whsec_1 whsec_2"}
PRODUCTION = {name: value for name, value in NEEDED.items() if not name.startswith("SANDBOX_")} | {
    **STRIPE,
    "ENVIRONMENT": "production",
    "PUBLIC_URL": "https://tickets.example",
}
WHOLE_NUMBERS = {
    "PORT": (1, 65_535),
    "INTERNAL_PORT": (0, 65_535),
    "SANDBOX_PORT": (1, 65_535),
    "DATABASE_POOL_SIZE": (1, 200),
    "MAX_WAITING": (1, 10_000_000),
    "GRACE_SECONDS": (20, 300),
    "PURGE_AFTER_SECONDS": (0, 31_536_000),
    "OUTBOX_CAP": (1, 10_000_000),
    "MAX_ORDERS_PER_BUYER": (1, 1_000),
    "MAX_PAYMENT_ATTEMPTS": (1, 100),
    "LEDGER_BATCH": (1, 5_000),
    "PAYMENT_SECONDS": (0, 3_600),
}


def refused(environ: dict[str, str]) -> str:
    """Why these settings are refused."""
    with pytest.raises(BadSetting) as caught:
        Settings.from_environment(environ, WEB)
    return str(caught.value)


def test_the_needed_settings_are_enough() -> None:
    settings = Settings.from_environment(NEEDED)

    assert (settings.environment, settings.port, settings.orders_topic) == ("development", 8000, "orders")
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.owner_database_url == settings.database_url
    assert not settings.secure


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("nothing", [None, ""])
def test_a_missing_setting_is_named(name: str, nothing: str | None) -> None:
    environ = {**NEEDED, name: nothing}
    assert refused({k: v for k, v in environ.items() if v is not None}) == f"{name} is not set"


def test_a_process_that_signs_nothing_starts_without_a_secret() -> None:
    settings = Settings.from_environment(SERVERS)
    assert (settings.secret_keys, settings.sandbox_api_key, settings.sandbox_webhook_secrets) == ({}, "", ())


def test_one_that_talks_to_the_provider_needs_its_api_key_and_no_more() -> None:
    provider = {"SANDBOX_URL": "http://127.0.0.1:8001", "SANDBOX_API_KEY": "sk_1"}
    assert Settings.from_environment({**SERVERS, **provider}, PROVIDERS).sandbox_api_key == "sk_1"
    with pytest.raises(BadSetting, match="SANDBOX_API_KEY is not set"):
        Settings.from_environment({**SERVERS, "SANDBOX_URL": "http://127.0.0.1:8001"}, PROVIDERS)


def test_a_secret_key_alone_is_a_ring_of_one() -> None:
    assert Settings.from_environment(NEEDED, WEB).secret_keys == {"0": "k" * 32}


def test_a_ring_of_keys_keeps_its_order_and_the_lone_key_comes_last() -> None:
    environ = {**NEEDED, "SECRET_KEYS": f" n1:{'n' * 32}\n m1:{'m' * 32} "}
    assert list(Settings.from_environment(environ, WEB).secret_keys) == ["n1", "m1", "0"]
    del environ["SECRET_KEY"]
    assert list(Settings.from_environment(environ, WEB).secret_keys) == ["n1", "m1"]


@pytest.mark.parametrize(
    "ring",
    [
        "k" * 32,
        f":{'k' * 32}",
        f"a.b:{'k' * 32}",
        f"{'a' * 17}:{'k' * 32}",
        f"a:{'k' * 31}",
        f"a:{'k' * 32} a:{'l' * 32}",
        f"0:{'l' * 32}",
        " ".join(f"{n}:{'k' * 32}" for n in range(1, 9)),
    ],
    ids=["no id", "empty id", "dotted id", "long id", "short key", "twice", "another lone one", "too many"],
)
def test_a_ring_that_is_none_is_refused(ring: str) -> None:
    reason = refused({**NEEDED, "SECRET_KEYS": ring})
    assert "SECRET_KEY" in reason
    assert "k" * 31 not in reason, "a secret is not told"


def test_a_webhook_secret_may_have_its_successor_beside_it() -> None:
    two = [webhook_secret(b"n" * 24), webhook_secret(b"o" * 24)]
    settings = Settings.from_environment({**NEEDED, "SANDBOX_WEBHOOK_SECRET": " ".join(two)}, WEB)
    assert settings.sandbox_webhook_secrets == tuple(two)
    assert "SANDBOX_WEBHOOK_SECRET" in refused({**NEEDED, "SANDBOX_WEBHOOK_SECRET": f"{two[0]} whsec_*"})


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"REDIS_CA": CA}, "REDIS_CA"),
        ({"REDIS_URL": "rediss://127.0.0.1:1/0", "REDIS_CA": "/nowhere"}, "REDIS_CA"),
        ({"MYSQL_SSL_CA": "/nowhere"}, "MYSQL_SSL_CA"),
        ({"MYSQL_SSL_CA": __file__}, "MYSQL_SSL_CA"),
        ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "KAFKA_SECURITY_PROTOCOL"),
        ({"KAFKA_SSL_CA": CA}, "KAFKA_SSL_CA"),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "KAFKA_SASL_USERNAME"),
        ({"KAFKA_SASL_USERNAME": "app", "KAFKA_SASL_PASSWORD": "p"}, "KAFKA_SASL_USERNAME"),
        ({"KAFKA_SASL_MECHANISM": "GSSAPI"}, "KAFKA_SASL_MECHANISM"),
    ],
    ids=str,
)
def test_encrypted_ways_to_the_servers_are_set_whole_or_refused(wrong: dict[str, str], named: str) -> None:
    assert named in refused({**NEEDED, **wrong})


def test_kafka_is_given_its_authority_and_its_credentials() -> None:
    environ = {
        **SERVERS,
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SSL_CA": CA,
        "KAFKA_SASL_USERNAME": "app",
        "KAFKA_SASL_PASSWORD": "p",
    }
    options = connection_options(Settings.from_environment(environ))
    context = options.pop("ssl_context")
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert options == {
        "bootstrap_servers": "127.0.0.1:9092",
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "app",
        "sasl_plain_password": "p",
    }
    assert connection_options(Settings.from_environment(SERVERS)) == {
        "bootstrap_servers": "127.0.0.1:9092",
        "security_protocol": "PLAINTEXT",
    }


def test_an_empty_setting_has_its_default() -> None:
    assert Settings.from_environment({**NEEDED, "PORT": "", "OVERBOOKING": ""}).overbooking == 1.1


def test_the_public_address_follows_the_port() -> None:
    assert Settings.from_environment({**NEEDED, "PORT": "8123"}).public_url == "http://127.0.0.1:8123"


def test_addresses_end_without_a_slash() -> None:
    settings = Settings.from_environment({**NEEDED, "PUBLIC_URL": "https://a.b/", "SANDBOX_URL": "http://c.d/"})
    assert (settings.public_url, settings.sandbox_url, settings.secure) == ("https://a.b", "http://c.d", True)


@pytest.mark.parametrize("name", WHOLE_NUMBERS)
def test_a_whole_number_has_bounds(name: str) -> None:
    least, most = WHOLE_NUMBERS[name]
    for value in (least, most):
        assert getattr(Settings.from_environment({**NEEDED, name: str(value)}), name.lower()) == value
    for text in (str(least - 1), str(most + 1), "1.0", "ten", "1e2", " 7", "-7", "9" * 5_000):
        assert refused({**NEEDED, name: text}).startswith(f"{name} must be a whole number from {least} to {most}")


@pytest.mark.parametrize("text", ["0.9", "10.1", "nan", "inf", "-inf", "much", "1,1"])
def test_overbooking_has_bounds(text: str) -> None:
    assert "OVERBOOKING must be a number from 1.0 to 10.0" in refused({**NEEDED, "OVERBOOKING": text})


def test_an_environment_is_one_of_two() -> None:
    assert "development, production" in refused({**NEEDED, "ENVIRONMENT": "Production"})


def test_a_short_secret_key_is_refused() -> None:
    assert "SECRET_KEY" in refused({**NEEDED, "SECRET_KEY": "k" * 31})


@pytest.mark.parametrize("secret", ["whsec_*", "whsec_abc", "whsec_\N{SNOWMAN}", webhook_secret(b"w" * 23)])
def test_a_webhook_secret_that_is_none_is_refused(secret: str) -> None:
    assert "SANDBOX_WEBHOOK_SECRET" in refused({**NEEDED, "SANDBOX_WEBHOOK_SECRET": secret})


@pytest.mark.parametrize(
    "ring",
    [
        "t" * 44,
        ticket_key(b"t" * 31),
        ticket_key(b"t" * 32, "a"),
        ticket_key(b"t" * 32, "A" * 9),
        "A:\N{SNOWMAN}",
        " ".join(ticket_key(b"t" * 32, str(n)) for n in range(9)),
    ],
    ids=["no id", "short", "small letter", "long id", "not base64", "too many"],
)
def test_keys_of_tickets_that_are_none_are_refused(ring: str) -> None:
    reason = refused({**NEEDED, "TICKET_KEYS": ring})
    assert "TICKET_KEYS" in reason
    assert "dHR0" not in reason, "a secret is not told"


def test_production_takes_secrets_of_its_own() -> None:
    assert Settings.from_environment(PRODUCTION).secure


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("SECRET_KEY", DEVELOPMENT_MARK + "k" * 32),
        ("TICKET_KEYS", ticket_key(DEVELOPMENT_MARK.encode() + b"t" * 21)),
    ],
)
def test_production_refuses_a_development_secret_and_development_does_not(name: str, secret: str) -> None:
    assert refused({**PRODUCTION, name: secret}).startswith(f"{name} is a development secret")
    Settings.from_environment({**NEEDED, name: secret})


@pytest.mark.parametrize("name", ["SECRET_KEY", "TICKET_KEYS"])
def test_production_refuses_what_the_local_stack_generates(name: str) -> None:
    assert "development secret" in refused({**PRODUCTION, name: SECRETS[name]()})


@pytest.mark.parametrize("name", ["SANDBOX_URL", "SANDBOX_API_KEY", "SANDBOX_WEBHOOK_SECRET"])
def test_production_knows_no_sandbox(name: str) -> None:
    assert "production has none" in refused({**PRODUCTION, name: NEEDED[name]})


def test_production_takes_real_money() -> None:
    assert "test key" in refused({**PRODUCTION, "STRIPE_API_KEY": "sk_test_1"})
    assert "https" in refused({**PRODUCTION, "STRIPE_API_URL": "http://127.0.0.1:1"})
    for name in STRIPE:
        without = {known: value for known, value in PRODUCTION.items() if known != name}
        assert refused(without) == f"{name} is not set"


def test_elsewhere_stripe_is_there_where_its_key_is() -> None:
    assert Settings.from_environment(NEEDED, WEB).stripe_api_key == ""
    both = Settings.from_environment({**NEEDED, **STRIPE}, WEB)
    assert (both.sandbox_url, both.stripe_webhook_secrets) == (NEEDED["SANDBOX_URL"], ("whsec_1", "whsec_2"))
    assert "STRIPE_WEBHOOK_SECRET" in refused({**NEEDED, "STRIPE_API_KEY": "sk_test_1"})


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://tickets.example/", "https://tickets.example"),
        ("https://Tickets.Example:443", "https://tickets.example"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_the_public_address_is_written_as_browsers_write_it(text: str, origin: str) -> None:
    assert Settings.from_environment({**NEEDED, "PUBLIC_URL": text}).public_url == origin


@pytest.mark.parametrize(
    "text", ["tickets.example", "https://a.b/shop", "https://u:p@a.b", "ftp://a.b", "https://"]
)
def test_a_public_address_is_scheme_host_and_port(text: str) -> None:
    assert refused({**NEEDED, "PUBLIC_URL": text}).startswith("PUBLIC_URL must be an address")


def test_trusted_proxies_are_addresses_and_networks() -> None:
    settings = Settings.from_environment({**NEEDED, "TRUSTED_PROXIES": "10.0.0.0/8, 2001:db8::/32 192.0.2.1"})
    assert [str(network) for network in settings.trusted_proxies] == [
        "10.0.0.0/8",
        "2001:db8::/32",
        "192.0.2.1/32",
    ]
    assert "TRUSTED_PROXIES" in refused({**NEEDED, "TRUSTED_PROXIES": "10.0.0.1/8"})
    assert "TRUSTED_PROXIES" in refused({**NEEDED, "TRUSTED_PROXIES": "proxy.example"})


def test_production_has_to_be_reached_by_https() -> None:
    assert "https" in refused({**PRODUCTION, "PUBLIC_URL": "http://tickets.example"})


@hypothesis_settings(deadline=None)  # a busy machine is no failure
@given(st.dictionaries(st.sampled_from([*PRODUCTION, *WHOLE_NUMBERS, "OVERBOOKING"]), st.text(max_size=60)))
def test_whatever_is_set_it_is_taken_or_refused(environ: dict[str, str]) -> None:
    with suppress(BadSetting):
        Settings.from_environment({**PRODUCTION, **environ})
