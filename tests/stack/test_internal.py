"""Figures are for whoever runs the sale: on a port of their own, and in production nowhere else."""

import os
import signal
import subprocess
import sys

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.world.apart import apart
from tests.world.machine import ROOT, free_port
from tests.world.processes import START_SECONDS
from tests.world.stack import Stack, answers
from tests.world.waiting import until

WORKERS = {"admission", "expiry", "ledger", "outbound", "reconcile", "refunds", "relay", "sales", "watch"}
SECRETS = {
    "SECRET_KEY": "k" * 48,
    "TICKET_KEYS": "A:" + "dGlj" * 10 + "dGk=",
    "STRIPE_API_KEY": "sk_live_" + "a" * 48,
    "STRIPE_WEBHOOK_SECRET": "whsec_" + "d3d3" * 12,
    **dict.fromkeys(("SANDBOX_URL", "SANDBOX_API_KEY", "SANDBOX_WEBHOOK_SECRET"), ""),  # it takes no real money
}


@pytest.fixture(scope="module")
def world(stack: Stack) -> dict[str, str]:
    """A web process of production behind a proxy that ends TLS, without the proxy."""
    return {"ENVIRONMENT": "production", "PUBLIC_URL": "https://tickets.example", **SECRETS}


@pytest.mark.slow
def test_the_internal_port_has_the_figures_and_the_public_one_of_production_does_not(
    stack: Stack, world: dict[str, str]
) -> None:
    internal_port = free_port()
    with apart(stack, **world, INTERNAL_PORT=str(internal_port)) as env:
        public, internal = f"http://127.0.0.1:{env['PORT']}", f"http://127.0.0.1:{internal_port}"
        web = subprocess.Popen([sys.executable, "-m", "app.main"], cwd=ROOT, env={**os.environ, **env})
        try:
            until(lambda: answers(f"{internal}/readyz"), START_SECONDS)
            assert "ticketcraze_requests_total" in httpx.get(f"{internal}/metrics", trust_env=False).text
            hidden = httpx.get(f"{public}/metrics", trust_env=False)
            assert (hidden.status_code, hidden.json()["code"]) == (404, "not_found")
            assert httpx.get(f"{public}/healthz", trust_env=False).status_code == httpx.codes.OK
            assert httpx.get(f"{internal}/admin", trust_env=False).status_code == httpx.codes.NOT_FOUND

        finally:
            web.send_signal(signal.SIGTERM)
            assert web.wait(20) in (0, -signal.SIGTERM), "both listeners end with the process"


def test_a_developer_finds_the_figures_of_every_process_where_the_contract_says(stack: Stack) -> None:
    def workers() -> set[str]:
        text = httpx.get(f"{stack.web}/metrics", trust_env=False).text
        assert "ticketcraze_requests_total" in text
        return {
            sample.labels["process"]
            for metric in text_string_to_metric_families(text)
            for sample in metric.samples
            if sample.name == "ticketcraze_step_seconds_count" and sample.value > 0
        }

    assert until(lambda: workers() >= WORKERS), workers()
