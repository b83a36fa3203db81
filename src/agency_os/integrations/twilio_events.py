"""Twilio's webhooks: states of messages, incoming messages, states of calls; form-encoded, signed over the public URL.

The signature (twilio.com/docs/usage/security) covers the whole address and every parameter, known or not. It holds no
time, so there is no tolerance: an event is stored once per message or call and state. Order is not guaranteed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qs, parse_qsl, urlsplit

from agency_os.exceptions import InvalidInputError, SignatureError
from agency_os.integrations.json_fields import Fields, short_hash
from agency_os.integrations.twilio import NAME, SmsStatus, read_rfc2822
from agency_os.integrations.webhook import EventName, Webhook, WebhookSource, must_carry

OTHER: Final = "other"
_FORM = "application/x-www-form-urlencoded"
_BODY_HASH = "bodySHA256"
_ALGORITHMS = {"HMAC_SHA1": hashlib.sha1, "HMAC_SHA256": hashlib.sha256}
_DEFAULT_PORTS = {"https": 443, "http": 80}

STOP_WORDS: Final = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"})
"""What Twilio itself takes for an opt-out on long codes, alone in a message (its documentation on opt-out keywords)."""


class OptOut(StrEnum):
    """What Twilio's Advanced Opt-Out made of an incoming message."""

    STOP = "STOP"
    START = "START"
    HELP = "HELP"


@dataclass(frozen=True, slots=True)
class MessageStatusEvent:
    """A message has changed its state. ``error_code`` says why it was not delivered (30003 unreachable, 30006 fixed
    line, 30007 filtered)."""

    event_id: str
    kind: str
    message_sid: str
    status: SmsStatus
    to: str | None
    sender: str | None
    error_code: str | None
    occurred_at: datetime | None = None
    """Always None: Twilio dates these events only by the carrier's clock, without its zone."""


@dataclass(frozen=True, slots=True)
class InboundSms:
    """Somebody texted one of our numbers. ``opt_out`` is Twilio's own verdict, where Advanced Opt-Out is on."""

    event_id: str
    kind: str
    message_sid: str
    sender: str
    to: str
    body: str = field(repr=False)
    segments: int
    media: int
    opt_out: OptOut | None
    occurred_at: datetime | None = None

    @property
    def is_stop(self) -> bool:
        """Whether Twilio refuses further messages to this person from now on (21610), so that we must as well."""
        if self.opt_out is not None:
            return self.opt_out is OptOut.STOP
        return self.body.strip().casefold() in STOP_WORDS


@dataclass(frozen=True, slots=True)
class CallStatusEvent:
    """A call over one of our numbers has changed its state (queued, initiated, ringing, in-progress, completed, busy,
    failed, no-answer, canceled). ``seconds`` are told at its end. No units: Vapi's minute is all-in (decision 29)."""

    event_id: str
    kind: str
    call_sid: str
    status: str
    to: str | None
    sender: str | None
    seconds: int | None
    occurred_at: datetime | None


@dataclass(frozen=True, slots=True)
class OtherEvent:
    """Something that we do not know; it is kept for a person."""

    event_id: str
    kind: str = OTHER
    occurred_at: datetime | None = None


_LONGEST_FORM = 64 * 1024
"""Bytes: 1,600 characters of up to twelve each, and addresses of media."""
TwilioEvent = MessageStatusEvent | InboundSms | CallStatusEvent | OtherEvent


def verify(webhook: Webhook, auth_token: str, shared_key: str = "") -> None:
    """Raise SignatureError unless the webhook is signed under the account's token, or under the SharedKey where its
    header says so."""
    headers = {name.lower(): value for name, value in webhook.headers.items()}
    settings = headers.get("x-twilio-webhooks-signature-settings")
    algorithm = _algorithm(settings)
    secret = (shared_key or auth_token) if settings else auth_token
    if not secret:
        raise SignatureError("no auth token is configured for Twilio's webhooks")
    offered = headers.get("x-twilio-signature", "").strip().encode("utf-8", "surrogatepass")
    text = _signed_text(webhook, headers.get("content-type", ""))
    # Every spelling is compared, whichever holds, so that the time tells nothing.
    expected = [_signature(spelling + text, secret, algorithm) for spelling in _spellings(webhook.url)]
    if not sum(hmac.compare_digest(offered, each) for each in expected):
        raise SignatureError("the Twilio webhook's signature does not match: check TWILIO_AUTH_TOKEN and PUBLIC_URL")


def webhooks(auth_token: str, shared_key: str = "") -> WebhookSource:
    """Twilio's webhooks, signed under the account's auth token."""
    return WebhookSource(
        NAME,
        _name_event,
        admit=lambda headers, _: must_carry(headers, "x-twilio-signature"),
        verify=lambda hook, _: verify(hook, auth_token, shared_key),
        limit=_LONGEST_FORM,
    )


def parse_event(body: bytes) -> TwilioEvent:
    """The event in a webhook's form. Raises InvalidInputError for a body that is no form, or a message or call without
    what makes one."""
    form = _read_form(body)
    if "CallSid" in form:
        return _call(form)
    if "MessageStatus" in form or ("SmsStatus" in form and form.text("SmsStatus") != "received"):
        return _status(form)
    if "Body" in form or "SmsMessageSid" in form:
        return _inbound(form)
    return OtherEvent(short_hash(body))


def _name_event(webhook: Webhook, _: datetime) -> EventName:
    event = parse_event(webhook.body)
    return EventName(event.event_id, event.kind, event.occurred_at)


def _algorithm(settings: str | None) -> str:
    parts = dict(part.strip().partition("=")[::2] for part in (settings or "").split(","))
    algorithm = parts.get("algorithm", "HMAC_SHA1").strip().upper()
    if algorithm not in _ALGORITHMS:
        raise SignatureError("the Twilio webhook is signed by a way that is not known here")
    return algorithm


def _signed_text(webhook: Webhook, media: str) -> str:
    """What is signed behind the address: the form's parameters; nothing for another body, whose hash is in it."""
    hashes = parse_qs(urlsplit(webhook.url).query).get(_BODY_HASH)
    if hashes and not media.lower().startswith(_FORM):
        found = hashlib.sha256(webhook.body).hexdigest().encode()
        if not hmac.compare_digest(hashes[0].lower().encode("utf-8", "surrogatepass"), found):
            raise SignatureError("the Twilio webhook's body is not the one that its address names")
        return ""
    # Several values of one name count once each, in their order as text.
    return "".join(name + value for name, value in sorted(set(_pairs(webhook.body))))


def _pairs(body: bytes) -> list[tuple[str, str]]:
    return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)


def _spellings(url: str) -> list[str]:
    """The address as it stands, without its port, and with the one that its scheme implies: senders differ there."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        return [url]
    rest = url[len(f"{parts.scheme}://{parts.netloc}") :]
    bare = parts.netloc if port is None else parts.netloc.removesuffix(f":{port}")
    hosts = [parts.netloc, bare, f"{bare}:{_DEFAULT_PORTS.get(parts.scheme, 443)}"]
    return [f"{parts.scheme}://{host}{rest}" for host in dict.fromkeys(hosts)]


def _signature(text: str, secret: str, algorithm: str) -> bytes:
    mac = hmac.new(secret.encode(), text.encode("utf-8", "surrogatepass"), _ALGORITHMS[algorithm])
    return base64.b64encode(mac.digest())


def _read_form(body: bytes) -> Fields:
    found: dict[str, str] = {}
    for name, value in _pairs(body):
        found.setdefault(name, value)
    if b"=" not in body:
        raise InvalidInputError("the Twilio webhook's body is no form")
    return Fields(found)


def _status(form: Fields) -> MessageStatusEvent:
    sid, status = form.text("MessageSid") or form.text("SmsSid"), form.text("MessageStatus") or form.text("SmsStatus")
    if sid is None or status is None:
        raise InvalidInputError("the Twilio webhook names no message or no state of it", field="MessageSid")
    return MessageStatusEvent(
        event_id=f"{sid}:{status}",
        kind=f"message.{status}",
        message_sid=sid,
        status=SmsStatus.of(status),
        to=form.text("To"),
        sender=form.text("From"),
        error_code=form.text("ErrorCode"),
    )


def _inbound(form: Fields) -> InboundSms:
    sid = form.text("MessageSid") or form.text("SmsMessageSid") or form.text("SmsSid")
    sender, to = form.text("From"), form.text("To")
    if sid is None or sender is None or to is None:
        raise InvalidInputError("the Twilio webhook holds no message: MessageSid, From or To is missing", field="From")
    verdict = (form.text("OptOutType") or "").upper()
    return InboundSms(
        event_id=f"{sid}:received",
        kind="message.received",
        message_sid=sid,
        sender=sender,
        to=to,
        body=form.verbatim("Body"),
        segments=max(form.whole("NumSegments") or 0, 1),
        media=max(form.whole("NumMedia") or 0, 0),
        opt_out=OptOut(verdict) if verdict in OptOut.__members__ else None,
    )


def _call(form: Fields) -> CallStatusEvent:
    sid, status = form.text("CallSid"), form.text("CallStatus")
    if sid is None or status is None:
        raise InvalidInputError("the Twilio webhook names no call or no state of it", field="CallSid")
    return CallStatusEvent(
        event_id=f"{sid}:{status}:{form.text('SequenceNumber') or ''}",
        kind=f"call.{status}",
        call_sid=sid,
        status=status,
        to=form.text("To"),
        sender=form.text("From"),
        seconds=form.whole("CallDuration"),
        occurred_at=read_rfc2822(form.text("Timestamp")),
    )
