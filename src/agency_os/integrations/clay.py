"""Clay (university.clay.com, "Webhooks", "HTTP API"): a table takes a person by its webhook, and calls us back.

The table's webhook only acknowledges. Its last column, an HTTP call that the user sets up as docs/providers/clay.md
shows, brings what Clay found to our callback, minutes later or never; the row's ``id`` says which question it answers.
There are no idempotency keys: a row handed over twice is paid twice, so no row is. A row for which nothing is found
costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from agency_os.exceptions import InvalidInputError, ProviderLimitError
from agency_os.integrations.json_fields import Fields, read_webhook, short_hash
from agency_os.integrations.mail_transport import canonical_json
from agency_os.integrations.provider_api import Connection, Dialect, Problem, ProviderApi, json_problem
from agency_os.integrations.webhook import EventName, Webhook, WebhookSource, same_secret

NAME = "clay"
CALLBACK_HEADER = "x-agency-os-secret"


@json_problem
def _read_problem(body: Fields) -> Problem:
    return Problem(None, body.text("message") or body.text("error") or "")


# A wrong token, a table that has taken all of its 50,000 rows or a plan without credits is mended by the operator, and
# says nothing of the person.
_DIALECT = Dialect(
    NAME,
    _read_problem,
    kinds={401: ProviderLimitError, 402: ProviderLimitError, 403: ProviderLimitError, 404: ProviderLimitError},
    passing=frozenset({429}),
)


@dataclass(frozen=True, slots=True)
class ClayRow:
    """A person as the table takes them. ``id`` is ours, and comes back with the answer."""

    id: str
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    company: str | None = None
    domain: str | None = None
    linkedin_url: str | None = None


@dataclass(frozen=True, slots=True)
class ClayAnswer:
    """What a row's callback brings; None is not known. ``email_status`` is the waterfall's word (``valid`` …)."""

    id: str
    first_name: str | None
    last_name: str | None
    title: str | None
    email: str | None
    email_status: str | None
    phone: str | None
    linkedin_url: str | None
    company: str | None
    domain: str | None
    industry: str | None
    employee_count: int | None
    country: str | None
    state: str | None
    founded_year: int | None
    is_hiring: bool | None


class ClayClient:
    """Hands people over to one table; ``credits_per_row`` is what its columns cost together."""

    def __init__(self, connection: Connection, credits_per_row: Decimal) -> None:
        self._api = ProviderApi(connection, _DIALECT, {"x-clay-webhook-auth": connection.api_key})
        self.credits_per_row = credits_per_row

    async def hand_over(self, row: ClayRow) -> None:
        """Put one row into the table; it costs at most ``credits_per_row``. Raises ProviderError.

        After an unknown outcome the credits may have been spent, and the answer may still come.
        """
        known = {name: value for name in ClayRow.__slots__ if (value := getattr(row, name))}
        response = await self._api.act("hand_over", "", canonical_json(known))
        if response.body.strip():  # only an acknowledgement, but a page instead of one comes from elsewhere
            self._api.read_answer("hand_over", response, self.credits_per_row)


def webhooks(secret: str) -> WebhookSource:
    """Callbacks of the table, which carry our ``secret`` in a header that the user has typed in."""
    return WebhookSource(NAME, _name_event, admit=lambda headers, _: _admit(headers, secret))


def _admit(headers: Mapping[str, str], secret: str) -> None:
    found = {name.lower(): value for name, value in headers.items()}
    same_secret(found.get(CALLBACK_HEADER), secret)


def _name_event(webhook: Webhook, _: datetime) -> EventName:
    # A row that is run again in the table calls again, perhaps with more: the body is part of its name.
    return EventName(f"{parse_answer(webhook.body).id}:{short_hash(webhook.body)}", "row", None)


def parse_answer(body: bytes) -> ClayAnswer:
    """The row in a callback's body. Raises InvalidInputError for a body without our id."""
    row = read_webhook(body, "Clay")
    own = row.text("id")
    if own is None:
        raise InvalidInputError("the Clay callback names no id: send the row's own `id` back", field="id")
    return ClayAnswer(
        id=own,
        first_name=row.text("first_name"),
        last_name=row.text("last_name"),
        title=row.text("title"),
        email=row.text("email"),
        email_status=row.text("email_status"),
        phone=row.text("phone"),
        linkedin_url=row.text("linkedin_url"),
        company=row.text("company"),
        domain=row.text("domain"),
        industry=row.text("industry"),
        employee_count=row.whole("employee_count"),
        country=row.text("country"),
        state=row.text("state"),
        founded_year=row.whole("founded_year"),
        is_hiring=_flag(row),
    )


def _flag(row: Fields) -> bool | None:
    """A column's truth value; Clay's templates turn every value into text."""
    flag = row.flag("is_hiring")
    return flag if flag is not None else {"true": True, "false": False}.get((row.text("is_hiring") or "").lower())
