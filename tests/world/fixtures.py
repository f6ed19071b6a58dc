"""Fixtures of more than one folder of tests. Each folder that imports them gets its own."""

from collections.abc import Iterator

import pytest

from tests.world.apart import apart, own_topics
from tests.world.stack import Stack


@pytest.fixture(scope="package")
def own_env(stack: Stack) -> Iterator[dict[str, str]]:
    """Settings that lead to a schema, a Redis database and topics of our own."""
    with apart(stack, SANDBOX_URL=stack.env["SANDBOX_URL"]) as env:
        yield env


@pytest.fixture(name="own_topics")
def topics_of_one_test(own_env: dict[str, str]) -> Iterator[dict[str, str]]:
    """Topics that only one test writes to."""
    with own_topics(own_env) as env:
        yield env
