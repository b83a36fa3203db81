"""Prefect's REST API over our transport: nudge or start a deployment, read a run, wait for it.

Inputs: the API's address, a transport and the wall clock. Promises: a nudge is followed by a run that begins after
it, or raises; many nudges of a short interval share one run. Nothing here decides anything for the business.
Source: docs.prefect.io/v3/api-ref/rest-api/server.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote
from uuid import UUID

from structlog.stdlib import get_logger

from agency_os.exceptions import AgencyOSError, ConflictError, InvalidInputError, NotFoundError, UnavailableError
from agency_os.kit.clock import WallClock, parse_instant
from agency_os.kit.http import USER_AGENT, HttpRequest, HttpResponse, Timeouts, Transport

NUDGE_TAG = "nudge"
"""Marks runs that only ask for the queue to be drained, so that the worker may let one stand for many."""

_log = get_logger(__name__)


class RunTimeoutError(UnavailableError):
    """A flow run did not end within the time that the caller would wait. It goes on."""

    code = "run_timeout"


class RunState(StrEnum):
    """Prefect's state types."""

    SCHEDULED = "SCHEDULED"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    CANCELLING = "CANCELLING"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    CRASHED = "CRASHED"

    @property
    def is_final(self) -> bool:
        """Whether a run in this state never runs again."""
        return self in _FINAL


_FINAL = frozenset({RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED, RunState.CRASHED})


@dataclass(frozen=True, slots=True)
class FlowRun:
    """One flow run as the server describes it; ``raw`` is the whole description.

    ``message`` is the state's sentence (our flows put their counts there); ``owner`` the worker that took the run.
    """

    id: UUID
    deployment_id: UUID | None
    state: RunState
    message: str
    state_at: datetime
    owner: str | None
    shareable: bool
    raw: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> FlowRun:
        """Read a flow run. Raises UnavailableError when it is not one that we understand."""
        try:
            state = raw["state"]
            deployment = raw["deployment_id"]
            return cls(
                id=UUID(raw["id"]),
                deployment_id=UUID(deployment) if deployment else None,
                state=RunState(state["type"]),
                message=state.get("message") or "",
                state_at=parse_instant(state["timestamp"]),
                owner=raw.get("infrastructure_pid"),
                shareable=not raw.get("parameters") and (bool(raw["auto_scheduled"]) or NUDGE_TAG in raw["tags"]),
                raw=raw,
            )
        except (KeyError, TypeError, ValueError, AttributeError, InvalidInputError) as error:
            raise UnavailableError(f"Prefect described a flow run in a form we do not know ({error!r})") from error


@dataclass(slots=True)
class _Nudging:
    """The nudges of one deployment in this process: when the last left, and the one that waits to leave."""

    left_at: float = float("-inf")
    waiting: asyncio.Task[UUID] | None = None


class PrefectClient:
    """A client of one Prefect API.

    ``api_url`` is like ``http://127.0.0.1:4200/api``; ``api_key`` is for Prefect Cloud alone. Every method raises
    UnavailableError when the server cannot be reached or fails, NotFoundError when a name or id is unknown to it,
    ConflictError or InvalidInputError when it refuses what was asked.
    """

    def __init__(self, transport: Transport, api_url: str, wall: WallClock, api_key: str | None = None) -> None:
        self.api_url = api_url.rstrip("/")
        self._transport = transport
        self._wall = wall
        self._headers = {"User-Agent": USER_AGENT, "Accept": "application/json", "Content-Type": "application/json"}
        if api_key is not None:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._deployments: dict[str, UUID] = {}
        self._nudging: dict[str, _Nudging] = {}

    async def healthy(self) -> bool:
        """Whether the server answers and says that it is well."""
        try:
            return await self.call("GET", "/health") is True
        except AgencyOSError:
            return False

    async def nudge(self, deployment: str = "inbound/tick", interval_seconds: float = 2.0) -> UUID:
        """Ask for a run of ``deployment`` that begins after this call; the id of the run that will do it.

        Call it after the commit of what the run shall find. The first nudge leaves at once; those that follow within
        ``interval_seconds`` of wall time leave together at its end. Between processes an idempotency key does the same.
        """
        nudging = self._nudging.setdefault(deployment, _Nudging())
        if nudging.waiting is None:
            nudging.waiting = asyncio.create_task(self._nudge_later(deployment, interval_seconds, nudging))
        return await asyncio.shield(nudging.waiting)

    def nudge_soon(self, deployment: str = "inbound/tick", interval_seconds: float = 2.0) -> None:
        """Nudge without waiting, for a request that must answer at once.

        A failure is logged and left to the sweep: what must be done stands in a row.
        """
        nudging = self._nudging.setdefault(deployment, _Nudging())
        if nudging.waiting is None:
            nudging.waiting = asyncio.create_task(self._nudge_later(deployment, interval_seconds, nudging))
            nudging.waiting.add_done_callback(_log_failed_nudge)

    async def start(
        self, deployment: str, parameters: Mapping[str, Any] | None = None, idempotency_key: str | None = None
    ) -> UUID:
        """Ask for a run of ``deployment`` now; the same ``idempotency_key`` always gives the same run's id."""
        return (await self._create_run(deployment, parameters or {}, idempotency_key, tags=())).id

    async def read_run(self, run_id: UUID) -> FlowRun:
        """The run as it is."""
        return FlowRun.of(await self.call("GET", f"/flow_runs/{run_id}"))

    async def wait(self, run_id: UUID, timeout: float = 600.0) -> FlowRun:  # noqa: ASYNC109  # wall time is injected
        """The run once it has ended, however it ended.

        Raises RunTimeoutError after ``timeout`` seconds. A server that is away for a while is waited for.
        """
        deadline = self._wall.monotonic() + timeout
        pause = 0.05
        while True:
            try:
                run = await self.read_run(run_id)
                if run.state.is_final:
                    return run
                said = f"it is {run.state.lower()}"
            except UnavailableError as error:
                said = str(error)
            if self._wall.monotonic() + pause > deadline:
                raise RunTimeoutError(f"flow run {run_id} has not ended within {timeout:g} s: {said}")
            await self._wall.sleep(pause)
            pause = min(pause * 1.3, 0.5)

    async def deployment_id(self, deployment: str) -> UUID:
        """The id of ``flow name/deployment name``, remembered. Raises NotFoundError when no worker registered it."""
        known = self._deployments.get(deployment)
        if known is None:
            flow, _, name = deployment.partition("/")
            described = await self.call("GET", f"/deployments/name/{quote(flow)}/{quote(name)}")
            known = self._deployments[deployment] = UUID(described["id"])
        return known

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One call of the API: the answer's JSON, None for an empty one. ``path`` begins with a slash."""
        content = b"" if body is None else json.dumps(body).encode()
        timeouts = Timeouts(connect=3, read=20, total=20)
        url, is_free = self.api_url + path, method == "GET"
        request = HttpRequest(method, url, self._headers, content, timeouts, is_free=is_free)
        response = await self._transport.send(request)
        if response.status >= 400:
            raise _error(method, path, response)
        if not response.body:
            return None
        try:
            return json.loads(response.body)
        except ValueError as error:
            raise UnavailableError(f"Prefect's answer to {method} {path} is not JSON; check PREFECT_API_URL") from error

    async def aclose(self) -> None:
        """Let waiting nudges leave. The transport belongs to whoever made it."""
        waiting = [nudging.waiting for nudging in self._nudging.values() if nudging.waiting is not None]
        await asyncio.gather(*waiting, return_exceptions=True)

    async def _nudge_later(self, deployment: str, interval: float, nudging: _Nudging) -> UUID:
        rest = nudging.left_at + interval - self._wall.monotonic()
        if rest > 0:
            await self._wall.sleep(rest)
        # From here on a new nudge needs a request of its own: what it stands for may be committed after this one.
        nudging.waiting = None
        nudging.left_at = self._wall.monotonic()
        return await self._nudge_now(deployment, interval)

    async def _nudge_now(self, deployment: str, interval: float) -> UUID:
        """Create a run under the interval's key; where that run is already taken, under the next, until one is not.

        A run that still waits reads the queue later than now. One that a worker has taken may have read it before, or
        follow one that has.
        """
        instant = int(self._wall.now().timestamp() / interval)
        generation = 0
        while True:
            key = f"nudge:{deployment}:{interval:g}:{instant}:{generation}"
            run = await self._create_run(deployment, {}, key, tags=(NUDGE_TAG,))
            if run.state is RunState.SCHEDULED:
                return run.id
            generation += 1

    async def _create_run(
        self, deployment: str, parameters: Mapping[str, Any], key: str | None, tags: tuple[str, ...]
    ) -> FlowRun:
        body = {
            "parameters": dict(parameters),
            "idempotency_key": key,
            "tags": list(tags),
            "state": {"type": "SCHEDULED"},
        }
        known = deployment in self._deployments
        try:
            return FlowRun.of(await self._post_run(deployment, body))
        except NotFoundError:
            if not known:
                raise
        # The server has lost the deployment that we remember, as after a new database: ask for it by name again.
        del self._deployments[deployment]
        return FlowRun.of(await self._post_run(deployment, body))

    async def _post_run(self, deployment: str, body: Mapping[str, Any]) -> Any:
        return await self.call("POST", f"/deployments/{await self.deployment_id(deployment)}/create_flow_run", body)


def _error(method: str, path: str, response: HttpResponse) -> AgencyOSError:
    try:
        said = json.loads(response.body)["detail"]
    except (ValueError, KeyError, TypeError):
        said = response.body[:200].decode(errors="replace")
    text = f"Prefect answered {response.status} to {method} {path}: {said}"
    match response.status:
        case 404:
            return NotFoundError(text)
        case 409:
            return ConflictError(text)
        case 400 | 422:
            return InvalidInputError(text)
        case 401 | 403:
            return UnavailableError(f"{text} (check PREFECT_API_KEY)")
        case _:
            return UnavailableError(text)


def _log_failed_nudge(task: asyncio.Task[UUID]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _log.warning("A nudge did not reach Prefect; the next sweep does the work", error=str(error))
