"""The payment providers, opened once a process and looked up by name.

Whoever took the money gives it back: facts, payments and callbacks name their provider.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

from app.payments.provider import PaymentProvider
from app.payments.sandbox import SandboxProvider
from app.settings import Settings


class UnknownProvider(LookupError):
    """No provider has this name."""


class Providers:
    """The open providers."""

    def __init__(self, *providers: PaymentProvider) -> None:
        self._by_name = {provider.name: provider for provider in providers}

    def __iter__(self) -> Iterator[PaymentProvider]:
        return iter(self._by_name.values())

    def named(self, name: str) -> PaymentProvider:
        """The provider of this name. Raises UnknownProvider."""
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownProvider(f"no payment provider is called {name!r}") from None


@asynccontextmanager
async def open_providers(settings: Settings) -> AsyncIterator[Providers]:
    """Every provider that there are settings for; leaving closes their connections."""
    async with AsyncExitStack() as stack:
        opened: list[PaymentProvider] = []
        if settings.sandbox_url:
            opened.append(await stack.enter_async_context(SandboxProvider(settings)))
        if settings.stripe_api_key:
            from app.payments.stripe import StripeProvider  # its library takes half a second

            opened.append(await stack.enter_async_context(StripeProvider(settings)))
        yield Providers(*opened)
