"""Settings: every one is checked when a process starts, and production takes no development secret."""

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.settings import DEVELOPMENT_MARK, BadSetting, Settings
from stack.folder import SECRETS


def webhook_secret(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


NEEDED = {
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "DATABASE_URL": "mysql+asyncmy://app:secret@127.0.0.1:3306/ticketcraze",
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
    "SECRET_KEY": "k" * 32,
    "SANDBOX_URL": "http://127.0.0.1:8001",
    "SANDBOX_API_KEY": "sk_1",
    "SANDBOX_WEBHOOK_SECRET": webhook_secret(b"w" * 24),
}
PRODUCTION = {**NEEDED, "ENVIRONMENT": "production", "PUBLIC_URL": "https://tickets.example"}
WHOLE_NUMBERS = {
    "PORT": (1, 65_535),
    "SANDBOX_PORT": (1, 65_535),
    "DATABASE_POOL_SIZE": (1, 200),
    "MAX_WAITING": (1, 10_000_000),
    "GRACE_SECONDS": (5, 3_600),
    "OUTBOX_CAP": (1, 10_000_000),
    "MAX_ORDERS_PER_BUYER": (1, 1_000),
    "MAX_PAYMENT_ATTEMPTS": (1, 100),
    "LEDGER_BATCH": (1, 5_000),
}


def refused(environ: dict[str, str]) -> str:
    """Why these settings are refused."""
    with pytest.raises(BadSetting) as caught:
        Settings.from_environment(environ)
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


def test_production_takes_secrets_of_its_own() -> None:
    assert Settings.from_environment(PRODUCTION).secure


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("SECRET_KEY", DEVELOPMENT_MARK + "k" * 32),
        ("SANDBOX_API_KEY", DEVELOPMENT_MARK),
        ("SANDBOX_WEBHOOK_SECRET", webhook_secret(DEVELOPMENT_MARK.encode() + b"w" * 24)),
    ],
)
def test_production_refuses_a_development_secret_and_development_does_not(name: str, secret: str) -> None:
    assert refused({**PRODUCTION, name: secret}).startswith(f"{name} is a development secret")
    Settings.from_environment({**NEEDED, name: secret})


@pytest.mark.parametrize("name", ["SECRET_KEY", "SANDBOX_API_KEY", "SANDBOX_WEBHOOK_SECRET"])
def test_production_refuses_what_the_local_stack_generates(name: str) -> None:
    assert "development secret" in refused({**PRODUCTION, name: SECRETS[name]()})


def test_production_has_to_be_reached_by_https() -> None:
    assert "https" in refused({**PRODUCTION, "PUBLIC_URL": "http://tickets.example"})


@given(st.dictionaries(st.sampled_from([*PRODUCTION, *WHOLE_NUMBERS, "OVERBOOKING"]), st.text(max_size=60)))
def test_whatever_is_set_it_is_taken_or_refused(environ: dict[str, str]) -> None:
    with suppress(BadSetting):
        Settings.from_environment({**PRODUCTION, **environ})
