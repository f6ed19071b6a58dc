"""Traces that cannot be: a sale goes on without them."""

import logging
import sys

import pytest

from app.infra import traces


def test_without_its_packages_a_process_says_what_is_missing_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(traces.ENDPOINT, "http://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "app.infra.otlp", None)
    with caplog.at_level(logging.ERROR), traces.traced("relay"):
        assert not traces.is_on()
        traces.tell("send", "no order", traces.began(), "fact")
    assert "pip install 'ticketcraze[traces]'" in caplog.text
