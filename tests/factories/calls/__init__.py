"""Every call that our clients of providers can make, by provider and operation: what runs through all of them.

One module a provider, each with ``CALLS``: operation (as its errors name it) → a call made with a `Connection`.
``EMPTY_IS_FINE`` names the operations for which an empty answer says enough.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Awaitable, Callable, Iterator, Mapping
from importlib import import_module
from typing import NamedTuple

from agency_os.integrations.provider_api import Connection

Call = Callable[[Connection], Awaitable[object]]
Calls = Mapping[str, Call]


class ProviderCall(NamedTuple):
    """One call of one provider's client."""

    provider: str
    operation: str
    call: Call
    empty_is_fine: bool

    @property
    def name(self) -> str:
        """For a test's id."""
        return f"{self.provider}.{self.operation}"


def every_call() -> Iterator[ProviderCall]:
    """All of them, by the modules of this folder."""
    for found in pkgutil.iter_modules(__path__):
        module = import_module(f"{__name__}.{found.name}")
        fine: frozenset[str] = getattr(module, "EMPTY_IS_FINE", frozenset())
        for operation, call in module.CALLS.items():
            yield ProviderCall(found.name, operation, call, operation in fine)
