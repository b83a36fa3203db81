"""Resend: sending (single and batch), look-up, paging, idempotency keys, error bodies and the webhooks' payloads;
received mail by ``resend_inbound``.

Follows Resend's OpenAPI 1.5.0 and its pages on errors, idempotency, rate limits and paging. Keys live 24 hours of
virtual time; the same key with other bytes is refused. Any ``re_`` key is a valid account.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from agency_os_sandbox.clock import parse, stamp
from agency_os_sandbox.faults import FaultKind
from agency_os_sandbox.gateway import Answer, Call, Operation
from agency_os_sandbox.ids import new_guid
from agency_os_sandbox.limits import Window
from agency_os_sandbox.oracle import OracleRow
from agency_os_sandbox.providers.resend_checks import Refusal, check_email, check_list, touch_of
from agency_os_sandbox.providers.resend_inbound import ReceivedLetters, instant, read_limit
from agency_os_sandbox.store import Store
from agency_os_sandbox.world.mail import Mail, bare

KEY_WINDOW = timedelta(hours=24)
BATCH_LIMIT = 100
ONE = Decimal(1)


class Resend:
    """The protocol; ``on_accept`` hands each accepted email to the world within the same transaction."""

    name = "resend"

    def __init__(self, store: Store, on_accept: Callable[[list[Mail]], None]) -> None:
        self._store = store
        self._on_accept = on_accept
        self._received = ReceivedLetters(store)

    def operations(self) -> tuple[Operation, ...]:
        """The endpoints."""
        return (
            Operation("emails.send", "POST", "/emails", self._guarded(self._send), _describe),
            Operation("emails.batch", "POST", "/emails/batch", self._guarded(self._batch), _describe),
            Operation("emails.list", "GET", "/emails", self._guarded(self._list)),
            *self._received.operations(self._guarded),
            Operation("emails.get", "GET", "/emails/{email_id}", self._guarded(self._get)),
        )

    def refusal(self, kind: FaultKind, retry_after: int) -> Answer:
        """The published error bodies."""
        if kind is FaultKind.LIMITED:
            answer = _error(
                429, "rate_limit_exceeded", "Too many requests. Please limit the number of requests per second."
            )
            return Answer(answer.status, answer.content, {"retry-after": str(retry_after)})
        if kind is FaultKind.REFUSED:
            return _error(422, "invalid_parameter", "The request was refused.")
        return _error(500, "internal_server_error", "An unexpected error occurred.")

    def concurrent(self) -> Answer | None:
        """Same key, first request still in progress."""
        return _error(
            409,
            "concurrent_idempotent_requests",
            "Same idempotency key used while original request is still in progress.",
        )

    def limit_headers(self, window: Window) -> Mapping[str, str]:
        """``ratelimit-*``, reset in seconds."""
        return {
            "ratelimit-limit": str(window.limit),
            "ratelimit-remaining": str(window.remaining),
            "ratelimit-reset": str(window.reset_seconds),
        }

    def verify_domains(self, domains: list[str] | None) -> None:
        """Restrict sending to these domains; None lifts the restriction."""
        self._store.set_json("resend_domains", domains)

    @staticmethod
    def _guarded(handle: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        def guarded(call: Call) -> Answer:
            if not call.headers.get("user-agent"):
                return Answer(403, "error code: 1010", media="text/plain")
            scheme, _, key = call.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not key.strip():
                return _error(401, "missing_api_key", "Missing API Key in the authorization header.")
            if not key.strip().startswith("re_"):
                return _error(403, "invalid_api_key", "API key is invalid.")
            try:
                return handle(call)
            except Refusal as refusal:
                return _error(refusal.status, refusal.name, str(refusal))

        return guarded

    def _send(self, call: Call) -> Answer:
        return self._keyed(call, self._send_new)

    def _batch(self, call: Call) -> Answer:
        return self._keyed(call, self._batch_new)

    def _keyed(self, call: Call, handle: Callable[[Call], Answer]) -> Answer:
        key = call.headers.get("idempotency-key")
        if key is None:
            return handle(call)
        if not 1 <= len(key) <= 256:
            raise Refusal(400, "invalid_idempotency_key", "The key must be between 1-256 characters.")
        account = hashlib.sha256(call.headers.get("authorization", "").encode()).hexdigest()[:16]
        digest = hashlib.sha256(call.path.encode() + b"\n" + call.body).hexdigest()
        kept = self._store.one("SELECT * FROM idempotency WHERE scope = ? AND key = ?", (account, key))
        if kept is not None and call.now - parse(kept["at"]) < KEY_WINDOW:
            if kept["digest"] != digest:
                raise Refusal(
                    409, "invalid_idempotent_request", "Same idempotency key used with a different request payload."
                )
            rows = tuple(OracleRow(row.recipient, row.touch, replay=True) for row in _describe(call))
            return Answer(kept["status"], json.loads(kept["body"]), rows=rows)
        answer = handle(call)
        self._store.execute(
            "INSERT OR REPLACE INTO idempotency (scope, key, digest, status, body, at) VALUES (?, ?, ?, ?, ?, ?)",
            (account, key, digest, answer.status, json.dumps(answer.content), stamp(call.now)),
        )
        return answer

    def _send_new(self, call: Call) -> Answer:
        mail = self._read(_json(call), call.now, batch=False)
        self._accept([mail])
        return Answer(200, {"id": mail.id}, rows=(_accepted(mail),))

    def _batch_new(self, call: Call) -> Answer:
        entries = check_list(_json(call), BATCH_LIMIT)
        permissive = call.headers.get("x-batch-validation", "strict").lower() == "permissive"
        mails: list[Mail] = []
        rows: list[OracleRow] = []
        errors: list[dict[str, object]] = []
        for index, entry in enumerate(entries):
            try:
                mail = self._read(entry, call.now, batch=True)
            except Refusal as refusal:
                if not permissive:
                    raise
                errors.append({"index": index, "message": str(refusal)})
                rows.append(_asked(entry))
                continue
            mails.append(mail)
            rows.append(_accepted(mail))
        self._accept(mails)
        content: dict[str, object] = {"data": [{"id": mail.id} for mail in mails]}
        if permissive:
            content["errors"] = errors
        return Answer(200, content, rows=tuple(rows))

    def _read(self, entry: Any, now: datetime, *, batch: bool) -> Mail:
        email_id = new_guid()
        mail = check_email(entry, email_id, f"<{email_id}@mail.resend-sandbox.example>", now, batch=batch)
        domains: list[str] | None = self._store.get_json("resend_domains", None)
        domain = bare(mail.sender).rpartition("@")[2]
        if domains is not None and domain not in domains:
            message = (
                f"The {domain} domain is not verified. Please, add and verify your domain on https://resend.com/domains"
            )
            raise Refusal(403, "validation_error", message)
        return mail

    def _accept(self, mails: list[Mail]) -> None:
        self._store.execute_many(
            "INSERT INTO emails (id, message_id, accepted_at, payload, last_event) VALUES (?, ?, ?, ?, 'sent')",
            [(mail.id, mail.message_id, stamp(mail.accepted_at), mail.to_json()) for mail in mails],
        )
        self._on_accept(mails)

    def _get(self, call: Call) -> Answer:
        row = self._store.one("SELECT * FROM emails WHERE id = ?", (call.path_params["email_id"],))
        if row is None:
            return _error(404, "not_found", "Email not found")
        return Answer(200, _email(dict(row), bodies=True))

    def _list(self, call: Call) -> Answer:
        after, before = call.query.get("after"), call.query.get("before")
        if after and before:
            raise Refusal(400, "validation_error", "Only one of `after` and `before` may be given.")
        limit = read_limit(call.query.get("limit", "20"))
        where, order, values = "1 = 1", "DESC", []
        cursor = after or before
        if cursor:
            known = self._store.one("SELECT n FROM emails WHERE id = ?", (cursor,))
            if known is None:
                raise Refusal(404, "not_found", "Email not found")
            where, order = ("n < ?", "DESC") if after else ("n > ?", "ASC")
            values.append(known["n"])
        sql = f"SELECT * FROM emails WHERE {where} ORDER BY n {order} LIMIT ?"  # noqa: S608 - literals only
        rows = self._store.all(sql, [*values, limit + 1])
        page = sorted(rows[:limit], key=lambda row: -int(row["n"]))
        data = [_email(dict(row), bodies=False) for row in page]
        return Answer(200, {"object": "list", "has_more": len(rows) > limit, "data": data})


def webhook_body(kind: str, mail: Mail, at: datetime, extra: Mapping[str, Any]) -> str:
    """The payload of ``email.<kind>``; ``at`` is virtual, ``extra`` holds ``bounce`` and the like."""
    data: dict[str, Any] = {
        "email_id": mail.id,
        "created_at": instant(mail.accepted_at),
        "from": mail.sender,
        "to": list(mail.to),
        "subject": mail.subject,
    }
    if mail.headers:
        data["headers"] = [{"name": name, "value": value} for name, value in mail.headers.items()]
    if mail.tags:
        data["tags"] = mail.tags
    return json.dumps(
        {"type": f"email.{kind}", "created_at": instant(at), "data": {**data, **extra}}, ensure_ascii=False
    )


def _email(row: dict[str, Any], *, bodies: bool) -> dict[str, Any]:
    mail = Mail.from_json(row["id"], row["message_id"], parse(row["accepted_at"]), row["payload"])
    shown: dict[str, Any] = {
        "object": "email",
        "id": mail.id,
        "message_id": mail.message_id,
        "to": list(mail.to),
        "from": mail.sender,
        "created_at": mail.accepted_at.strftime("%Y-%m-%d %H:%M:%S.%f+00"),
        "subject": mail.subject,
        "bcc": list(mail.bcc) or None,
        "cc": list(mail.cc) or None,
        "reply_to": list(mail.reply_to) or None,
        "last_event": row["last_event"],
        "scheduled_at": None,
    }
    if bodies:
        shown["html"] = mail.html or None
        shown["text"] = mail.text or None
        shown["tags"] = [{"name": name, "value": value} for name, value in mail.tags.items()]
    return shown


def _json(call: Call) -> Any:
    try:
        return call.json()
    except ValueError as error:
        raise Refusal(400, "validation_error", "The request body is not valid JSON.") from error


def _accepted(mail: Mail) -> OracleRow:
    return OracleRow(mail.recipients[0], mail.tags.get("touch"), ONE, accepted=True)


def _asked(entry: Any) -> OracleRow:
    recipient, touch = touch_of(entry)
    return OracleRow(recipient, touch)


def _describe(call: Call) -> tuple[OracleRow, ...]:
    try:
        data = call.json()
    except ValueError:
        return (OracleRow(),)
    return tuple(_asked(entry) for entry in (data if isinstance(data, list) else [data]))


def _error(status: int, name: str, message: str) -> Answer:
    return Answer(status, {"statusCode": status, "name": name, "message": message})
