"""The way in for every provider request: limits, faults, the provider's handler, the oracle log, then the answer.

What a handler accepts and the oracle's rows are one transaction, committed before the first byte of the answer. The
faults that follow acceptance (time-out, 500) come after that commit, so what was accepted stays accepted.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from starlette.datastructures import Headers, QueryParams
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from agency_os_sandbox.clock import VirtualClock
from agency_os_sandbox.faults import Fault, FaultKind, Faults
from agency_os_sandbox.ids import new_guid
from agency_os_sandbox.limits import Limits, Window
from agency_os_sandbox.oracle import Oracle, OracleRow, RequestFacts
from agency_os_sandbox.store import Store

HANG_SECONDS = 60.0
SLOW_SECONDS = 2.0
MAX_BODY = 40 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Call:
    """One request as received, read whole. ``now`` is virtual; ``base_url`` is scheme, host and port as asked for."""

    operation: str
    method: str
    path: str
    headers: Headers
    query: QueryParams
    path_params: Mapping[str, str]
    body: bytes
    now: datetime
    base_url: str

    def json(self) -> Any:
        """The body as JSON; raises ``ValueError`` when it is not, or holds half characters that no one can store."""
        try:
            data = json.loads(self.body)
        except RecursionError as error:
            raise ValueError("the JSON is nested too deeply") from error
        if b"\\ud" in self.body.lower():
            json.dumps(data, ensure_ascii=False).encode()
        return data


@dataclass(frozen=True, slots=True)
class Answer:
    """What to answer. ``content``: a JSON value, text where ``media`` says so, or bytes. ``rows`` go to the oracle."""

    status: int
    content: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    rows: tuple[OracleRow, ...] = ()
    media: str = "application/json"

    def to_response(self, extra: Mapping[str, str]) -> Response:
        """The HTTP response."""
        return Response(self._body(), self.status, {**extra, **self.headers}, self.media)

    def _body(self) -> str | bytes:
        if isinstance(self.content, bytes):
            return self.content
        return json.dumps(self.content, ensure_ascii=False) if self.media == "application/json" else str(self.content)


@dataclass(frozen=True, slots=True)
class Operation:
    """One published endpoint: its name in the oracle, and what answers it. ``describe`` lists what was asked for.

    ``choose``: where one address serves several operations (SOAP), the one that the body asks for, None for none of
    them. ``refuse``: the operation's own shape of a refusal, where the provider's differs by operation.
    """

    name: str
    method: str
    path: str
    handle: Callable[[Call], Answer]
    describe: Callable[[Call], tuple[OracleRow, ...]] = lambda _: (OracleRow(),)
    choose: Callable[[Call], Operation | None] | None = None
    refuse: Callable[[FaultKind, int], Answer] | None = None

    def asked_for(self, call: Call) -> Operation:
        """The operation that the call is about: this one, unless ``choose`` finds another."""
        return (self.choose(call) if self.choose is not None else None) or self


class Provider(Protocol):
    """One provider: its operations and the shape of its refusals."""

    name: str

    def operations(self) -> tuple[Operation, ...]:
        """The endpoints."""

    def refusal(self, kind: FaultKind, retry_after: int) -> Answer:
        """The published answer for ``429``, ``500``, ``refused`` or ``pending``."""

    def concurrent(self) -> Answer | None:
        """The answer to a key that is being worked on, or None where the provider knows no keys."""

    def limit_headers(self, window: Window) -> Mapping[str, str]:
        """The published headers on rate limits."""


class Gateway:
    """Serves the providers' operations as routes under ``/{provider}``."""

    def __init__(self, store: Store, clock: VirtualClock, oracle: Oracle, faults: Faults, limits: Limits) -> None:
        self._store = store
        self._clock = clock
        self._oracle = oracle
        self._faults = faults
        self._limits = limits
        self._working: set[tuple[str, str]] = set()
        self.wake: Callable[[], None] = lambda: None

    def routes(self, provider: Provider, prefix: str) -> list[Route]:
        """One route per operation."""
        return [
            Route(prefix + operation.path, self._endpoint(provider, operation), methods=[operation.method])
            for operation in provider.operations()
        ]

    def _endpoint(self, provider: Provider, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                body = await request.body()
            except ClientDisconnect:
                return Response(status_code=400)
            call = Call(
                operation.name, request.method, request.url.path, request.headers, request.query_params,
                request.path_params, body, self._clock.now, f"{request.url.scheme}://{request.url.netloc}",
            )  # fmt: skip
            asked = operation.asked_for(call)
            return await self._serve(provider, asked, replace(call, operation=asked.name), request)

        return endpoint

    async def _serve(self, provider: Provider, operation: Operation, call: Call, request: Request) -> Response:
        window = self._limits.take(provider.name, time.monotonic())
        headers = provider.limit_headers(window)
        fault = self._faults.strike(provider.name, (operation.name,))
        key = call.headers.get("idempotency-key")
        refuse = operation.refuse or provider.refusal
        refusal = self._refusal(refuse, window, fault)
        claim = (provider.name, key or "")
        if refusal is None and key is not None and claim in self._working:
            refusal = provider.concurrent()
        if refusal is not None:
            self._log_refused(provider, operation, call, refusal, fault)
            return refusal.to_response(headers)
        self._working.add(claim)
        try:
            if fault is not None and fault.kind is FaultKind.SLOW:
                await asyncio.sleep(SLOW_SECONDS if fault.seconds is None else fault.seconds)
                call = replace(call, now=self._clock.now)
            answer = self._accept(provider, operation, call, fault)
        finally:
            self._working.discard(claim)
        self.wake()
        if fault is not None and fault.kind is FaultKind.ACCEPTED_THEN_TIMEOUT:
            return await _hang_up(request, HANG_SECONDS if fault.seconds is None else fault.seconds)
        if fault is not None and fault.kind is FaultKind.ACCEPTED_THEN_500:
            return refuse(FaultKind.ERROR, 1).to_response(headers)
        return answer.to_response(headers)

    @staticmethod
    def _refusal(refuse: Callable[[FaultKind, int], Answer], window: Window, fault: Fault | None) -> Answer | None:
        if fault is not None and fault.kind in _REFUSING:
            seconds = fault.seconds if fault.seconds is not None else 1.0
            return refuse(fault.kind, max(1, round(seconds)))
        if window.exceeded:
            return refuse(FaultKind.LIMITED, window.reset_seconds)
        return None

    def _log_refused(
        self, provider: Provider, operation: Operation, call: Call, answer: Answer, fault: Fault | None
    ) -> None:
        rows = operation.describe(call) or (OracleRow(),)
        name = None if fault is None else fault.kind.value
        self._oracle.record(_facts(provider, call), answer.status, rows, name)

    def _accept(self, provider: Provider, operation: Operation, call: Call, fault: Fault | None) -> Answer:
        with self._store.transaction():
            answer = operation.handle(call)
            rows = answer.rows or operation.describe(call) or (OracleRow(),)
            name = None if fault is None else fault.kind.value
            self._oracle.record(_facts(provider, call), answer.status, rows, name)
        return answer


_REFUSING = frozenset({FaultKind.LIMITED, FaultKind.ERROR, FaultKind.REFUSED, FaultKind.PENDING})


def _facts(provider: Provider, call: Call) -> RequestFacts:
    digest = hashlib.sha256()
    digest.update(f"{call.method} {call.path}?{call.query}\n".encode())
    digest.update(call.body)
    key = call.headers.get("idempotency-key")
    return RequestFacts(new_guid(), call.now, provider.name, call.operation, key, digest.hexdigest())


async def _hang_up(request: Request, seconds: float) -> Response:
    """Say nothing for ``seconds``, then drop the connection, as a provider does whose answer is lost."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not await request.is_disconnected():  # noqa: ASYNC110 - it is polled
        await asyncio.sleep(min(0.1, seconds))
    abort: Callable[[], None] | None = getattr(request.state, "abort", None)
    if abort is not None:
        abort()
        await asyncio.sleep(0)
    return Response(status_code=504)
