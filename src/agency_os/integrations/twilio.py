"""Twilio (twilio.com/docs/messaging/api): sends text messages, finds what was sent, and sets a number's webhook.

Twilio knows no idempotency keys: after a time-out ``find_messages`` says whether a message went out, before another is
sent. Only a 429 with code 20429 is repeated on its own, because Twilio says of it that nothing was done. Units are
segments.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final
from urllib.parse import quote, urlencode

from agency_os.exceptions import InvalidInputError, ProviderLimitError, ProviderRefusedError
from agency_os.integrations.json_fields import Fields, clean_text
from agency_os.integrations.provider_api import FORM, Connection, Dialect, Problem, ProviderApi, json_problem
from agency_os.kit.clock import to_utc
from agency_os.kit.retry import RetryPolicy
from agency_os.kit.sms import count_segments

NAME = "twilio"
LONGEST_BODY: Final = 1600
"""Characters in one message (error 21617 beyond)."""

OPTED_OUT: Final = "21610"
"""``provider_code`` of the error that says: this person answered STOP to this sender. Suppress, never ask again."""

_NOT_FOUND = "20404"
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
_NAMED_SENDER = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 +_&-]{1,11}")
_PAGE_SIZE = 100
_MOST_PAGES = 50


@json_problem
def _read_problem(body: Fields) -> Problem:
    return Problem(body.text("code"), body.text("message") or "")


# twilio.com/docs/api/errors; what is not listed follows the general rule of Dialect.kind_of.
_DIALECT = Dialect(
    NAME,
    _read_problem,
    kinds={
        # A wrong token is mended by the operator, and must not use up what waits to be sent.
        "20003": ProviderLimitError,
        401: ProviderLimitError,
    },
    passing=frozenset({"20429"}),
    request_id="twilio-request-id",
)


class SmsStatus(StrEnum):
    """Twilio's states of a message (twilio.com/docs/messaging/api/message-resource); OTHER is one we do not know."""

    QUEUED = "queued"
    ACCEPTED = "accepted"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    PARTIALLY_DELIVERED = "partially_delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    CANCELED = "canceled"
    RECEIVING = "receiving"
    RECEIVED = "received"
    READ = "read"
    OTHER = "other"

    @classmethod
    def of(cls, text: str | None) -> SmsStatus:
        """The state of this name."""
        try:
            return cls(text or "")
        except ValueError:
            return cls.OTHER


@dataclass(frozen=True, slots=True)
class OutgoingSms:
    """One text message. ``to`` is E.164; ``sender`` is E.164, the sid of a messaging service (MG…), or a registered
    name of at most 11 characters, which nobody can answer. ``status_callback`` is the whole address that is told of
    every change of state; what stands in its query comes back with it.

    Raises InvalidInputError for a message that Twilio would refuse for its form.
    """

    to: str
    sender: str
    body: str = field(repr=False)
    status_callback: str | None = None

    def __post_init__(self) -> None:
        if not _E164.fullmatch(self.to):
            raise InvalidInputError("a recipient's number is in E.164, such as +61491570156", field="to")
        if not any(form.fullmatch(self.sender) for form in (_E164, _SERVICE, _NAMED_SENDER)):
            raise InvalidInputError(
                "a sender is a number in E.164, a service's MG… or up to 11 letters", field="sender"
            )
        if not 1 <= len(self.body) <= LONGEST_BODY or not self.body.strip():
            raise InvalidInputError(f"a text message has 1 to {LONGEST_BODY} characters", field="body")

    @property
    def segments(self) -> int:
        """What the message is charged as."""
        return count_segments(clean_text(self.body))


@dataclass(frozen=True, slots=True)
class SmsMessage:
    """A message as Twilio shows it. ``units`` are its segments; ``sender`` is None while a messaging service has not
    chosen a number. Times are aware UTC; ``sent_at`` is None for what has not left yet."""

    sid: str
    status: SmsStatus
    to: str | None
    sender: str | None
    body: str = field(repr=False)
    units: Decimal
    is_inbound: bool = False
    error_code: str | None = None
    created_at: datetime | None = None
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TwilioNumber:
    """One of the account's numbers and where it hands over what is texted to it."""

    sid: str
    number: str
    sms_url: str | None


class TwilioClient:
    """Speaks for one account; ``connection.api_key`` is its auth token."""

    name = NAME

    def __init__(self, connection: Connection, account_sid: str) -> None:
        pair = base64.b64encode(f"{account_sid}:{connection.api_key}".encode()).decode()
        self._api = ProviderApi(
            connection,
            _DIALECT,
            {"Authorization": f"Basic {pair}"},
            policy=RetryPolicy(attempts=4, first_wait=0.5, longest_wait=5.0),
        )
        self._account = f"/2010-04-01/Accounts/{quote(account_sid, safe='')}"

    async def send_sms(self, sms: OutgoingSms) -> SmsMessage:
        """Send one message. Raises ProviderError with its outcome; ``provider_code`` OPTED_OUT means: suppress."""
        form = {"To": sms.to, "Body": clean_text(sms.body)}
        form["MessagingServiceSid" if _SERVICE.fullmatch(sms.sender) else "From"] = sms.sender
        if sms.status_callback is not None:
            form["StatusCallback"] = sms.status_callback
        response = await self._api.act("send_sms", f"{self._account}/Messages.json", _encoded(form), headers=FORM)
        units = Decimal(sms.segments)
        # A messaging service names 0 segments until it has chosen a sender: then our own count stands.
        message = _read_message(self._api.read_answer("send_sms", response, units), units)
        if message is None:
            raise self._api.unreadable("send_sms", response, "without a sid", units)
        return message

    async def read_message(self, sid: str) -> SmsMessage | None:
        """The message of this sid; None when there is none. Raises ProviderError."""
        try:
            response = await self._api.look_up("read_message", f"{self._account}/Messages/{quote(sid, safe='')}.json")
        except ProviderRefusedError as error:
            # A 404 without Twilio's own code comes from a wrong address, and says nothing of a message.
            if error.http_status == 404 and error.provider_code == _NOT_FOUND:
                return None
            raise
        message = _read_message(self._api.read_answer("read_message", response))
        if message is None:
            raise self._api.unreadable("read_message", response, "without a sid")
        return message

    async def find_messages(
        self,
        *,
        to: str | None = None,
        sender: str | None = None,
        sent_since: datetime | None = None,
        most: int = 200,
    ) -> list[SmsMessage]:
        """Messages between these numbers, newest first, at most ``most``: what a time-out is cleared up with.

        ``sent_since`` (aware) asks for those sent then or later. A message that has not left yet has no such time and
        can be missing then; leave it out, and look at ``created_at``, where a second message would do harm. Raises
        ProviderError.
        """
        query: dict[str, str | int] = {"PageSize": max(1, min(most, _PAGE_SIZE))}
        since = None if sent_since is None else to_utc(sent_since).strftime("%Y-%m-%dT%H:%M:%SZ")
        query |= {name: value for name, value in (("To", to), ("From", sender), ("DateSent>", since)) if value}
        path, found = f"{self._account}/Messages.json", list[SmsMessage]()
        for page in range(_MOST_PAGES):
            response = await self._api.look_up("find_messages", path, None if page else query)
            answer = self._api.read_answer("find_messages", response)
            if not isinstance(answer.raw("messages"), list):
                raise self._api.unreadable("find_messages", response, "without a list of messages")
            found += [message for each in answer.each("messages") if (message := _read_message(each))]
            following = answer.text("next_page_uri")
            if following is None or len(found) >= most:
                break
            if not following.startswith(f"{self._account}/Messages.json?"):
                raise self._api.unreadable("find_messages", response, "with a next page elsewhere")
            path = following
        return found[:most]

    async def find_number(self, number: str) -> TwilioNumber | None:
        """The account's number of this E.164 spelling; None when it does not own it. Raises ProviderError."""
        path = f"{self._account}/IncomingPhoneNumbers.json"
        response = await self._api.look_up("find_number", path, {"PhoneNumber": number})
        answer = self._api.read_answer("find_number", response)
        if not isinstance(answer.raw("incoming_phone_numbers"), list):
            raise self._api.unreadable("find_number", response, "without a list of numbers")
        numbers = [_read_number(each) for each in answer.each("incoming_phone_numbers")]
        return next((each for each in numbers if each is not None and each.number == number), None)

    async def set_sms_webhook(self, number_sid: str, url: str) -> TwilioNumber:
        """Let the number hand over what is texted to it to ``url``. Raises ProviderError."""
        path = f"{self._account}/IncomingPhoneNumbers/{quote(number_sid, safe='')}.json"
        body = _encoded({"SmsUrl": url, "SmsMethod": "POST"})
        response = await self._api.act("set_sms_webhook", path, body, headers=FORM)
        number = _read_number(self._api.read_answer("set_sms_webhook", response))
        if number is None:
            raise self._api.unreadable("set_sms_webhook", response, "without a number")
        return number


def _encoded(form: Mapping[str, str]) -> bytes:
    return urlencode(sorted(form.items())).encode("ascii")


def _read_message(answer: Fields, expected: Decimal = Decimal(0)) -> SmsMessage | None:
    sid = answer.text("sid")
    if sid is None:
        return None
    return SmsMessage(
        sid=sid,
        status=SmsStatus.of(answer.text("status")),
        to=answer.text("to"),
        sender=answer.text("from"),
        body=answer.verbatim("body"),
        units=Decimal(max(answer.whole("num_segments") or 0, 0)) or expected,
        is_inbound=answer.text("direction") == "inbound",
        error_code=answer.text("error_code"),
        created_at=read_rfc2822(answer.text("date_created")),
        sent_at=read_rfc2822(answer.text("date_sent")),
    )


def _read_number(answer: Fields) -> TwilioNumber | None:
    sid, number = answer.text("sid"), answer.text("phone_number")
    return None if sid is None or number is None else TwilioNumber(sid, number, answer.text("sms_url"))


def read_rfc2822(text: str | None) -> datetime | None:
    """Twilio's times (RFC 2822) as aware UTC; None where there is none to be read."""
    try:
        moment = parsedate_to_datetime(text or "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
