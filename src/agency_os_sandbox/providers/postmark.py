"""Postmark's inbound mail: the webhook for a letter that arrives at the Reply-To address, and the API that finds it.

Promises: the mailbox hash is what stands behind ``+``; the thread's ids stand in ``Headers``; an address that no server
would take gives no payload at all. The API shows the letters that have arrived, and how their webhooks fared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from email.utils import parseaddr, parsedate_to_datetime
from typing import Any

from agency_os_sandbox.faults import FaultKind
from agency_os_sandbox.gateway import Answer, Call, Operation
from agency_os_sandbox.limits import Window
from agency_os_sandbox.oracle import OracleRow
from agency_os_sandbox.outbox import Outbox, Parcel
from agency_os_sandbox.store import Store
from agency_os_sandbox.world.letters import Letter

WEBHOOK_PATH = "/webhooks/postmark"
# RFC 5321 4.5.3.1: at most 64 characters before the @.
_USABLE = re.compile(r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?=.{1,253}$)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$")


def usable(address: str) -> bool:
    """Whether a mail server would take mail for this bare address."""
    return _USABLE.match(address) is not None


def inbound_body(letter: Letter, guid: str) -> str | None:
    """The webhook's body under Postmark's own id ``guid``; None when the letter cannot be delivered."""
    name, address = parseaddr(letter.to)
    if not usable(address):
        return None
    mailbox_hash = address.rpartition("@")[0].partition("+")[2]
    payload = {
        "FromName": letter.sender_name,
        "MessageStream": "inbound",
        "From": letter.sender,
        "FromFull": {"Email": letter.sender, "Name": letter.sender_name, "MailboxHash": ""},
        "To": f'"{name}" <{address}>' if name else address,
        "ToFull": [{"Email": address, "Name": name, "MailboxHash": mailbox_hash}],
        "Cc": "",
        "CcFull": [],
        "Bcc": "",
        "BccFull": [],
        "OriginalRecipient": address,
        "Subject": letter.subject,
        "MessageID": guid,
        "ReplyTo": "",
        "MailboxHash": mailbox_hash,
        "Date": letter.date,
        "TextBody": letter.text,
        "HtmlBody": letter.html,
        "StrippedTextReply": letter.stripped,
        "Tag": "",
        "Headers": [{"Name": header, "Value": value} for header, value in letter.headers],
        "Attachments": [],
    }
    return json.dumps(payload, ensure_ascii=False)


_MOST, _DEEPEST = 500, 10_000
_STATUSES = frozenset({"blocked", "processed", "queued", "failed", "scheduled"})
_FILTERS: Mapping[str, Callable[[dict[str, Any]], str]] = {
    "recipient": lambda shown: str(shown["OriginalRecipient"]).lower(),
    "fromemail": lambda shown: str(shown["From"]).lower(),
    "subject": lambda shown: str(shown["Subject"]).lower(),
    "mailboxhash": lambda shown: str(shown["MailboxHash"]).lower(),
    "tag": lambda shown: str(shown["Tag"]).lower(),
    "status": lambda shown: str(shown["Status"]).lower(),
}
_IN_DETAILS_ALONE = ("TextBody", "HtmlBody", "Headers")
_SERVER_KEY = "postmark_server"
_SERVER = {
    "ID": 1, "Name": "Sandbox", "ApiTokens": [], "ServerLink": "https://postmarkapp.com/servers/1/streams",
    "Color": "blue", "SmtpApiActivated": True, "RawEmailEnabled": False, "InboundAddress": "in@inbound.example",
    "InboundHookUrl": "", "BounceHookUrl": "", "OpenHookUrl": "", "PostFirstOpenOnly": False, "TrackOpens": False,
    "InboundDomain": "reply.example", "InboundHash": "sandbox", "InboundSpamThreshold": 0,
}  # fmt: skip
_NOT_SHOWN = ("MessageStream", "Bcc", "BccFull", "StrippedTextReply")


class _QueryError(ValueError):
    """A parameter of the search that cannot be read."""


class Postmark:
    """The messages API for what came in; any token that is not empty is a server's."""

    name = "postmark"

    def __init__(self, store: Store, outbox: Outbox) -> None:
        self._store = store
        self._outbox = outbox

    def operations(self) -> tuple[Operation, ...]:
        """The endpoints."""
        one = "/messages/inbound/{messageid}"
        return (
            Operation("inbound.search", "GET", "/messages/inbound", self._guarded(self._search)),
            Operation("inbound.details", "GET", f"{one}/details", self._guarded(self._details), _describe),
            Operation("inbound.retry", "PUT", f"{one}/retry", self._guarded(self._retry), _describe),
            Operation("server.edit", "PUT", "/server", self._guarded(self._edit)),
        )

    def refusal(self, kind: FaultKind, retry_after: int) -> Answer:  # noqa: ARG002 - Postmark tells no time to wait
        """The published error bodies."""
        if kind is FaultKind.LIMITED:
            return _error(429, 429, "Rate limit exceeded.")
        if kind is FaultKind.REFUSED:
            return _error(422, 700, "Message query exception: the request was refused.")
        return _error(500, 0, "Internal server error.")

    def concurrent(self) -> Answer | None:
        """Postmark knows no keys."""
        return None

    def limit_headers(self, window: Window) -> Mapping[str, str]:  # noqa: ARG002 - see below
        """Postmark publishes none."""
        return {}

    @staticmethod
    def _guarded(handle: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        def guarded(call: Call) -> Answer:
            if not call.headers.get("x-postmark-server-token", "").strip():
                return _error(401, 10, "Bad or missing API token.")
            try:
                return handle(call)
            except _QueryError as error:
                return _error(422, 700, f"Message query exception: {error}")

        return guarded

    def _search(self, call: Call) -> Answer:
        count, offset = _number(call, "count", 1, _MOST), _number(call, "offset", 0, _DEEPEST)
        if count + offset > _DEEPEST:
            raise _QueryError(f"count and offset together are at most {_DEEPEST}.")
        if call.query.get("status", "queued") not in _STATUSES:
            raise _QueryError(f"status is one of {', '.join(sorted(_STATUSES))}.")
        days = _day(call, "fromdate", date.min), _day(call, "todate", date.max)
        found = [shown for shown in self._arrived(call.now) if _matches(shown, call, days)]
        page = [_without(shown, _IN_DETAILS_ALONE) for shown in found[offset : offset + count]]
        return Answer(200, {"TotalCount": len(found), "InboundMessages": page})

    def _details(self, call: Call) -> Answer:
        found = self._find(call)
        return _unknown() if found is None else Answer(200, {**found, "BlockedReason": None})

    def _retry(self, call: Call) -> Answer:
        found = self._find(call)
        if found is None:
            return _unknown()
        if found["Status"] != "Failed":
            return _error(422, 703, "Could not retry this failed inbound message, please contact support.")
        guid = call.path_params["messageid"]
        row = self._store.one("SELECT * FROM outbox WHERE provider = 'postmark' AND event_id = ?", (guid,))
        if row is not None:
            self._outbox.put(Parcel("postmark", "inbound", guid, row["lane"], WEBHOOK_PATH, row["body"]), call.now)
        told = {"ErrorCode": 0, "Message": "Successfully rescheduled failed message."}
        return Answer(200, told, rows=(OracleRow(key=guid, accepted=True),))

    def _edit(self, call: Call) -> Answer:
        try:
            asked = call.json()
        except ValueError:
            asked = None
        if not isinstance(asked, dict) or not all(isinstance(value, str) for value in asked.values()):
            return _error(422, 402, "Received invalid JSON input.")
        known = {**_SERVER, **self._store.get_json(_SERVER_KEY, {}), **{k: v for k, v in asked.items() if k in _SERVER}}
        self._store.set_json(_SERVER_KEY, known)
        return Answer(200, known)

    def _find(self, call: Call) -> dict[str, Any] | None:
        wanted = call.path_params["messageid"]
        return next((shown for shown in self._arrived(call.now) if shown["MessageID"] == wanted), None)

    def _arrived(self, now: datetime) -> list[dict[str, Any]]:
        """The letters that have come by now, newest first, with the state of their latest delivery."""
        latest = {
            row["event_id"]: row
            for row in self._store.all(
                "SELECT * FROM outbox WHERE provider = 'postmark' AND event = 'inbound' ORDER BY n"
            )
        }
        shown = [{**_without(json.loads(row["body"]), _NOT_SHOWN), "Status": _status(row)} for row in latest.values()]
        come = [(at, each) for each in shown if (at := parsedate_to_datetime(each["Date"])) <= now]
        return [each for _, each in sorted(come, key=lambda pair: pair[0], reverse=True)]


def _status(row: Any) -> str:
    """postmarkapp.com/support/article/1290: scheduled once the webhook was refused, failed when Postmark gave up."""
    if row["state"] == "pending":
        return "Scheduled" if row["attempts"] else "Queued"
    return "Processed" if row["state"] == "delivered" else "Failed"


def _matches(shown: dict[str, Any], call: Call, days: tuple[date, date]) -> bool:
    for name, read in _FILTERS.items():
        wanted = call.query.get(name, "").strip().lower()
        if wanted and (wanted not in read(shown) if name == "subject" else wanted != read(shown)):
            return False
    return days[0] <= parsedate_to_datetime(shown["Date"]).astimezone(UTC).date() <= days[1]


def _day(call: Call, name: str, default: date) -> date:
    text = call.query.get(name)
    try:
        return default if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise _QueryError(f"{name} is a date such as 2014-02-01.") from error


def _number(call: Call, name: str, low: int, high: int) -> int:
    text = call.query.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 9 and low <= int(text) <= high):
        raise _QueryError(f"{name} is a number from {low} to {high}.")
    return int(text)


def _without(shown: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in shown.items() if name not in names}


def _describe(call: Call) -> tuple[OracleRow, ...]:
    return (OracleRow(key=call.path_params["messageid"]),)


def _unknown() -> Answer:
    return _error(422, 701, "This message was not found.")


def _error(status: int, code: int, message: str) -> Answer:
    return Answer(status, {"ErrorCode": code, "Message": message})
