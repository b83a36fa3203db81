"""Twilio: text messages with their states, answers and opt-outs, look-ups, and the webhooks of the account's numbers.

Follows Twilio's OpenAPI (twilio-oai) and its pages on errors, opt-outs and security. No idempotency keys: the same
request twice is two messages. The state of a message follows from the virtual time since it was accepted. Callbacks
and answers go to the address that the request or the number names, signed over it under the account's auth token.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from agency_os_sandbox.clock import ClockError, parse, stamp
from agency_os_sandbox.faults import FaultKind
from agency_os_sandbox.gateway import Answer, Call, Operation
from agency_os_sandbox.ids import new_guid
from agency_os_sandbox.limits import Window
from agency_os_sandbox.oracle import OracleRow
from agency_os_sandbox.outbox import Outbox, Parcel
from agency_os_sandbox.providers.twilio_people import DONE_AFTER, SENT_AFTER, is_reachable, reply_of, segments_of
from agency_os_sandbox.signing import Attempt, Secrets
from agency_os_sandbox.store import Store
from agency_os_sandbox.world.chance import token

WEBHOOK_PATH = "/webhooks/twilio"
"""Where answers to a number go that was given no address of its own."""
POOL_NUMBER = "+61480000000"
"""What a messaging service sends from."""
_ROOT = "/2010-04-01/Accounts/{account}"
_FORM = "application/x-www-form-urlencoded"
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_AUSTRALIAN = re.compile(r"\+61[23478]\d{8}")
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
_NAMED = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 +_&-]{1,11}")
_LONGEST_BODY = 1600
_UNREACHABLE = 30003


class _RefusalError(Exception):
    """A request that Twilio refuses; ``code`` is from its list of errors."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class Twilio:
    """The protocol, for whichever account asks with the auth token that the product also checks signatures with."""

    name = "twilio"

    def __init__(self, store: Store, outbox: Outbox, seed: int, auth_token: str) -> None:
        self._store = store
        self._outbox = outbox
        self._seed = seed
        self._auth_token = auth_token

    def operations(self) -> tuple[Operation, ...]:
        """The endpoints."""
        messages, numbers = f"{_ROOT}/Messages", f"{_ROOT}/IncomingPhoneNumbers"
        return (
            Operation("messages.create", "POST", f"{messages}.json", self._guarded(self._create), _describe),
            Operation("messages.list", "GET", f"{messages}.json", self._guarded(self._list)),
            Operation("messages.get", "GET", f"{messages}/{{sid}}.json", self._guarded(self._get)),
            Operation("numbers.list", "GET", f"{numbers}.json", self._guarded(self._numbers)),
            Operation("numbers.update", "POST", f"{numbers}/{{sid}}.json", self._guarded(self._set_number)),
        )

    def refusal(self, kind: FaultKind, retry_after: int) -> Answer:  # noqa: ARG002 - Twilio documents no Retry-After
        """The published error bodies."""
        if kind is FaultKind.LIMITED:
            return _error(429, 20429, "Too Many Requests")
        if kind is FaultKind.REFUSED:
            return _error(400, 21408, "Permission to send an SMS has not been enabled for the region.")
        return _error(500, 20500, "An internal server error has occurred")

    def concurrent(self) -> Answer | None:
        """Twilio knows no keys."""
        return None

    def limit_headers(self, window: Window) -> Mapping[str, str]:  # noqa: ARG002 - Twilio publishes no rate
        """The request's id; limits are not published in headers."""
        return {"Twilio-Request-Id": f"RQ{_hex()}"}

    def _guarded(self, handle: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        def guarded(call: Call) -> Answer:
            if not self._knows(call):
                return _error(401, 20003, "Authenticate")
            try:
                return handle(call)
            except _RefusalError as refusal:
                return _error(refusal.status, refusal.code, str(refusal))

        return guarded

    def _knows(self, call: Call) -> bool:
        scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
        try:
            given = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        wanted = f"{call.path_params['account']}:{self._auth_token}".encode()
        return scheme.lower() == "basic" and hmac.compare_digest(given, wanted)

    def _create(self, call: Call) -> Answer:
        form = dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))
        to, sender, body = _checked(form)
        if self._opted_out(to, _own(sender), call.now):
            raise _RefusalError(21610, "Attempt to send to unsubscribed recipient")
        step = self._store.one(
            "SELECT count(*) AS count FROM sms WHERE inbound = 0 AND sender = ? AND recipient = ?", (sender, to)
        )
        units = segments_of(body)
        message: dict[str, Any] = {
            "sid": f"SM{_hex()}", "account_sid": call.path_params["account"], "to": to, "body": body, "sender": sender,
            "segments": units, "reachable": is_reachable(self._seed, to), "callback": form.get("StatusCallback"),
        }  # fmt: skip
        self._keep(message, call.now, inbound=False, opt_out=False)
        self._tell_states(message, call.now)
        self._let_answer(message, 0 if step is None else int(step["count"]), call.now)
        row = OracleRow(to, _touch(form), Decimal(units), accepted=True)
        return Answer(201, _shown(message, call.now, call.now, is_new=True), rows=(row,))

    def _tell_states(self, message: dict[str, Any], at: datetime) -> None:
        if not message["callback"]:
            return
        last = "delivered" if message["reachable"] else "undelivered"
        for status, after in (("queued", timedelta()), ("sent", SENT_AFTER), (last, DONE_AFTER)):
            form = {
                "MessageSid": message["sid"], "SmsSid": message["sid"], "MessageStatus": status, "SmsStatus": status,
                "To": message["to"], "From": _own(message["sender"]), "AccountSid": message["account_sid"],
                "ApiVersion": "2010-04-01",
            }  # fmt: skip
            if _SERVICE.fullmatch(message["sender"]):
                form["MessagingServiceSid"] = message["sender"]
            if status == "undelivered":
                form["ErrorCode"] = str(_UNREACHABLE)
            elif status == "delivered":
                form["RawDlrDoneDate"] = (at + after).strftime("%y%m%d%H%M")
            self._post(f"message.{status}", message["sid"], message["callback"], form, at + after)

    def _let_answer(self, message: dict[str, Any], step: int, at: datetime) -> None:
        reply = reply_of(self._seed, message["to"], step)
        ours = _own(message["sender"])
        if reply is None or not _E164.fullmatch(ours):  # nobody can answer to a name
            return
        due = at + reply.after
        answer = {
            "sid": f"SM{_hex()}", "account_sid": message["account_sid"], "to": ours, "body": reply.text,
            "sender": message["to"], "segments": segments_of(reply.text), "reachable": True, "callback": None,
        }  # fmt: skip
        self._keep(answer, due, inbound=True, opt_out=reply.is_stop)
        form = {
            "ToCountry": "AU", "ToState": "", "ToCity": "", "ToZip": "", "FromCountry": "AU", "FromState": "",
            "FromCity": "", "FromZip": "", "MessageSid": answer["sid"], "SmsSid": answer["sid"],
            "SmsMessageSid": answer["sid"], "SmsStatus": "received", "AccountSid": answer["account_sid"],
            "From": answer["sender"], "To": ours, "Body": reply.text, "NumMedia": "0",
            "NumSegments": str(answer["segments"]), "ApiVersion": "2010-04-01",
        }  # fmt: skip
        if reply.is_stop:
            form["OptOutType"] = "STOP"
        self._post("message.received", answer["sid"], self._sms_url(ours), form, due)

    def _post(self, event: str, sid: str, address: str, form: dict[str, str], due: datetime) -> None:
        self._outbox.put(Parcel(self.name, event, new_guid(), f"twilio:{sid}", address, urlencode(form)), due)

    def _keep(self, message: dict[str, Any], at: datetime, *, inbound: bool, opt_out: bool) -> None:
        self._store.execute(
            "INSERT INTO sms (sid, at, sender, recipient, inbound, opt_out, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (message["sid"], stamp(at), message["sender"], message["to"], inbound, opt_out, json.dumps(message)),
        )

    def _opted_out(self, person: str, ours: str, now: datetime) -> bool:
        found = self._store.one(
            "SELECT 1 FROM sms WHERE opt_out = 1 AND sender = ? AND recipient = ? AND at <= ?",
            (person, ours, stamp(now)),
        )
        return found is not None

    def _get(self, call: Call) -> Answer:
        row = self._store.one(
            "SELECT * FROM sms WHERE sid = ? AND at <= ?", (call.path_params["sid"], stamp(call.now))
        )  # fmt: skip
        if row is None:
            raise _RefusalError(20404, f"The requested resource {call.path} was not found", 404)
        return Answer(200, _shown_row(row, call.now))

    def _list(self, call: Call) -> Answer:
        to, sender = call.query.get("To"), call.query.get("From")
        rows = self._store.all(
            "SELECT * FROM sms WHERE at <= ? AND recipient = coalesce(?, recipient) ORDER BY at DESC, n DESC",
            (stamp(call.now), to),
        )
        messages = [_shown_row(row, call.now) for row in rows if sender is None or _own(row["sender"]) == sender]
        kept = {row["sid"]: parse(row["at"]) for row in rows}
        found = [each for each in messages if _sent_within(kept[each["sid"]], call.query)]
        return Answer(200, _page(call, "messages", found))

    def _numbers(self, call: Call) -> Answer:
        number = call.query.get("PhoneNumber")
        numbers = [number] if number and _E164.fullmatch(number) else []
        for each in numbers:
            self._store.set_meta(f"twilio:sid:{_number_sid(each)}", each)
        account = call.path_params["account"]
        return Answer(200, _page(call, "incoming_phone_numbers", [self._number(account, each) for each in numbers]))

    def _set_number(self, call: Call) -> Answer:
        number = self._store.get_meta(f"twilio:sid:{call.path_params['sid']}")
        if number is None:
            raise _RefusalError(20404, f"The requested resource {call.path} was not found", 404)
        url = dict(parse_qsl(call.body.decode("utf-8", "replace"))).get("SmsUrl")
        if url is not None:
            if not _is_address(url):
                raise _RefusalError(21502, "SmsUrl is not valid")
            self._store.set_meta(f"twilio:url:{number}", url)
        return Answer(200, self._number(call.path_params["account"], number))

    def _number(self, account: str, number: str) -> dict[str, Any]:
        sid = _number_sid(number)
        return {
            "sid": sid, "account_sid": account, "phone_number": number, "friendly_name": number,
            "sms_url": self._store.get_meta(f"twilio:url:{number}"), "sms_method": "POST", "beta": False,
            "capabilities": {"voice": True, "sms": True, "mms": False, "fax": False}, "api_version": "2010-04-01",
            "uri": f"/2010-04-01/Accounts/{account}/IncomingPhoneNumbers/{sid}.json", "status": "in-use",
        }  # fmt: skip

    def _sms_url(self, number: str) -> str:
        return self._store.get_meta(f"twilio:url:{number}") or WEBHOOK_PATH


def sign_twilio(attempt: Attempt, secrets: Secrets) -> dict[str, str]:
    """Twilio signs the address and every parameter behind it, sorted by name (twilio.com/docs/usage/security)."""
    pairs = sorted(set(parse_qsl(attempt.body.decode(), keep_blank_values=True)))
    text = attempt.url.partition("#")[0] + "".join(name + value for name, value in pairs)
    mac = hmac.new(secrets.twilio_auth_token.encode(), text.encode(), hashlib.sha1)
    return {
        "Content-Type": _FORM,
        "User-Agent": "TwilioProxy/1.1",
        "I-Twilio-Idempotency-Token": attempt.event_id,
        "X-Twilio-Signature": base64.b64encode(mac.digest()).decode(),
    }


def _checked(form: dict[str, str]) -> tuple[str, str, str]:
    to, body = form.get("To", ""), form.get("Body", "")
    sender = form.get("MessagingServiceSid") or form.get("From", "")
    if not to:
        raise _RefusalError(21604, "A 'To' phone number is required.")
    if not _E164.fullmatch(to) or (to.startswith("+61") and not _AUSTRALIAN.fullmatch(to)):
        raise _RefusalError(21211, f"The 'To' number {to} is not a valid phone number.")
    if not sender:
        raise _RefusalError(21603, "A 'From' phone number is required.")
    if not any(form_.fullmatch(sender) for form_ in (_E164, _SERVICE, _NAMED)):
        raise _RefusalError(21212, f"The 'From' number {sender} is not a valid phone number.")
    if to.startswith("+61") and not to.startswith("+614"):
        raise _RefusalError(21614, f"To number: {to}, is not a mobile number")
    if not body.strip():
        raise _RefusalError(21602, "Message body is required.")
    if len(body) > _LONGEST_BODY:
        raise _RefusalError(21617, "The concatenated message body exceeds the 1600 character limit.")
    if form.get("StatusCallback") and not _is_address(form["StatusCallback"]):
        raise _RefusalError(21609, "The 'StatusCallback' URL is not a valid URL.")
    return to, sender, body


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _own(sender: str) -> str:
    """The number or name that the recipient sees."""
    return POOL_NUMBER if _SERVICE.fullmatch(sender) else sender


def _touch(form: Mapping[str, str]) -> str | None:
    """The touch that the product names in the query of its callback's address, where alone Twilio leaves room."""
    return next(iter(parse_qs(urlsplit(form.get("StatusCallback", "")).query).get("touch", [])), None)


def _describe(call: Call) -> tuple[OracleRow, ...]:
    form = dict(parse_qsl(call.body.decode("utf-8", "replace")))
    callback = form.get("StatusCallback", "")
    return (OracleRow(form.get("To"), _touch(form) if not callback or _is_address(callback) else None),)


def _shown_row(row: Any, now: datetime) -> dict[str, Any]:
    return _shown(json.loads(row["data"]), parse(row["at"]), now, inbound=bool(row["inbound"]))


def _shown(
    message: dict[str, Any], at: datetime, now: datetime, *, inbound: bool = False, is_new: bool = False
) -> dict[str, Any]:
    """The message as Twilio shows it at this time."""
    service = message["sender"] if _SERVICE.fullmatch(message["sender"]) else None
    status = "received" if inbound else _status(message, now - at)
    failed = status == "undelivered"
    root = f"/2010-04-01/Accounts/{message['account_sid']}/Messages/{message['sid']}"
    return {
        "account_sid": message["account_sid"], "api_version": "2010-04-01", "body": message["body"],
        "date_created": format_datetime(at), "date_sent": format_datetime(at), "date_updated": format_datetime(now),
        "direction": "inbound" if inbound else "outbound-api", "error_code": _UNREACHABLE if failed else None,
        "error_message": "Unreachable destination handset" if failed else None,
        # A messaging service has not chosen its sender yet when it answers.
        "from": None if service and is_new else _own(message["sender"]), "messaging_service_sid": service,
        "num_media": "0", "num_segments": "0" if service and is_new else str(message["segments"]), "price": None,
        "price_unit": "USD", "sid": message["sid"], "status": status, "to": message["to"],
        "subresource_uris": {"media": f"{root}/Media.json"}, "uri": f"{root}.json",
    }  # fmt: skip


def _status(message: dict[str, Any], age: timedelta) -> str:
    if age < SENT_AFTER:
        return "queued"
    if age < DONE_AFTER:
        return "sent"
    return "delivered" if message["reachable"] else "undelivered"


def _sent_within(sent: datetime, query: Mapping[str, str]) -> bool:
    day, since, until = query.get("DateSent"), query.get("DateSent>"), query.get("DateSent<")
    if day is not None and sent.date() != _moment(day).date():
        return False
    if since is not None and sent < _moment(since):
        return False
    end = timedelta(days=1) if until is not None and len(until) == len("2026-03-01") else timedelta()
    return until is None or sent <= _moment(until) + end


def _moment(text: str) -> datetime:
    try:
        return parse(f"{text}T00:00:00Z" if len(text) == len("2026-03-01") else text)
    except ClockError:
        raise _RefusalError(20001, f"{text} is not a valid date") from None


def _page(call: Call, name: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    """One page of a list; the addresses are relative to Twilio's own."""
    size, page = _whole(call, "PageSize", 50), _whole(call, "Page", 0)
    if not 1 <= size <= 1000 or page < 0:
        raise _RefusalError(20001, "PageSize must be between 1 and 1000")
    shown = found[page * size : (page + 1) * size]
    path = "/2010-04-01/" + call.path.partition("/2010-04-01/")[2]
    asked = {key: value for key, value in call.query.items() if key not in ("Page", "PageSize", "PageToken")}

    def address(number: int, **more: str) -> str:
        return f"{path}?{urlencode({**asked, 'PageSize': size, 'Page': number, **more})}"

    is_last = (page + 1) * size >= len(found)
    following = None if is_last else address(page + 1, PageToken=f"PA{shown[-1]['sid']}")
    return {
        name: shown, "page": page, "page_size": size, "start": page * size,
        "end": page * size + max(len(shown) - 1, 0), "uri": address(page), "first_page_uri": address(0),
        "next_page_uri": following, "previous_page_uri": address(page - 1) if page else None,
    }  # fmt: skip


def _whole(call: Call, name: str, otherwise: int) -> int:
    text = call.query.get(name, str(otherwise))
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1


def _number_sid(number: str) -> str:
    return f"PN{token('twilio number', number)}"


def _hex() -> str:
    return new_guid().replace("-", "")


def _error(status: int, code: int, message: str) -> Answer:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return Answer(status, {"code": code, "message": message, "more_info": more, "status": status})
