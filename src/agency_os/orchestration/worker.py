"""The worker process: takes a slot, serves the deployments with Prefect's engine in its own loop, stops when told.

Import it only after `environment.enter_worker_environment`: Prefect reads its settings when it is imported. Promise:
SIGTERM and SIGINT end it within seconds, whether or not the server answers, and leave nothing behind.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from prefect import Flow
from prefect.client.schemas import FlowRun as EngineRun
from prefect.context import AsyncClientContext
from prefect.flow_engine import run_flow_async

from agency_os.integrations.prefect import FlowRun
from agency_os.kit.logging import get_logger
from agency_os.orchestration import runtime
from agency_os.orchestration.deployments import DEPLOYMENTS, Deployment
from agency_os.orchestration.identity import WorkerSlot
from agency_os.orchestration.runner import Pace, Runner
from agency_os.orchestration.schedules.scheduled_jobs import schedules_run
from agency_os.orchestration.sealing import seal_until

if TYPE_CHECKING:
    from agency_os.wiring.services import Services

LONGEST_END: Final = 8.0
"""Seconds of wall time from the signal to the end of the process, the closing of connections included."""

_log = get_logger(__name__)


async def serve(
    services: Services, ticks: Mapping[str, runtime.Tick], stop: asyncio.Event, *, pace: Pace | None = None
) -> None:
    """Serve the deployments until ``stop`` is set; ``ticks`` by the name of their flow.

    Raises UnavailableError when the state folder cannot be used or all its worker places are taken.
    """
    infra = services.infra
    _use_our_logs()
    flows = {deployment.key: load_flow(deployment) for deployment in DEPLOYMENTS}

    async def execute(deployment: Deployment, run: FlowRun) -> None:
        await _execute(flows[deployment.key], await infra.prefect.read_run(run.id))

    slot = WorkerSlot(infra.settings.runtime.state)
    try:
        runner = Runner(
            infra.prefect,
            owner=slot.name,
            execute=execute,
            wall=infra.wall,
            scheduled=schedules_run(infra.settings.runtime.business_clock),
            pace=pace or Pace(),
        )
        with runtime.provided(runtime.Runtime(services, ticks)):
            # One client of the engine for all runs: making one costs more than a short run does.
            async with AsyncClientContext():
                sealing = asyncio.create_task(seal_until(stop, infra))
                try:
                    await runner.serve(stop)
                finally:
                    sealing.cancel()
                    await asyncio.wait([sealing])
    finally:
        slot.release()


def load_flow(deployment: Deployment) -> Flow[..., Any]:
    """The flow that a deployment's entrypoint names."""
    module, _, name = deployment.entrypoint.rpartition(".")
    flow: Flow[..., Any] = getattr(import_module(module), name)
    return flow


def run_until_signalled(work: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run ``work(stop)`` and set ``stop`` at SIGTERM or SIGINT; returns when it has ended, or raises what it raised.

    The loop runs in a thread of its own: during a run Prefect's engine puts its handler of SIGTERM over that of the
    main thread, and takes it away in the wrong order where two runs overlap. Elsewhere it leaves signals alone.
    """
    ended: list[BaseException | None] = []
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(target=_run_loop, args=(loop, work, stop, ended), name="worker", daemon=True)
    told = threading.Event()

    def tell(_: int, __: object) -> None:
        told.set()
        with suppress(RuntimeError):  # the loop has ended by itself
            loop.call_soon_threadsafe(stop.set)

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, tell)
    thread.start()
    while thread.is_alive() and not told.is_set():
        thread.join(0.5)
    thread.join(LONGEST_END)
    if not ended:
        _log.warning("worker_abandoned", seconds=LONGEST_END)
    elif ended[0] is not None:
        raise ended[0]


def _run_loop(
    loop: asyncio.AbstractEventLoop,
    work: Callable[[asyncio.Event], Awaitable[None]],
    stop: asyncio.Event,
    ended: list[BaseException | None],
) -> None:
    async def main() -> None:
        await work(stop)

    error: BaseException | None = None
    try:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(main())
    except BaseException as raised:  # noqa: BLE001  # raised again in the main thread
        error = raised
    ended.append(error)


async def _execute(flow: Flow[..., Any], run: FlowRun) -> None:
    # Without its deployment the engine opens no websocket per run to learn of a suspension: no run of ours has one.
    described = EngineRun.model_validate({**run.raw, "deployment_id": None})
    await run_flow_async(flow, flow_run=described, parameters=described.parameters, return_type="state")


def _use_our_logs() -> None:
    """Prefect's loggers write through ours, so that a line has one form and secrets are redacted everywhere."""
    for name, logger in logging.root.manager.loggerDict.items():
        if isinstance(logger, logging.Logger) and (name == "prefect" or name.startswith("prefect.")):
            logger.handlers.clear()
            logger.propagate = True
    # One line for each of the engine's requests says nothing that the run's own lines do not.
    logging.getLogger("httpx").setLevel(logging.WARNING)
