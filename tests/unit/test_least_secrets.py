"""Each process of the Procfile knows the secrets it uses, and starts with those alone."""

import os
import runpy

import pytest

from app.settings import OUTBOUND, PROVIDERS, WEB, Settings
from stack.application import ROOT, SECRETS, SERVERS, environment_of, read_procfile
from tests.unit.test_settings import NEEDED

EVERYTHING = {
    **NEEDED,
    "OWNER_DATABASE_URL": "mysql+asyncmy://owner:secret@127.0.0.1:3306/ticketcraze",
    "ADMIN_PASSWORD": "a long password",
    "SECRET_KEYS": f"a:{'a' * 32}",
    "KAFKA_SASL_PASSWORD": "kafka",
    "SMTP_URL": "smtps://user:secret@mail.example",
    "STRIPE_API_KEY": "sk_test_1",
    "STRIPE_WEBHOOK_SECRET": "whsec_1",
}
PROCESSES = read_procfile(ROOT / "Procfile")
ADDRESSES = SERVERS - {"KAFKA_SASL_PASSWORD"}


def known(process: str) -> set[str]:
    """The secrets a process is given."""
    return environment_of(process, EVERYTHING).keys() & SECRETS


def test_the_table() -> None:
    assert EVERYTHING.keys() & SECRETS == SECRETS, "this test knows them all"
    signs = {"SECRET_KEY", "SECRET_KEYS"}
    assert known("outbound") == SERVERS | {"TICKET_KEYS", "SMTP_URL"}
    pays = {"SANDBOX_API_KEY", "STRIPE_API_KEY"}
    hears = {"SANDBOX_WEBHOOK_SECRET", "STRIPE_WEBHOOK_SECRET"}
    assert known("web") == SERVERS | signs | pays | hears | {"TICKET_KEYS"}
    assert known("refunds") == known("reconcile") == SERVERS | pays
    assert known("sandbox") == {"SANDBOX_API_KEY", "SANDBOX_WEBHOOK_SECRET"}
    assert known("rehearsals") == SERVERS | {"SANDBOX_API_KEY"}
    assert known("crowd") == set()
    for process in PROCESSES.keys() - {"web", "outbound", "refunds", "reconcile", "rehearsals", "sandbox"}:
        assert known(process) == SERVERS, process


@pytest.mark.parametrize("process", sorted(PROCESSES.keys() - {"sandbox"}))
def test_what_a_process_is_given_is_enough_for_its_settings(process: str) -> None:
    needs = {"web": WEB, "refunds": PROVIDERS, "reconcile": PROVIDERS, "outbound": OUTBOUND}.get(process, ())
    given = {k: v for k, v in environment_of(process, EVERYTHING).items() if not k.startswith("KAFKA_SASL")}
    Settings.from_environment(given, needs)


@pytest.mark.parametrize(
    ("module", "missing"),
    [
        ("app.main", "SECRET_KEY"),
        ("workers.refunds", "SANDBOX_URL"),
        ("workers.reconcile", "SANDBOX_URL"),
        ("workers.outbound", "TICKET_KEYS"),
    ],
)
def test_a_process_that_lacks_its_secret_says_so_and_ends(
    module: str, missing: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in os.environ:
        monkeypatch.delenv(name)
    for name in ADDRESSES:
        monkeypatch.setenv(name, NEEDED[name])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / f"{module.replace('.', '/')}.py"), run_name="__main__")
    assert ended.value.code == 2
    assert f"{missing} is not set" in caplog.text
