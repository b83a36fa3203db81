"""Resend (resend.com/docs/dashboard/receiving): the mail that it received for a domain of ours.

Its webhook ``email.received`` carries no body and no headers, so the letter is read from the API by its id; the list
finds letters that no webhook brought. Everything here only reads, and is repeated within bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import getaddresses, parseaddr
from urllib.parse import quote, urlsplit

from agency_os.domain.mail import REPORT_TYPES, InboundMail, ReportPart, message_ids
from agency_os.exceptions import InvalidInputError, ProviderRefusedError
from agency_os.integrations.json_fields import Fields, clean_text
from agency_os.integrations.provider_api import Connection, ProviderApi
from agency_os.integrations.resend import DIALECT, NAME, POLICY
from agency_os.kit.http import HttpResponse

MOST_PER_PAGE = 100
_MOST_REPORTS = 8
"""A delivery report has three parts (RFC 3464); nobody makes us fetch more than these."""


@dataclass(frozen=True, slots=True)
class ReceivedAttachment:
    """What stands in a letter beside its text. ``size`` is in bytes. Who holds ``download_url`` may read it until
    ``expires_at`` (Resend's time, UTC)."""

    id: str
    filename: str | None
    content_type: str
    content_id: str | None
    is_inline: bool
    size: int | None
    download_url: str | None = field(repr=False)
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReceivedEmail:
    """A letter as the list shows it, without text and headers. ``created_at`` is Resend's time of receipt, UTC."""

    id: str
    sender: str
    to: tuple[str, ...]
    subject: str
    message_id: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ReceivedPage:
    """Letters, newest first."""

    emails: tuple[ReceivedEmail, ...]
    has_more: bool

    @property
    def after(self) -> str | None:
        """What continues behind this page; None after the last."""
        return self.emails[-1].id if self.emails and self.has_more else None


class ResendInboundClient:
    """Reads received mail at Resend; one per API key, which must not be a key for sending alone."""

    name = NAME

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        key = {"Authorization": f"Bearer {connection.api_key}"}
        self._api = ProviderApi(connection, DIALECT, key, policy=POLICY)
        # Attachments lie at an address of their own, signed, at another host: our key is not for it.
        self._files = ProviderApi(replace(connection, base_url=""), DIALECT, {"Accept": "*/*"}, policy=POLICY)

    async def received(self, email_id: str, *, now: datetime) -> InboundMail | None:
        """The letter that Resend's event names as ``email_id``, with its reports; None if Resend knows none.

        ``now`` is the business time of its receipt. Raises ProviderError.
        """
        try:
            response = await self._api.look_up("received", f"/emails/receiving/{quote(email_id, safe='')}")
        except ProviderRefusedError as error:
            if error.http_status == 404 and error.provider_code is not None:  # else it is no answer of Resend's
                return None
            raise
        letter = self._api.read_answer("received", response)
        name, address = parseaddr(letter.text("from") or "")
        if not address:
            raise self._api.unreadable("received", response, "a letter without a sender")
        reports = any(_type_of(each) in REPORT_TYPES for each in letter.each("attachments"))
        headers = tuple(_headers(letter))
        answered = message_ids(_header(headers, "in-reply-to"))
        to = _addresses(letter)
        return InboundMail(
            event_id=f"received:{email_id}",
            from_email=address,
            from_name=name,
            to=to,
            mailbox_hash=next((found for each in to if (found := each.rpartition("@")[0].partition("+")[2])), ""),
            subject=letter.text("subject") or "",
            text=letter.verbatim("text"),
            html=letter.verbatim("html"),
            headers=headers,
            message_id=next(iter(message_ids(letter.text("message_id") or _header(headers, "message-id"))), None),
            in_reply_to=next(iter(answered), None),
            references=message_ids(_header(headers, "references")),
            received_at=now,
            reports=await self._reports(email_id) if reports else (),
        )

    async def attachments(self, email_id: str) -> tuple[ReceivedAttachment, ...]:
        """What stands in a letter beside its text, with addresses to fetch it from. Raises ProviderError."""
        path = f"/emails/receiving/{quote(email_id, safe='')}/attachments"
        response = await self._api.look_up("attachments", path, {"limit": MOST_PER_PAGE})
        found = (_attachment(entry) for entry in self._listed("attachments", response).each("data"))
        return tuple(attachment for attachment in found if attachment is not None)

    async def list_received(self, *, limit: int = MOST_PER_PAGE, after: str | None = None) -> ReceivedPage:
        """The letters received last, newest first, 1 to 100; ``after`` continues behind the letter of that id.

        Raises ProviderError.
        """
        if not 1 <= limit <= MOST_PER_PAGE:
            raise InvalidInputError(f"a page of Resend's holds 1 to {MOST_PER_PAGE} letters", field="limit")
        query: dict[str, str | int] = {"limit": limit} if after is None else {"limit": limit, "after": after}
        response = await self._api.look_up("list_received", "/emails/receiving", query)
        answer = self._listed("list_received", response)
        found = (_received_email(entry) for entry in answer.each("data"))
        return ReceivedPage(
            tuple(email for email in found if email is not None), has_more=answer.flag("has_more") is True
        )

    def _listed(self, operation: str, response: HttpResponse) -> Fields:
        answer = self._api.read_answer(operation, response)
        if not isinstance(answer.raw("data"), list):
            raise self._api.unreadable(operation, response, "without a list")
        return answer

    async def _reports(self, email_id: str) -> tuple[ReportPart, ...]:
        """The parts of a delivery or complaint report, which the letter names and does not hold."""
        wanted = [each for each in await self.attachments(email_id) if each.content_type in REPORT_TYPES]
        parts = []
        for each in wanted[:_MOST_REPORTS]:
            if each.download_url is not None and self._is_trusted(each.download_url):
                response = await self._files.look_up("received", each.download_url)
                parts.append(ReportPart(each.content_type, clean_text(response.body.decode("utf-8", "replace"))))
        return tuple(parts)

    def _is_trusted(self, url: str) -> bool:
        """Encrypted, or at the API's own host; anything else is not fetched."""
        asked, own = urlsplit(url), urlsplit(self._connection.base_url)
        return asked.scheme == "https" or (asked.scheme, asked.netloc) == (own.scheme, own.netloc)


def _headers(letter: Fields) -> Iterator[tuple[str, str]]:
    given = letter.raw("headers")
    values = letter.inner("headers")
    for name in given if isinstance(given, dict) else ():
        for value in values.texts(name):
            yield clean_text(str(name)), value


def _header(headers: tuple[tuple[str, str], ...], name: str) -> str:
    return " ".join(value for key, value in headers if key.lower() == name)


def _addresses(letter: Fields) -> tuple[str, ...]:
    given = [text for name in ("to", "cc", "bcc") for text in letter.texts(name)]
    return tuple(dict.fromkeys(address for _, address in getaddresses(given) if "@" in address))


def _type_of(attachment: Fields) -> str:
    return (attachment.text("content_type") or "").partition(";")[0].strip().lower()


def _attachment(entry: Fields) -> ReceivedAttachment | None:
    attachment_id = entry.text("id")
    if attachment_id is None:
        return None
    return ReceivedAttachment(
        id=attachment_id,
        filename=entry.text("filename"),
        content_type=_type_of(entry),
        content_id=entry.text("content_id"),
        is_inline=entry.text("content_disposition") == "inline",
        size=entry.whole("size"),
        download_url=entry.text("download_url"),
        expires_at=entry.moment("expires_at"),
    )


def _received_email(entry: Fields) -> ReceivedEmail | None:
    email_id, created_at = entry.text("id"), entry.moment("created_at")
    if email_id is None or created_at is None:
        return None
    return ReceivedEmail(
        id=email_id,
        sender=entry.verbatim("from"),
        to=entry.texts("to"),
        subject=entry.verbatim("subject"),
        message_id=entry.text("message_id"),
        created_at=created_at,
    )
