"""A tick as a flow's body: each of its tasks becomes a Prefect task, its report the run's closing sentence.

Promise: what a task is called with and what it returns stays in this process; Prefect stores names, times and
outcomes. Nothing is cached, persisted or retried: the next tick finds what this one left.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, TypeVar

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas import State
from prefect.states import Completed, Failed

from agency_os.exceptions import UnavailableError
from agency_os.kit.logging import get_logger, redact_text
from agency_os.orchestration import runtime

T = TypeVar("T")
Function = Callable[..., Awaitable[Any]]

MOST_CHARACTERS = 2000
"""Of a state's message."""

_log = get_logger(__name__)


class _Call:
    """One call and how it ended. Deliberately no dataclass: Prefect walks through those, and would through Services."""

    __slots__ = ("arguments", "error", "result", "returned")

    def __init__(self, arguments: tuple[Any, ...]) -> None:
        self.arguments = arguments
        self.returned = False
        self.result: Any = None
        self.error: Exception | None = None


async def run_tick(name: str) -> State[Any]:
    """Run the tick of flow ``name``: Completed with its summary, or Failed with the reason; never raises an error."""
    try:
        at_hand = runtime.current()
        report = await at_hand.ticks[name](at_hand.services, run)
    except Exception as error:  # noqa: BLE001  # whatever broke one tick must not end the worker
        _log.warning("tick_failed", tick=name, exc_info=True)
        return Failed(message=_sentence(error))
    return Completed(message=redact_text(report.summary())[:MOST_CHARACTERS])


async def run(task: Callable[..., Awaitable[T]], *args: Any) -> T:
    """Call a task function as a Prefect task: its result, or the error that it raised (`orchestration.ticks.Run`)."""
    call = _Call(args)
    state = await _prefect_task(task)(call, return_state=True)
    if call.error is not None:
        raise call.error
    if not call.returned:
        raise UnavailableError(f"Prefect did not run the task: {state.message or state.name}")
    result: T = call.result
    return result


@cache
def _prefect_task(function: Function) -> Task[..., Any]:
    """The Prefect task of a function, made once. The error is carried by the call: Prefect would pickle it."""

    async def task(call: _Call) -> State[Any]:
        try:
            call.result = await function(*call.arguments)
            call.returned = True
        except Exception as error:  # noqa: BLE001  # raised again by `run`
            call.error = error
            return Failed(message=_sentence(error))
        return Completed()

    return Task(
        task,
        name=getattr(function, "__name__", type(function).__name__),
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=0,
        log_prints=False,
    )


def _sentence(error: Exception) -> str:
    return redact_text(f"{type(error).__name__}: {error}")[:MOST_CHARACTERS]
