"""Postmark's messages API (postmarkapp.com/developer/api/messages-api): finds inbound mail that no webhook brought.

A message's details have the webhook's own shape, so what is found is stored and read like a webhook, once by the same
id. Postmark gives up on a webhook after ten tries, or at once after 403; then it is to be told to try again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from urllib.parse import quote

from agency_os.domain.mail import InboundMail
from agency_os.exceptions import InvalidInputError, ProviderLimitError, ProviderRefusedError
from agency_os.integrations.json_fields import Fields
from agency_os.integrations.mail_transport import canonical_json
from agency_os.integrations.postmark import NAME, parse_inbound
from agency_os.integrations.provider_api import Connection, Dialect, Problem, ProviderApi, json_problem
from agency_os.kit.retry import RetryPolicy

MOST: Final = 500
"""Messages of one page (``count``)."""
DEEPEST: Final = 10_000
"""What ``count`` and ``offset`` may come to together; whoever needs more asks for fewer days."""
_NO_MESSAGE: Final = "701"
_NOTHING: Final = Decimal(0)


@json_problem
def _read_problem(body: Fields) -> Problem:
    return Problem(body.text("ErrorCode"), body.text("Message") or "")


_DIALECT = Dialect(
    NAME,
    _read_problem,
    # 10 is a wrong token, which the operator mends; 100 says that Postmark is being maintained.
    kinds={"10": ProviderLimitError, "100": ProviderLimitError, 401: ProviderLimitError},
    passing=frozenset({429}),
)


@dataclass(frozen=True, slots=True)
class FoundMail:
    """A message in the list. ``event_id`` is the one that its webhook has; ``status`` processed, blocked, queued,
    scheduled or failed: how that webhook fares."""

    message_id: str
    event_id: str
    status: str


@dataclass(frozen=True, slots=True)
class MailPage:
    """Some messages, newest first; ``next_offset`` continues behind them, None at the end."""

    found: tuple[FoundMail, ...]
    total: int
    next_offset: int | None
    units: Decimal = _NOTHING


@dataclass(frozen=True, slots=True)
class MailDetails:
    """One message whole: as we read it, and ``body`` to be stored in place of the webhook's. Attachments' contents are
    in the webhook alone."""

    mail: InboundMail
    body: bytes
    status: str
    units: Decimal = _NOTHING


class PostmarkClient:
    """One Postmark server, by its token."""

    name = NAME

    def __init__(self, connection: Connection) -> None:
        self._api = ProviderApi(
            connection,
            _DIALECT,
            {"X-Postmark-Server-Token": connection.api_key},
            policy=RetryPolicy(attempts=4, first_wait=0.5, longest_wait=8.0),
        )

    async def search_inbound(
        self, *, since: date, until: date, status: str | None = None, offset: int = 0, count: int = MOST
    ) -> MailPage:
        """What came in from ``since`` to ``until``, both included.

        Postmark counts days in United States Eastern time: leave a day on either side. Raises ProviderError;
        InvalidInputError for a page that Postmark does not give out.
        """
        if not 1 <= count <= MOST or offset < 0 or count + offset > DEEPEST:
            raise InvalidInputError(
                f"a page has 1 to {MOST} messages, and ends before the {DEEPEST}th: ask for fewer days", field="offset"
            )
        query: dict[str, str | int] = {
            "count": count,
            "offset": offset,
            "fromdate": since.isoformat(),
            "todate": until.isoformat(),
        }
        if status is not None:
            query["status"] = status
        response = await self._api.look_up("search_inbound", "/messages/inbound", query)
        answer = self._api.read_answer("search_inbound", response)
        total = answer.whole("TotalCount")
        if total is None or not isinstance(answer.raw("InboundMessages"), list):
            raise self._api.unreadable("search_inbound", response, "without a list of messages")
        entries = answer.each("InboundMessages")
        found = tuple(
            FoundMail(message_id, f"inbound:{message_id}", (entry.text("Status") or "").lower())
            for entry in entries
            if (message_id := entry.text("MessageID")) is not None
        )
        reached = offset + len(entries)
        return MailPage(found, total, reached if entries and reached < min(total, DEEPEST) else None)

    async def inbound(self, message_id: str, *, now: datetime) -> MailDetails | None:
        """One message, received at ``now`` as far as we are concerned; None when Postmark knows none of that id.

        Raises ProviderError.
        """
        try:
            response = await self._api.look_up("inbound", f"/messages/inbound/{quote(message_id, safe='')}/details")
        except ProviderRefusedError as error:
            if error.provider_code == _NO_MESSAGE:
                return None
            raise
        answer = self._api.read_answer("inbound", response)
        try:
            mail = parse_inbound(response.body, now=now)
        except InvalidInputError:
            raise self._api.unreadable("inbound", response, "without sender or id") from None
        return MailDetails(mail, response.body, (answer.text("Status") or "").lower())

    async def set_webhooks(self, url: str) -> None:
        """Let this server's inbound mail and bounces be told to ``url``, which carries our credentials.

        Raises ProviderError.
        """
        body = canonical_json({"InboundHookUrl": url, "BounceHookUrl": url})
        response = await self._api.act("set_webhooks", "/server", body, method="PUT")
        if self._api.read_answer("set_webhooks", response).text("InboundHookUrl") != url:
            raise self._api.unreadable("set_webhooks", response, "without the address that it was given")

    async def retry_inbound(self, message_id: str) -> None:
        """Let Postmark call our webhook again for a message that it gave up on. It costs nothing.

        Raises ProviderError; ProviderRefusedError also when Postmark has not given up.
        """
        path = f"/messages/inbound/{quote(message_id, safe='')}/retry"
        response = await self._api.act("retry_inbound", path, b"", method="PUT")
        if self._api.read_answer("retry_inbound", response).whole("ErrorCode") != 0:
            raise self._api.unreadable("retry_inbound", response, "without saying that it will")
