"""The sandbox's control address: moves the clock, tells what is not delivered yet, hands out the oracle log.

For the demo driver alone. It is a program apart from ours, reached over HTTP like every provider.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from agency_os.exceptions import StackError
from agency_os.kit.clock import parse_instant
from agency_os.kit.http import HttpRequest, Timeouts, Transport

_PATIENT = Timeouts(connect=5, read=120, total=180)
_FAULTS = (
    "accepted_then_timeout",
    "accepted_then_500",
    "429",
    "500",
    "slow",
    "refused",
    "pending",
    "duplicated",
    "reordered",
    "late",
)
_QUICKLY = {"accepted_then_timeout": {"seconds": 0.05}, "slow": {"seconds": 0.05}}
"""Seconds of wall time: what is slow at a provider need not be slow in a demo."""


@dataclass(frozen=True, slots=True)
class SandboxStatus:
    """Where the world stands; ``undelivered`` webhooks and unsubscribe requests are still on their way."""

    now: datetime
    undelivered: int
    failed: int
    seed: int


class SandboxControl:
    """Speaks to one sandbox."""

    def __init__(self, url: str, transport: Transport) -> None:
        self._url = url
        self._transport = transport

    async def status(self) -> SandboxStatus:
        """Where the world stands."""
        found = await self._call("GET", "/control/status")
        return SandboxStatus(
            parse_instant(found["now"]), int(found["undelivered"]), int(found["failed"]), int(found["seed"])
        )

    async def move_to(self, moment: datetime) -> None:
        """Move the business clock forward; everything that people do until then happens, in order."""
        await self._call("POST", "/control/clock", {"to": moment.isoformat()})

    async def set_faults(self, share: float) -> None:
        """Let every kind of fault strike this share (0 to 1) of every provider's requests and webhooks; 0 ends it."""
        rules = [{"provider": "*", "kind": kind, "probability": share, **_QUICKLY.get(kind, {})} for kind in _FAULTS]
        await self._call("PUT", "/control/faults", rules if share else [])

    async def world(self) -> dict[str, Any]:
        """What the world did, counted."""
        return dict(await self._call("GET", "/control/world"))

    async def oracle(self) -> list[dict[str, Any]]:
        """The whole log of requests received."""
        rows: list[dict[str, Any]] = []
        while True:
            after = rows[-1]["seq"] if rows else 0
            body = await self._raw("GET", f"/control/oracle?after={after}")
            page = [json.loads(line) for line in body.splitlines() if line.strip()]
            if not page:
                return rows
            rows += page

    async def _call(self, method: str, path: str, body: Mapping[str, Any] | list[Any] | None = None) -> Any:
        return json.loads(await self._raw(method, path, body))

    async def _raw(self, method: str, path: str, body: Mapping[str, Any] | list[Any] | None = None) -> bytes:
        content = json.dumps(body).encode() if body is not None else b""
        headers = {"Content-Type": "application/json"}
        request = HttpRequest(method, self._url + path, headers, content, _PATIENT, is_free=method == "GET")
        response = await self._transport.send(request)
        if response.status >= 400:
            said = response.body[:200].decode("utf-8", "replace")
            raise StackError(f"the sandbox answered {response.status} to {method} {path}: {said}")
        return response.body


def lookup_units(rows: list[dict[str, Any]]) -> dict[str, Decimal]:
    """Units that providers charged for look-ups, by provider; messages name a touch and are not counted."""
    units: dict[str, Decimal] = {}
    for row in rows:
        charged = Decimal(row["units"])
        if row["accepted"] and row["touch"] is None and charged:
            units[row["provider"]] = units.get(row["provider"], Decimal(0)) + charged
    return units
