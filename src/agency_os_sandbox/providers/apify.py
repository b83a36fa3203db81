"""Apify: starts a run of a website crawler, lets it finish, and serves its data set.

Follows Apify's API v2. A run crawls each start address: the companies of the directory have a home page, a page about
them and one about jobs. It is RUNNING when started and finished when next looked at; there are no keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from agency_os_sandbox.clock import parse, stamp
from agency_os_sandbox.faults import FaultKind
from agency_os_sandbox.gateway import Answer, Call, Operation
from agency_os_sandbox.ids import new_guid
from agency_os_sandbox.limits import Window
from agency_os_sandbox.oracle import OracleRow
from agency_os_sandbox.store import Store
from agency_os_sandbox.world.directory import Directory
from agency_os_sandbox.world.websites import pages_of

_RUNS = "apify_runs"
_ACTOR_ID = "aYG0l9s7dbB7j3gbS"
_USER_ID = "sandboxUser000001"


class Apify:
    """The protocol; any token that is not empty is an account."""

    name = "apify"

    def __init__(self, store: Store, directory: Directory) -> None:
        self._store = store
        self._directory = directory

    def operations(self) -> tuple[Operation, ...]:
        """The endpoints."""
        return (
            Operation("runs.start", "POST", "/v2/actors/{actor}/runs", self._guarded(self._start), _describe),
            Operation("runs.list", "GET", "/v2/actors/{actor}/runs", self._guarded(self._list)),
            Operation("runs.get", "GET", "/v2/actor-runs/{run_id}", self._guarded(self._get)),
            Operation("items.list", "GET", "/v2/datasets/{dataset_id}/items", self._guarded(self._items)),
        )

    def refusal(self, kind: FaultKind, retry_after: int) -> Answer:  # noqa: ARG002 - Apify tells no time to wait
        """The published error bodies."""
        if kind is FaultKind.LIMITED:
            return _error(429, "rate-limit-exceeded", "You have exceeded the rate limit")
        if kind is FaultKind.REFUSED:
            return _error(400, "invalid-value", "The request was refused")
        return _error(500, "internal-server-error", "An unexpected error occurred")

    def concurrent(self) -> Answer | None:
        """Runs know no keys."""
        return None

    def limit_headers(self, window: Window) -> Mapping[str, str]:
        """The one header that Apify publishes."""
        return {"X-RateLimit-Limit": str(window.limit)}

    @staticmethod
    def _guarded(handle: Any) -> Any:
        def guarded(call: Call) -> Answer:
            bearer = call.headers.get("authorization", "").removeprefix("Bearer ").strip()
            if not (bearer or call.query.get("token")):
                return _error(401, "token-not-provided", "Authentication token was not provided")
            answer: Answer = handle(call)
            return answer

        return guarded

    def _start(self, call: Call) -> Answer:
        try:
            asked = call.json()
            sites = [str(each["url"]) for each in asked["startUrls"]]
        except (ValueError, KeyError, TypeError):
            return _error(400, "invalid-input", "Input is not valid: startUrls is a list of objects with a url")
        most = asked.get("maxCrawlPages")
        each = max(1, most // len(sites)) if isinstance(most, int) and sites else 10
        found = [pages_of(self._directory, site)[:each] for site in sites]
        run_id = new_guid().replace("-", "")[:17]
        run = {"id": run_id, "at": stamp(call.now), "items": [page for pages in found for page in pages]}
        self._store.set_json(f"{_RUNS}:{run_id}", run)
        self._store.set_json(_RUNS, [run_id, *self._store.get_json(_RUNS, [])][:1000])
        rows = tuple(
            OracleRow(units=Decimal(len(pages)), key=f"crawl:{site}", accepted=True)
            for site, pages in zip(sites, found, strict=True)
        )
        return Answer(201, {"data": _run(run, "RUNNING")}, rows=rows)

    def _list(self, call: Call) -> Answer:
        runs = [self._store.get_json(f"{_RUNS}:{run_id}", None) for run_id in self._store.get_json(_RUNS, [])]
        since = call.query.get("startedAfter")
        chosen = [run for run in runs if since is None or parse(run["at"]) > parse(since)]
        limit, offset = int(call.query.get("limit", "1000")), int(call.query.get("offset", "0"))
        items = [_short(run) for run in chosen[offset : offset + limit]]
        page = {"total": len(chosen), "offset": offset, "limit": limit, "desc": True, "count": len(items)}
        return Answer(200, {"data": {**page, "items": items}})

    def _get(self, call: Call) -> Answer:
        run = self._store.get_json(f"{_RUNS}:{call.path_params['run_id']}", None)
        if run is None:
            return _error(404, "record-not-found", "Actor run was not found")
        return Answer(200, {"data": _run(run, "SUCCEEDED")})

    def _items(self, call: Call) -> Answer:
        run = self._store.get_json(f"{_RUNS}:{call.path_params['dataset_id'].removeprefix('ds')}", None)
        if run is None:
            return _error(404, "record-not-found", "Dataset was not found")
        items = run["items"][: int(call.query.get("limit", "1000"))]
        counts = {"Total": len(run["items"]), "Offset": 0, "Limit": len(items), "Count": len(items)}
        return Answer(200, items, {f"X-Apify-Pagination-{name}": str(value) for name, value in counts.items()})


def _run(run: Mapping[str, Any], status: str) -> dict[str, Any]:
    finished = stamp(parse(run["at"]) + timedelta(seconds=20)) if status == "SUCCEEDED" else None
    return {
        "id": run["id"],
        "actId": _ACTOR_ID,
        "userId": _USER_ID,
        "startedAt": run["at"],
        "finishedAt": finished,
        "status": status,
        "meta": {"origin": "API"},
        "stats": {"inputBodyLen": 0, "restartCount": 0, "resurrectCount": 0, "computeUnits": 0.01},
        "options": {"build": "latest", "timeoutSecs": 90, "memoryMbytes": 1024, "diskMbytes": 2048},
        "buildId": "7sT5jcggjjA9fNcxF",
        "generalAccess": "FOLLOW_USER_SETTING",
        "defaultKeyValueStoreId": f"kv{run['id']}",
        "defaultDatasetId": f"ds{run['id']}",
        "defaultRequestQueueId": f"rq{run['id']}",
    }


def _short(run: Mapping[str, Any]) -> dict[str, Any]:
    whole = _run(run, "SUCCEEDED")
    kept = (
        "id", "actId", "status", "startedAt", "finishedAt", "buildId", "meta", "defaultKeyValueStoreId",
        "defaultDatasetId", "defaultRequestQueueId",
    )  # fmt: skip
    return {**{name: whole[name] for name in kept}, "buildNumber": "0.0.1", "usageTotalUsd": 0.01}


def _describe(call: Call) -> tuple[OracleRow, ...]:
    return (OracleRow(key=call.path[:200]),)


def _error(status: int, kind: str, message: str) -> Answer:
    return Answer(status, {"error": {"type": kind, "message": message}})
