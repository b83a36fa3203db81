"""Lob: postcards, letters, US verifications, idempotency keys and signed events, after Lob's OpenAPI 1.22.

Under a ``live_`` key pieces are scanned on their way, under a ``test_`` key never, as Lob has it. Keys live 24 hours of
virtual time: the same body is given its piece again, another is a conflict. A piece goes to print five minutes after it
was made, or on its ``send_date``; until then it can be cancelled.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from agency_os_sandbox.clock import parse, stamp, wall_now
from agency_os_sandbox.faults import FaultKind
from agency_os_sandbox.gateway import Answer, Call, Operation
from agency_os_sandbox.ids import new_guid
from agency_os_sandbox.limits import Window
from agency_os_sandbox.oracle import OracleRow
from agency_os_sandbox.outbox import Outbox, Parcel
from agency_os_sandbox.providers.lob_checks import (
    Refusal,
    address_key,
    check_piece,
    deliverability_of,
    read_body,
    recipient_of,
    send_date_of,
    touch_of,
    will_return,
)
from agency_os_sandbox.providers.lob_shapes import event_body, show_piece, show_verification
from agency_os_sandbox.signing import Attempt, Secrets
from agency_os_sandbox.store import Store
from agency_os_sandbox.world.chance import token

KEY_WINDOW = timedelta(hours=24)
CANCELLATION_WINDOW = timedelta(minutes=5)
WEBHOOK_PATH = "/webhooks/lob"
ONE = Decimal(1)
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
_ON_THE_WAY = (("mailed", _DAY), ("in_transit", 2 * _DAY), ("in_local_area", 4 * _DAY))
_ARRIVES = (("processed_for_delivery", 5 * _DAY), ("delivered", 5 * _DAY + timedelta(hours=8)))
_RETURNS = (("returned_to_sender", 9 * _DAY),)


def sign_lob(attempt: Attempt, secrets: Secrets) -> dict[str, str]:
    """Hex HMAC-SHA256 over timestamp and body; the timestamp in milliseconds, as its receivers have seen it."""
    milliseconds = str(int(attempt.at.timestamp() * 1000))
    signed = f"{milliseconds}.".encode() + attempt.body
    return {
        "Content-Type": "application/json",
        "Lob-Signature": hmac.new(secrets.lob_secret.encode(), signed, hashlib.sha256).hexdigest(),
        "Lob-Signature-Timestamp": milliseconds,
    }


class Lob:
    """The protocol; any ``test_`` or ``live_`` key is an account, each with its own pieces."""

    name = "lob"

    def __init__(self, store: Store, outbox: Outbox, seed: int) -> None:
        self._store = store
        self._outbox = outbox
        self._seed = seed

    def operations(self) -> tuple[Operation, ...]:
        """The endpoints."""
        found: list[Operation] = []
        for kind, plural in (("postcard", "postcards"), ("letter", "letters")):
            create, get, cancel = (
                self._guarded(partial(handle, kind)) for handle in (self._keyed, self._get, self._cancel)
            )
            found += [
                Operation(f"{plural}.create", "POST", f"/{plural}", create, _describe),
                Operation(f"{plural}.get", "GET", f"/{plural}/{{piece_id}}", get),
                Operation(f"{plural}.cancel", "DELETE", f"/{plural}/{{piece_id}}", cancel),
            ]
        verify = Operation("us_verifications", "POST", "/us_verifications", self._guarded(self._verify))
        return (*found, verify)

    def refusal(self, kind: FaultKind, retry_after: int) -> Answer:
        """The published error bodies; the window's end is in seconds since the epoch, of wall time."""
        if kind is FaultKind.LIMITED:
            answer = _error(429, "rate_limit_exceeded", "Rate limit exceeded. Please wait a few seconds and try again.")
            reset = {"ratelimit-remaining": "0", "ratelimit-reset": str(_epoch() + retry_after)}
            return replace(answer, headers=reset)
        if kind is FaultKind.REFUSED:
            return _error(422, "invalid", "The request was refused.")
        return _error(500, "internal_server_error", "An error has occurred on Lob's servers. Please try request again.")

    def concurrent(self) -> Answer | None:
        """Same key, first request still in progress."""
        return _error(422, "conflict", "Another request with this idempotency key is in progress.")

    def limit_headers(self, window: Window) -> Mapping[str, str]:
        """``ratelimit-*`` as the description spells them."""
        return {
            "ratelimit-limit": str(window.limit),
            "ratelimit-remaining": str(window.remaining),
            "ratelimit-reset": str(_epoch() + window.reset_seconds),
        }

    @staticmethod
    def _guarded(handle: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        def guarded(call: Call) -> Answer:
            key = _key_of(call)
            if not key:
                return _error(401, "unauthorized", "Missing authentication")
            if not key.startswith(("test_", "live_")):
                return _error(401, "invalid_api_key", "Your API key is not valid. Please sign up on lob.com.")
            try:
                return handle(call)
            except Refusal as refusal:
                return _error(refusal.status, refusal.code, str(refusal))

        return guarded

    def _keyed(self, kind: str, call: Call) -> Answer:
        in_header, in_query = call.headers.get("idempotency-key"), call.query.get("idempotency_key")
        if in_header is not None and in_query is not None:
            raise Refusal(422, "bad_request", "The idempotency key may be in the header or the query, not in both.")
        key = in_header if in_header is not None else in_query
        if key is None:
            return self._create(kind, call)
        if not 1 <= len(key) <= 256:
            raise Refusal(422, "bad_request", "An idempotency key has at most 256 characters.")
        scope = f"lob:{_account(call)}:{kind}"
        digest = hashlib.sha256(call.body).hexdigest()
        kept = self._store.one("SELECT * FROM idempotency WHERE scope = ? AND key = ?", (scope, key))
        if kept is not None and call.now - parse(kept["at"]) < KEY_WINDOW:
            if kept["digest"] != digest:
                raise Refusal(422, "conflict", "This idempotency key was used with other parameters.")
            rows = tuple(replace(row, replay=True) for row in _describe(call))
            return Answer(200, json.loads(kept["body"]), rows=rows)
        answer = self._create(kind, call)
        self._store.execute(
            "INSERT OR REPLACE INTO idempotency (scope, key, digest, status, body, at) VALUES (?, ?, ?, ?, ?, ?)",
            (scope, key, digest, answer.status, json.dumps(answer.content), stamp(call.now)),
        )
        return answer

    def _create(self, kind: str, call: Call) -> Answer:
        data, is_live = read_body(call), _is_live(call)
        check_piece(data, call.now, is_letter=kind == "letter")
        to = data["to"]
        line, code = str(to["address_line1"]), str(to["address_zip"])
        # As under the strictness "normal": what is not deliverable at all is refused.
        if deliverability_of(self._seed, line, code, is_live=is_live) == "undeliverable":
            raise Refusal(
                422, "failed_deliverability_strictness", "The to address doesn't meet strictness requirements."
            )
        piece_id = f"{'ltr' if kind == 'letter' else 'psc'}_{new_guid().replace('-', '')[:16]}"
        prints = send_date_of(data, call.now) or call.now + CANCELLATION_WINDOW
        scans = self._scans(address_key(line, code)) if is_live else ()
        piece = {
            "id": piece_id,
            "kind": kind,
            "account": _account(call),
            "created": stamp(call.now),
            "prints": stamp(prints),
            "asked": data,
            "scans": [[name, stamp(prints + after)] for name, after in scans],
            "deleted": False,
        }
        self._store.set_json(f"lob:{piece_id}", piece)
        self._announce(piece, "created", call.now)
        for event, at in _still_to_come(piece):
            self._announce(piece, event, at)
        rows = tuple(replace(row, units=ONE, accepted=True) for row in _describe(call))
        return Answer(200, show_piece(piece, call.now), rows=rows)

    def _scans(self, key: str) -> tuple[tuple[str, timedelta], ...]:
        return _ON_THE_WAY + (_RETURNS if will_return(self._seed, key) else _ARRIVES)

    def _get(self, kind: str, call: Call) -> Answer:
        return Answer(200, show_piece(self._known(kind, call), call.now))

    def _cancel(self, kind: str, call: Call) -> Answer:
        piece = self._known(kind, call)
        if piece["deleted"] or call.now >= parse(piece["prints"]):
            raise Refusal(422, "not_deletable", f"The {kind} cannot be deleted: it has been processed.")
        piece["deleted"] = True
        self._store.set_json(f"lob:{piece['id']}", piece)
        for event, _ in _still_to_come(piece):
            self._outbox.withdraw("lob", _event_id(piece, event), call.now)
        self._announce(piece, "deleted", call.now)
        return Answer(200, {"id": piece["id"], "deleted": True})

    def _known(self, kind: str, call: Call) -> dict[str, Any]:
        piece: dict[str, Any] | None = self._store.get_json(f"lob:{call.path_params['piece_id']}", None)
        if piece is None or piece["kind"] != kind or piece["account"] != _account(call):
            raise Refusal(404, "not_found", f"{kind} not found")
        return piece

    def _verify(self, call: Call) -> Answer:
        data = read_body(call)
        whole = data.get("address")
        line = str(whole or data.get("primary_line") or "")
        if not line:
            raise Refusal(422, "invalid", "primary_line is required")
        if not whole and not data.get("zip_code") and not (data.get("city") and data.get("state")):
            raise Refusal(422, "invalid", "zip_code, or city and state, is required")
        word = deliverability_of(self._seed, line, str(data.get("zip_code") or ""), is_live=_is_live(call))
        return Answer(200, show_verification({**data, "primary_line": line}, word))

    def _announce(self, piece: Mapping[str, Any], event: str, at: datetime) -> None:
        event_id = _event_id(piece, event)
        body = event_body(piece, event, event_id, at)
        lane = f"lob:{piece['id']}"
        self._outbox.put(Parcel("lob", f"{piece['kind']}.{event}", event_id, lane, WEBHOOK_PATH, body), at)


def _still_to_come(piece: Mapping[str, Any]) -> list[tuple[str, datetime]]:
    """The events after the creation, when nobody cancels."""
    rendered_at = parse(piece["created"]) + _MINUTE
    rendered = [(event, rendered_at) for event in ("rendered_pdf", "rendered_thumbnails")]
    return rendered + [(name, parse(at)) for name, at in piece["scans"]]


def _event_id(piece: Mapping[str, Any], event: str) -> str:
    return f"evt_{token(piece['id'], event)[:16]}"


def _key_of(call: Call) -> str:
    scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
    try:
        decoded = base64.b64decode(encoded, validate=True).decode() if scheme.lower() == "basic" else ""
    except (binascii.Error, ValueError):
        decoded = ""
    return decoded.partition(":")[0]


def _is_live(call: Call) -> bool:
    return _key_of(call).startswith("live_")


def _account(call: Call) -> str:
    return hashlib.sha256(_key_of(call).encode()).hexdigest()[:16]


def _epoch() -> int:
    return int(wall_now().timestamp())


def _describe(call: Call) -> tuple[OracleRow, ...]:
    try:
        data = read_body(call)
    except Refusal:
        return (OracleRow(),)
    return (OracleRow(recipient_of(data), touch_of(data)),)


def _error(status: int, code: str, message: str) -> Answer:
    return Answer(status, {"error": {"message": message, "status_code": status, "code": code}})
