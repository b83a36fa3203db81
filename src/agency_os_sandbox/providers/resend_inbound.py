"""Resend's received mail: letters kept as they came, the API that shows them, and the event that tells of one.

Follows Resend's OpenAPI 1.5.0. The event carries neither text nor headers; attachments lie at an address of their own,
which is signed and holds for an hour of virtual time.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import formataddr
from typing import Any

from agency_os_sandbox.clock import parse, stamp
from agency_os_sandbox.gateway import Answer, Call, Operation
from agency_os_sandbox.ids import new_guid
from agency_os_sandbox.outbox import Parcel
from agency_os_sandbox.providers.resend_checks import Refusal
from agency_os_sandbox.store import Store
from agency_os_sandbox.world.chance import token
from agency_os_sandbox.world.letters import Letter

WEBHOOK_PATH = "/webhooks/resend"
LINK_LIFE = timedelta(hours=1)
Guard = Callable[[Callable[[Call], Answer]], Callable[[Call], Answer]]
_LISTS = ("to", "cc", "bcc", "reply_to")
_TEXTS = ("from", "subject", "message_id", "text", "html")


class LetterError(ValueError):
    """A letter that cannot be taken in; the message names the part."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A letter with its id and the virtual time at which it came."""

    id: str
    at: datetime
    letter: dict[str, Any]


class ReceivedLetters:
    """Keeps letters, shows them, tells of them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def take_from(self, letter: Letter, lane: str, at: datetime) -> Parcel:
        """Keep what a person of the world wrote; the event that is to be sent. Joins the caller's transaction."""
        sender = formataddr((letter.sender_name, letter.sender))
        headers = {name.lower(): value for name, value in letter.headers}
        taken = {
            "from": sender, "to": [letter.to], "subject": letter.subject, "message_id": letter.message_id,
            "text": letter.text, "html": letter.html, "attachments": [],
            "headers": {"from": sender, "to": letter.to, "subject": letter.subject, "date": letter.date, **headers},
        }  # fmt: skip
        return self._keep(taken, lane, at)

    def take(self, data: Any, at: datetime) -> Parcel:
        """Keep a letter given as JSON, its attachments' ``content`` in base64; else as ``take_from``.

        Raises LetterError.
        """
        taken = _checked(data)
        return self._keep(taken, taken["from"], at)

    def operations(self, guard: Guard) -> tuple[Operation, ...]:
        """The endpoints; ``guard`` asks for the key, which the attachments' own address does not need."""
        one, attachment = "/emails/receiving/{email_id}", "/{attachment_id}"
        return (
            Operation("receiving.list", "GET", "/emails/receiving", guard(self._list)),
            Operation("receiving.get", "GET", one, guard(self._get)),
            Operation("receiving.attachments", "GET", f"{one}/attachments", guard(self._attachments)),
            Operation("receiving.attachment", "GET", f"{one}/attachments{attachment}", guard(self._attachment)),
            Operation("receiving.download", "GET", "/inbound-cdn/{email_id}" + attachment, self._download),
        )

    def _keep(self, letter: dict[str, Any], lane: str, at: datetime) -> Parcel:
        email_id = new_guid()
        self._store.execute(
            "INSERT INTO resend_received (id, at, letter) VALUES (?, ?, ?)",
            (email_id, stamp(at), json.dumps(letter, ensure_ascii=False)),
        )
        body = json.dumps(_event(_Kept(email_id, at, letter)), ensure_ascii=False)
        return Parcel("resend", "email.received", f"msg_{new_guid()}", lane, WEBHOOK_PATH, body)

    def _find(self, call: Call) -> _Kept:
        row = self._store.one("SELECT * FROM resend_received WHERE id = ?", (call.path_params["email_id"],))
        found = None if row is None else _kept(row)
        if found is None or found.at > call.now:
            raise Refusal(404, "not_found", "Email not found")
        return found

    def _get(self, call: Call) -> Answer:
        kept = self._find(call)
        letter = kept.letter
        texts = {"html": letter.get("html") or None, "text": letter.get("text") or None}
        return Answer(200, {"object": "email", **_shown(kept), **texts, "headers": letter.get("headers")})

    def _list(self, call: Call) -> Answer:
        rows = self._store.all("SELECT * FROM resend_received WHERE at <= ? ORDER BY n DESC", (stamp(call.now),))
        return _page([_shown(_kept(row)) for row in rows], call)

    def _attachments(self, call: Call) -> Answer:
        kept = self._find(call)
        return _page([_linked(kept, each, call) for each in kept.letter["attachments"]], call)

    def _attachment(self, call: Call) -> Answer:
        kept = self._find(call)
        return Answer(200, {"object": "attachment", **_linked(kept, _part(kept, call), call)})

    def _download(self, call: Call) -> Answer:
        expires = call.query.get("expires", "")
        signature = token("resend attachment", call.path_params["email_id"], call.path_params["attachment_id"], expires)
        if call.query.get("signature") != signature or stamp(call.now) > expires:
            return Answer(403, "<Error><Code>AccessDenied</Code></Error>", media="application/xml")
        try:
            part = _part(self._find(call), call)
        except Refusal as refusal:
            return Answer(refusal.status, str(refusal), media="text/plain")
        return Answer(200, base64.b64decode(part["content"]), media="application/octet-stream")


def _checked(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise LetterError("a letter is an object with from, to, subject and text or html")
    lists = {name: [data[name]] if isinstance(data.get(name), str) else data.get(name) or [] for name in _LISTS}
    headers, attachments = data.get("headers", {}), data.get("attachments", [])
    if not data.get("from") or not lists["to"]:
        raise LetterError("a letter has at least from and to")
    if not all(isinstance(data.get(name) or "", str) for name in _TEXTS):
        raise LetterError(f"{', '.join(_TEXTS)} are text")
    if not all(isinstance(values, list) and all(isinstance(each, str) for each in values) for values in lists.values()):
        raise LetterError(f"{', '.join(_LISTS)} are lists of addresses")
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise LetterError("headers is an object of text")
    if not isinstance(attachments, list):
        raise LetterError("attachments is a list")
    texts = {name: data.get(name) or "" for name in _TEXTS}
    return {**texts, **lists, "headers": headers, "attachments": [_checked_part(each) for each in attachments]}


def _checked_part(data: Any) -> dict[str, Any]:
    content = data.get("content") if isinstance(data, dict) else None
    try:
        base64.b64decode(content if isinstance(content, str) else "!", validate=True)
    except (binascii.Error, ValueError) as error:
        raise LetterError("an attachment is an object with filename, content_type and content in base64") from error
    shown = {name: data.get(name) for name in ("filename", "content_id")}
    disposition = "inline" if data.get("content_disposition") == "inline" else "attachment"
    kind = str(data.get("content_type") or "application/octet-stream")
    return {"id": new_guid(), **shown, "content_type": kind, "content_disposition": disposition, "content": content}


def _kept(row: Any) -> _Kept:
    return _Kept(row["id"], parse(row["at"]), json.loads(row["letter"]))


def _shown(kept: _Kept) -> dict[str, Any]:
    """A letter without its texts."""
    letter = kept.letter
    return {
        "id": kept.id,
        "to": letter["to"],
        "from": letter["from"],
        "created_at": instant(kept.at),
        "subject": letter["subject"],
        "message_id": letter["message_id"],
        "bcc": letter.get("bcc", []),
        "cc": letter.get("cc", []),
        "reply_to": letter.get("reply_to", []),
        "attachments": [{**_named(each), "size": _size(each)} for each in letter["attachments"]],
    }


def _event(kept: _Kept) -> dict[str, Any]:
    shown = _shown(kept)
    data = {name: shown[name] for name in ("created_at", "from", "to", "bcc", "cc", "message_id", "subject")}
    attachments = [_named(each) for each in kept.letter["attachments"]]
    data = {"email_id": kept.id, **data, "attachments": attachments}
    return {"type": "email.received", "created_at": instant(kept.at), "data": data}


def _named(part: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name != "content"}


def _size(part: dict[str, Any]) -> int:
    return len(base64.b64decode(part["content"]))


def _part(kept: _Kept, call: Call) -> dict[str, Any]:
    wanted = call.path_params["attachment_id"]
    found: dict[str, Any] | None = next((each for each in kept.letter["attachments"] if each["id"] == wanted), None)
    if found is None:
        raise Refusal(404, "not_found", "Attachment not found")
    return found


def _linked(kept: _Kept, part: dict[str, Any], call: Call) -> dict[str, Any]:
    expires = call.now + LINK_LIFE
    mount = call.path.partition("/emails/receiving")[0]
    signature = token("resend attachment", kept.id, part["id"], stamp(expires))
    url = f"{call.base_url}{mount}/inbound-cdn/{kept.id}/{part['id']}?expires={stamp(expires)}&signature={signature}"
    return {**_named(part), "size": _size(part), "download_url": url, "expires_at": instant(expires)}


def _page(entries: list[dict[str, Any]], call: Call) -> Answer:
    """The page of ``limit`` entries behind ``after`` or before ``before``."""
    after, before = call.query.get("after"), call.query.get("before")
    limit = read_limit(call.query.get("limit", "20"))
    if after and before:
        raise Refusal(400, "validation_error", "Only one of `after` and `before` may be given.")
    ids = [entry["id"] for entry in entries]
    if (after or before) and (after or before) not in ids:
        raise Refusal(404, "not_found", "Email not found")
    if before:
        start = max(0, ids.index(before) - limit)
        shown, more = entries[start : ids.index(before)], start > 0
    else:
        start = ids.index(after) + 1 if after else 0
        shown, more = entries[start : start + limit], len(entries) > start + limit
    return Answer(200, {"object": "list", "has_more": more, "data": shown})


def read_limit(text: str) -> int:
    """How many entries are asked for; raises ``Refusal``."""
    if not (text.isascii() and text.isdecimal() and len(text) < 5 and 1 <= int(text) <= 100):
        raise Refusal(400, "validation_error", "The `limit` must be a number between 1 and 100.")
    return int(text)


def instant(moment: datetime) -> str:
    """A time as Resend's events spell it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
