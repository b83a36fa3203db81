"""Resend (resend.com/docs): sends email by its batch or single call, reads Message-IDs, checks and reads its webhooks.

Idempotency keys hold for 24 hours and stand for the exact bytes, so equal input makes equal bytes. A refusal is
definite; a 5xx, a time-out or another request in progress under the same key leaves the outcome unknown.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from urllib.parse import quote

from agency_os.exceptions import InvalidInputError, ProviderLimitError, ProviderRefusedError, ProviderUnknownError
from agency_os.integrations.json_fields import Fields, clean_text, read_webhook
from agency_os.integrations.mail_transport import (
    MailEvent,
    MailEventKind,
    OutgoingEmail,
    SendResult,
    SentEmail,
    canonical_json,
)
from agency_os.integrations.provider_api import Connection, Dialect, Problem, ProviderApi, json_problem
from agency_os.integrations.webhook import EventName, Webhook, WebhookSource, must_carry
from agency_os.kit.retry import RetryPolicy
from agency_os.kit.signatures import verify_standard_webhook

NAME = "resend"
_LONGEST_KEY = 256
_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")


@json_problem
def _read_problem(body: Fields) -> Problem:
    return Problem(body.text("name"), body.text("message") or "")


# resend.com/docs/api-reference/errors; what is not listed follows the general rule of Dialect.kind_of.
DIALECT = Dialect(
    NAME,
    _read_problem,
    kinds={
        "rate_limit_exceeded": ProviderLimitError,
        "daily_quota_exceeded": ProviderLimitError,
        "monthly_quota_exceeded": ProviderLimitError,
        # The first request under this key is still on its way: what became of it is not known yet, and another key
        # would send a second email.
        "concurrent_idempotent_requests": ProviderUnknownError,
        "invalid_idempotent_request": ProviderRefusedError,
        # A wrong or revoked key is mended by the operator, and must not use up what waits to be sent.
        "missing_api_key": ProviderLimitError,
        "invalid_api_key": ProviderLimitError,
        "restricted_api_key": ProviderLimitError,
    },
    passing=frozenset({"rate_limit_exceeded"}),
)
POLICY = RetryPolicy(attempts=4, first_wait=0.5, longest_wait=5.0)

_KINDS = {
    "email.sent": MailEventKind.SENT,
    "email.scheduled": MailEventKind.SCHEDULED,
    "email.delivered": MailEventKind.DELIVERED,
    "email.delivery_delayed": MailEventKind.DELAYED,
    "email.bounced": MailEventKind.BOUNCED,
    "email.complained": MailEventKind.COMPLAINED,
    "email.opened": MailEventKind.OPENED,
    "email.clicked": MailEventKind.CLICKED,
    "email.failed": MailEventKind.FAILED,
    "email.suppressed": MailEventKind.SUPPRESSED,
    "email.received": MailEventKind.RECEIVED,
}

PASSING_EVENTS = frozenset(
    name
    for name, kind in _KINDS.items()
    if kind
    in {
        MailEventKind.SENT,
        MailEventKind.SCHEDULED,
        MailEventKind.DELIVERED,
        MailEventKind.DELAYED,
        MailEventKind.OPENED,
        MailEventKind.CLICKED,
    }
)
"""Event types that only tell how a message fares: they stop nothing and change nobody's state."""


class ResendClient:
    """Sends through Resend; one per API key. Implements MailTransport."""

    name = NAME
    key_window = timedelta(hours=24)
    batch_limit = 100

    def __init__(self, connection: Connection) -> None:
        self._api = ProviderApi(
            connection,
            DIALECT,
            {"Authorization": f"Bearer {connection.api_key}"},
            policy=POLICY,
        )

    async def send(self, email: OutgoingEmail, *, key: str) -> SendResult:
        """Send one email under ``key``. Raises ProviderError with its outcome, InvalidInputError before anything
        left.
        """
        response = await self._api.act("send", "/emails", canonical_json(_wire(email)), headers=_key_header(key))
        provider_id = self._api.read_answer("send", response, Decimal(1)).text("id")
        if provider_id is None:
            raise self._api.unreadable("send", response, "without an id", Decimal(1))
        return SendResult((provider_id,), Decimal(1))

    async def send_batch(self, emails: Sequence[OutgoingEmail], *, key: str) -> SendResult:
        """Send 1 to 100 emails, all or none, under ``key``. Errors as for ``send``."""
        if not 1 <= len(emails) <= self.batch_limit:
            raise InvalidInputError(f"a batch holds 1 to {self.batch_limit} emails, not {len(emails)}")
        headers = {**_key_header(key), "x-batch-validation": "strict"}
        body = canonical_json([_wire(email) for email in emails])
        response = await self._api.act("send_batch", "/emails/batch", body, headers=headers)
        units = Decimal(len(emails))
        answer = self._api.read_answer("send_batch", response, units)
        ids = tuple(provider_id for entry in answer.each("data") if (provider_id := entry.text("id")))
        if len(ids) != len(emails):
            raise self._api.unreadable("send_batch", response, f"{len(ids)} ids for {len(emails)} emails", units)
        return SendResult(ids, units)

    async def message_id(self, provider_id: str) -> str | None:
        """The Message-ID that Resend gave to an email; None while it is not known."""
        try:
            response = await self._api.look_up("message_id", _path(provider_id))
        except ProviderRefusedError as error:
            if error.http_status == 404:  # not yet visible after sending
                return None
            raise
        return self._api.read_answer("message_id", response).text("message_id")

    async def read_email(self, provider_id: str) -> SentEmail | None:
        """An email as Resend remembers it, with what happened to it last; None if it knows none of that id.

        Raises ProviderError.
        """
        try:
            response = await self._api.look_up("read_email", _path(provider_id))
        except ProviderRefusedError as error:
            if error.http_status == 404:
                return None
            raise
        email = _sent_email(self._api.read_answer("read_email", response))
        if email is None:
            raise self._api.unreadable("read_email", response, "without an id or a time")
        return email

    async def list_recent(self, limit: int = 100, after: str | None = None) -> list[SentEmail]:
        """The emails sent last, newest first, at most 100; ``after`` continues behind the email of that id."""
        query: dict[str, str | int] = {"limit": max(1, min(limit, 100))}
        if after is not None:
            query["after"] = after
        response = await self._api.look_up("list_recent", "/emails", query)
        found = (_sent_email(entry) for entry in self._api.read_answer("list_recent", response).each("data"))
        return [email for email in found if email is not None]


def _path(provider_id: str) -> str:
    return f"/emails/{quote(provider_id, safe='')}"


def _key_header(key: str) -> dict[str, str]:
    if not 1 <= len(key) <= _LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise InvalidInputError(f"an idempotency key has 1 to {_LONGEST_KEY} printable ASCII characters", field="key")
    return {"Idempotency-Key": key}


def _wire(email: OutgoingEmail) -> dict[str, object]:
    wrong = [part for pair in email.tags.items() for part in pair if not _TAG.fullmatch(part)]
    if wrong:
        raise InvalidInputError(f"Resend's tags hold only letters, digits, _ and -: {wrong[0][:40]!r}", field="tags")
    optional: dict[str, object] = {
        "html": email.html,
        "reply_to": email.reply_to,
        "headers": dict(email.headers),
        "tags": [{"name": name, "value": email.tags[name]} for name in sorted(email.tags)],
    }
    required = {"from": email.sender, "to": [email.to], "subject": email.subject, "text": email.text}
    return {**required, **{name: value for name, value in optional.items() if value}}


def _sent_email(entry: Fields) -> SentEmail | None:
    provider_id, created_at = entry.text("id"), entry.moment("created_at")
    if provider_id is None or created_at is None:
        return None
    return SentEmail(
        id=provider_id,
        to=entry.texts("to"),
        subject=entry.verbatim("subject"),
        created_at=created_at,
        message_id=entry.text("message_id"),
        last_event=entry.text("last_event"),
    )


def verify(body: bytes, headers: Mapping[str, str], secret: str, now: datetime) -> str:
    """The event id of a webhook signed by Resend (Svix); ``now`` is business time. Raises SignatureError."""
    return verify_standard_webhook(body, headers, secret, now, prefix="svix")


def parse_event(body: bytes, event_id: str | None = None) -> MailEvent:
    """The event in a webhook's body; give the ``event_id`` that ``verify`` returned (else it is made from the body).

    A suppressed recipient comes as ``email.suppressed`` or as a bounce of subtype Suppressed: both are ``suppressed``.
    Raises InvalidInputError for a body that is no event.
    """
    event = read_webhook(body, "Resend")
    event_type, data = _type_of(event), event.inner("data")
    bounce = data.inner("bounce")
    kind = _KINDS.get(event_type, MailEventKind.OTHER)
    if kind is MailEventKind.BOUNCED and bounce.text("subType") == "Suppressed":
        kind = MailEventKind.SUPPRESSED
    permanent = kind is MailEventKind.BOUNCED and bounce.text("type") == "Permanent"
    return MailEvent(
        event_id=event_id or hashlib.sha256(body).hexdigest(),
        kind=kind,
        provider_message_id=data.text("email_id"),
        recipient=next(iter(data.texts("to")), None),
        hard=permanent or kind is MailEventKind.SUPPRESSED,
        occurred_at=event.moment("created_at"),
        detail=_detail(event_type, data),
        tags=_tags(data),
    )


def webhooks(secret: str) -> WebhookSource:
    """Resend's webhooks, signed by Svix under ``secret``."""
    return WebhookSource(
        NAME,
        _name_event,
        admit=lambda headers, _: must_carry(headers, "svix-signature"),
        verify=lambda hook, now: _confirm(hook, secret, now),
    )


def _confirm(webhook: Webhook, secret: str, now: datetime) -> None:
    verify(webhook.body, webhook.headers, secret, now)


def _name_event(webhook: Webhook, _: datetime) -> EventName:
    event = read_webhook(webhook.body, "Resend")
    return EventName(webhook.headers["svix-id"], _type_of(event), event.moment("created_at"))


def _type_of(event: Fields) -> str:
    event_type = event.text("type")
    if event_type is None:
        raise InvalidInputError("the Resend webhook names no type", field="type")
    return event_type


def _detail(event_type: str, data: Fields) -> str:
    bounce = data.inner("bounce")
    parts = [
        bounce.text("type"),
        bounce.text("subType"),
        bounce.text("message"),
        data.inner("failed").text("reason"),
        data.inner("suppressed").text("message"),
        data.inner("click").text("link"),
    ]
    return ": ".join(part for part in parts if part)[:500] or event_type


def _tags(data: Fields) -> dict[str, str]:
    # An object in events, though a list of name and value on sending.
    tags, listed = data.raw("tags"), data.each("tags")
    if isinstance(tags, dict):
        return {clean_text(name): value for name in tags if (value := Fields(tags).text(name)) is not None}
    return {name: value for each in listed if (name := each.text("name")) and (value := each.text("value"))}
