"""The payment providers, opened once a process and looked up by name.

Whoever took the money gives it back: facts, payments and callbacks name their provider.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from app.payments.provider import PaymentProvider
from app.payments.sandbox import SandboxProvider
from app.settings import Settings


class UnknownProvider(LookupError):
    """No provider has this name."""


class Providers:
    """The open providers. The first one takes new payments."""

    def __init__(self, *providers: PaymentProvider) -> None:
        self._by_name = {provider.name: provider for provider in providers}
        self.preferred = providers[0]

    def __iter__(self) -> Iterator[PaymentProvider]:
        return iter(self._by_name.values())

    def named(self, name: str) -> PaymentProvider:
        """The provider of this name. Raises UnknownProvider."""
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownProvider(f"no payment provider is called {name!r}") from None


_KINDS = (SandboxProvider,)


@asynccontextmanager
async def open_providers(settings: Settings) -> AsyncIterator[Providers]:
    """Every provider there is; leaving closes their connections."""
    async with AsyncExitStack() as stack:
        opened: Sequence[PaymentProvider] = [await stack.enter_async_context(kind(settings)) for kind in _KINDS]
        yield Providers(*opened)
