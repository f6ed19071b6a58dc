"""The real thing for all tests: a stack of servers, web and workers, as `make run` starts it, a test process.

TEST_STACK names the folder of a stack that runs already, for those who run one test again and again.
"""

import os
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from httpx._transports import default as transports
from hypothesis import settings

from tests.world.machine import ROOT

if TYPE_CHECKING:
    from tests.world.stack import Stack

# How long an example takes says more about the machine than about the code.
settings.register_profile("any machine", deadline=None, max_examples=50)
settings.register_profile("fast", deadline=None, max_examples=20)
settings.load_profile("any machine")
# Each client of httpx reads all authorities of the web anew, for 30 ms, though ours only speak to this machine.
transports.create_ssl_context = cache(transports.create_ssl_context)  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def stack() -> Iterator["Stack"]:
    """Redis, MySQL, Kafka, the web application, the sandbox and all workers."""
    from tests.world.stack import Stack, started  # unit tests have no use for its imports

    if folder := os.environ.get("TEST_STACK"):
        yield Stack(Path(folder))
    else:
        process = os.environ.get("PYTEST_XDIST_WORKER", "test")
        with started(ROOT / ".stack" / process) as running:
            yield running


@pytest.fixture(scope="session")
def env(stack: "Stack") -> dict[str, str]:
    """The environment of the stack's processes."""
    return stack.env


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """The sales that a test itself begins end with it; those of fixtures go on for the next one."""
    running = getattr(item, "funcargs", {}).get("stack")
    if running is None:
        return (yield)
    from tests.world.buyers import sales_closed_after

    with sales_closed_after(running):
        return (yield)
