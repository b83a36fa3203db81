"""As much of a Prefect server as our client and runner speak to, in memory, behind the Transport protocol.

It keeps the server's rules that matter here: one run per idempotency key, no way from PENDING, RUNNING or CANCELLED
to PENDING, none out of a final state to a crash. The integration tests hold the real server to the same.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid5

from agency_os.kit.clock import WallClock
from agency_os.kit.http import Headers, HttpRequest, HttpResponse, NotSentError

URL = "http://prefect.test/api"
SPACE = UUID(int=7)
_FINAL = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}
_NOT_TO_PENDING = {"PENDING", "RUNNING", "CANCELLING", "CANCELLED"}


class FakePrefect:
    """A server with the deployments ``keys`` (``flow/name``); ``requests`` holds what it was asked."""

    def __init__(self, wall: WallClock, *keys: str) -> None:
        self.wall = wall
        self.deployments = {key: str(uuid5(SPACE, key)) for key in keys}
        self.registered: list[dict[str, Any]] = []
        self.runs: dict[str, dict[str, Any]] = {}
        self.by_key: dict[str, str] = {}
        self.requests: list[tuple[str, str]] = []
        self.away = False
        self.answer: HttpResponse | None = None
        self.on_request: Callable[[str, str], None] = lambda _, __: None

    async def send(self, request: HttpRequest) -> HttpResponse:
        """See Transport."""
        await asyncio.sleep(0)
        if self.away:
            raise NotSentError("the server is away")
        path = request.url.removeprefix(URL)
        self.requests.append((request.method, path))
        self.on_request(request.method, path)
        if self.answer is not None:
            return self.answer
        return self._route(request.method, path, json.loads(request.body or b"null"))

    async def aclose(self) -> None:
        """See Transport."""

    def add_run(self, key: str, state: str = "SCHEDULED", **changes: Any) -> UUID:
        """A run of that deployment, as if somebody had asked for it."""
        run_id = str(uuid5(SPACE, f"run {len(self.runs)}"))
        self.runs[run_id] = {
            "id": run_id,
            "deployment_id": self.deployments[key],
            "state": self.state(state),
            "infrastructure_pid": None,
            "parameters": {},
            "auto_scheduled": False,
            "tags": [],
            "due": self.wall.now().isoformat(),
            **changes,
        }
        return UUID(run_id)

    def state(self, kind: str, message: str | None = None) -> dict[str, Any]:
        """A state as the server describes it."""
        return {"type": kind, "message": message, "timestamp": self.wall.now().isoformat()}

    def set_state(self, run_id: UUID, kind: str, message: str | None = None) -> None:
        """What an engine or a person does to a run."""
        self.runs[str(run_id)]["state"] = self.state(kind, message)

    def state_of(self, run_id: UUID) -> str:
        """The type of its state."""
        return str(self.runs[str(run_id)]["state"]["type"])

    def message_of(self, run_id: UUID) -> str:
        """The message of its state."""
        return str(self.runs[str(run_id)]["state"]["message"])

    def _route(self, method: str, path: str, body: Any) -> HttpResponse:
        match (method, path.strip("/").split("/")):
            case ("GET", ["health"]):
                return _json(True)
            case ("POST", ["flows"]):
                return _json({"id": str(uuid5(SPACE, body["name"])), "name": body["name"]})
            case ("POST", ["deployments"]):
                return self._register(body)
            case ("POST", ["deployments", "count"]):
                return _json(len(set(body["deployments"]["id"]["any_"]) & set(self.deployments.values())))
            case ("POST", ["deployments", "get_scheduled_flow_runs"]):
                return _json([])
            case ("GET", ["deployments", "name", flow, name]):
                found = self.deployments.get(f"{flow}/{name}")
                return _json({"id": found}) if found else _missing("Deployment")
            case ("POST", ["deployments", deployment, "create_flow_run"]):
                return self._create(deployment, body)
            case ("POST", ["flow_runs", "filter"]):
                return _json(self._filter(body["flow_runs"]))
            case (_, ["flow_runs", run_id, *_]) if run_id in self.runs:
                return self._change(method, self.runs[run_id], body)
        return _missing("Flow run")

    def _register(self, body: dict[str, Any]) -> HttpResponse:
        flows = {str(uuid5(SPACE, flow)): flow for flow in ("enrichment", "outreach", "inbound")}
        key = f"{flows[body['flow_id']]}/{body['name']}"
        self.registered.append(body)
        self.deployments[key] = str(uuid5(SPACE, key))
        return _json({"id": self.deployments[key]}, 201)

    def _create(self, deployment: str, body: dict[str, Any]) -> HttpResponse:
        keys = [key for key, known in self.deployments.items() if known == deployment]
        if not keys:
            return _missing("Deployment")
        key = body["idempotency_key"]
        if key not in self.by_key:
            run_id = self.add_run(keys[0], tags=body["tags"], parameters=body["parameters"], idempotency_key=key)
            self.by_key[key or str(run_id)] = str(run_id)
            return _json(self.runs[str(run_id)], 201)
        return _json(self.runs[self.by_key[key]])

    def _filter(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        due = wanted.get("next_scheduled_start_time", {}).get("before_", "9999")
        return [
            run
            for run in self.runs.values()
            if run["deployment_id"] in wanted["deployment_id"]["any_"]
            and run["state"]["type"] in wanted["state"]["type"]["any_"]
            and run["due"] <= due
        ]

    def _change(self, method: str, run: dict[str, Any], body: Any) -> HttpResponse:
        if method == "GET":
            return _json(run)
        if method == "PATCH":
            run.update(body)
            return HttpResponse(204, Headers(), b"")
        now, then = run["state"]["type"], body["state"]["type"]
        if (then == "PENDING" and now in _NOT_TO_PENDING) or (then == "CRASHED" and now in _FINAL):
            return _json({"status": "ABORT", "state": None, "details": {"reason": "no"}})
        run["state"] = self.state(then, body["state"].get("message"))
        return _json({"status": "ACCEPT", "state": run["state"], "details": {}}, 201)


def _json(content: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status, Headers(), json.dumps(content).encode())


def _missing(what: str) -> HttpResponse:
    return _json({"detail": f"{what} not found"}, 404)
