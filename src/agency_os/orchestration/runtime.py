"""How a flow reaches the parts of the process it runs in: set once by the worker, read by every run.

Prefect calls a flow with nothing but its parameters, and these would be stored and shown; services are neither.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from agency_os.exceptions import ConflictError, UnavailableError

if TYPE_CHECKING:
    from agency_os.wiring.services import Services


class Report(Protocol):
    """What a tick tells of itself."""

    def summary(self) -> str:
        """One line for people."""
        ...


Tick = Callable[..., Awaitable[Report]]
"""``tick(services, run)``, see `orchestration.ticks`."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """The worker's services, and its ticks by the name of their flow."""

    services: Services = field(repr=False)
    ticks: Mapping[str, Tick]


_current: list[Runtime] = []


@contextmanager
def provided(runtime: Runtime) -> Iterator[None]:
    """Make ``runtime`` the process's own. Raises ConflictError when there is one already: a process has one worker."""
    if _current:
        raise ConflictError("this process already serves flows: start another worker as a process of its own")
    _current.append(runtime)
    try:
        yield
    finally:
        _current.clear()


def current() -> Runtime:
    """The process's runtime. Raises UnavailableError where no worker of ours runs the flow."""
    if not _current:
        raise UnavailableError("this flow runs in our own worker alone: start one with `agency-os worker`")
    return _current[0]
