"""The sandbox is another company: it shares the shape of its messages with the shop, and nothing else."""

import ast
from pathlib import Path

import pytest

from sandbox.settings import BadSetting, Settings

ROOT = Path(__file__).parents[2]
SHARED = {"app.payments.sandbox_messages", "app.infra.http_client", "app.units", "app.ids"}
ENVIRONMENT = {
    "SANDBOX_URL": "http://127.0.0.1:8001/",
    "SANDBOX_API_KEY": "key",
    "SANDBOX_WEBHOOK_SECRET": "whsec_c2VjcmV0",
}


def test_it_imports_nothing_of_the_shop_but_the_messages_and_small_tools() -> None:
    imported = set()
    for file in (ROOT / "sandbox").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module)
            elif isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
    ours = {name for name in imported if name.split(".")[0] in ("app", "workers", "stack")}
    assert ours <= SHARED


def test_it_knows_its_merchant_by_an_address_and_two_secrets() -> None:
    settings = Settings.from_environment({**ENVIRONMENT, "PUBLIC_URL": "https://shop.example/"})
    assert (settings.url, settings.merchant_url) == ("http://127.0.0.1:8001", "https://shop.example")


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"ENVIRONMENT": "production"}, "ENVIRONMENT"),
        ({"SANDBOX_PORT": "99999"}, "SANDBOX_PORT"),
        ({"SANDBOX_PORT": "x"}, "SANDBOX_PORT"),
        ({"SANDBOX_API_KEY": ""}, "SANDBOX_API_KEY"),
        ({"SANDBOX_WEBHOOK_SECRET": "whsec_!"}, "SANDBOX_WEBHOOK_SECRET"),
    ],
)
def test_it_does_not_start_with_a_bad_setting(changed: dict[str, str], named: str) -> None:
    with pytest.raises(BadSetting, match=named):
        Settings.from_environment({**ENVIRONMENT, **changed})
