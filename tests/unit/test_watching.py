"""What watches from outside asks for figures that there are."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from app.watch.metrics import REGISTRY

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "ticketcraze.rules.yml"
BOARD = DEPLOY / "grafana" / "ticketcraze.json"
GIVEN = {"up"}  # by Prometheus itself


def figures() -> set[str]:
    """The names of all figures that a web process tells."""
    told: str = generate_latest(REGISTRY).decode()
    names = set(re.findall(r"^# TYPE (\S+)", told, re.MULTILINE))
    return names | {f"{name}_bucket" for name in names} | GIVEN


def asked(expression: str) -> set[str]:
    return set(re.findall(r"\b(ticketcraze_\w+|process_\w+|up)\b(?=[{\[])", expression))


def test_every_alert_is_about_a_figure_that_there_is_and_says_what_to_do() -> None:
    text = RULES.read_text()
    names = asked(text)
    assert len(names) >= 5
    assert names <= figures()
    assert text.count("- alert:") == text.count("action:") == text.count("summary:")


def test_every_panel_shows_a_figure_that_there_is() -> None:
    expressions = [
        target["expr"] for panel in json.loads(BOARD.read_text())["panels"] for target in panel["targets"]
    ]
    assert expressions
    for expression in expressions:
        assert asked(expression), expression
        assert asked(expression) <= figures(), expression


@pytest.fixture
def promtool(tmp_path: Path) -> str:
    """Prometheus's own tool: the one that is installed, or out of Debian's package."""
    if found := shutil.which("promtool"):
        return found
    if shutil.which("apt-get") is None:
        pytest.skip("promtool comes with Prometheus, which is not here")
    for command in (["apt-get", "download", "prometheus"], ["sh", "-c", "dpkg-deb -x prometheus_*.deb ."]):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    return str(tmp_path / "usr" / "bin" / "promtool")


@pytest.mark.slow
def test_promtool_takes_the_rules(promtool: str) -> None:
    checked = subprocess.run([promtool, "check", "rules", str(RULES)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
