from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.payments.shop import Receiver, Sandbox, Shop


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    receiver.start()
    yield receiver
    receiver.stop()


@pytest.fixture(scope="session")
def shop(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop with a sandbox that all tests share; each makes its own checkouts."""
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"), receiver.port)
    sandbox.start()
    yield Shop(sandbox, receiver)
    sandbox.stop()


@pytest.fixture
def own_shop(receiver: Receiver, tmp_path: Path) -> Iterator[Shop]:
    """A shop whose sandbox the test starts, kills and starts again."""
    sandbox = Sandbox(tmp_path, receiver.port)
    yield Shop(sandbox, receiver)
    sandbox.stop()
