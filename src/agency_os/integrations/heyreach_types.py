"""What HeyReach's API holds: accounts (seats), campaigns of one step, leads and their state, conversations.

Input: JSON as HeyReach answers it, whose shapes are known by observation only, so whatever is missing reads as None.
Promise: everything here is frozen and typed; times are aware UTC, and one without a zone counts as UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Final, Generic, TypeVar

from agency_os.exceptions import InvalidInputError
from agency_os.integrations.json_fields import Fields

T_co = TypeVar("T_co", covariant=True)

NO_UNITS: Final = Decimal(0)
TEXT_FIELD: Final = "agency_text"
SUBJECT_FIELD: Final = "agency_subject"
"""The leads' custom fields that carry each one's own words into a campaign that all of them share."""

PERSONAL_TEXT: Final = "{{" + TEXT_FIELD + "}}"
PERSONAL_SUBJECT: Final = "{{" + SUBJECT_FIELD + "}}"

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SHORTEST_DELAY: Mapping[str, object] = {"actionDelay": 3, "actionDelayUnit": "HOUR"}
"""Observed 2026-05-04: the validator refuses less on CONNECTION_REQUEST and on every END, though 0 is published."""


class LinkedInAction(StrEnum):
    """One action on LinkedIn, in HeyReach's word for the node that does it."""

    INVITE = "CONNECTION_REQUEST"
    MESSAGE = "MESSAGE"
    INMAIL = "INMAIL"
    VIEW = "VIEW_PROFILE"
    FOLLOW = "FOLLOW"
    LIKE = "LIKE_POST"


LONGEST_TEXT: Final[Mapping[LinkedInAction, int]] = {
    LinkedInAction.INVITE: 300,
    LinkedInAction.MESSAGE: 8000,
    LinkedInAction.INMAIL: 1900,
}
"""Characters that HeyReach takes (heyreach.io/blog/campaign-api, payload objects)."""

_LONGEST_SUBJECT = 200


@dataclass(frozen=True, slots=True)
class Page(Generic[T_co]):
    """One page of a list. ``next_offset`` asks for the following one; None behind the last."""

    total: int
    items: tuple[T_co, ...]
    next_offset: int | None
    units: Decimal = NO_UNITS


@dataclass(frozen=True, slots=True)
class Done:
    """It was done. ``units`` are LinkedIn actions handed over; a seat is paid by the month, so a unit costs A$0."""

    units: Decimal = NO_UNITS


@dataclass(frozen=True, slots=True)
class Created:
    """The number that HeyReach gave to what was created."""

    id: int
    units: Decimal = NO_UNITS


@dataclass(frozen=True, slots=True)
class AddedLeads:
    """What became of a hand-over. ``updated`` were in the campaign before, so no second action follows; which ones
    ``failed`` HeyReach does not say. ``units`` are the actions that follow: those added."""

    added: int
    updated: int
    failed: int
    units: Decimal


@dataclass(frozen=True, slots=True)
class Account:
    """A connected LinkedIn account: one seat."""

    id: int
    first_name: str | None
    last_name: str | None
    email: str | None
    is_active: bool | None
    is_signed_in: bool | None
    active_campaigns: int | None
    units: Decimal = NO_UNITS

    @property
    def can_send(self) -> bool:
        """Whether nothing says that it cannot."""
        return self.is_active is not False and self.is_signed_in is not False


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign; ``status`` is DRAFT, IN_PROGRESS, PAUSED, FINISHED, CANCELED, FAILED, STARTING or SCHEDULED."""

    id: int
    name: str
    status: str
    account_ids: tuple[int, ...]
    list_id: int | None
    created_at: datetime | None
    units: Decimal = NO_UNITS


@dataclass(frozen=True, slots=True)
class CampaignLead:
    """A lead's state. ``status``: Pending, InSequence, Finished, Paused, Failed; ``connection``: None, ConnectionSent,
    ConnectionAccepted; ``message``: None, MessageSent, MessageReply (the words are HeyReach's, "None" among them)."""

    id: int | None
    profile_url: str | None
    account_id: int | None
    status: str | None
    connection: str | None
    message: str | None
    created_at: datetime | None
    last_action_at: datetime | None
    failed_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class LeadCampaign:
    """A campaign that holds a lead."""

    campaign_id: int
    name: str | None
    campaign_status: str | None
    lead_status: str | None


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message; ``is_theirs`` when the lead wrote it."""

    text: str
    at: datetime | None
    is_theirs: bool


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation of a seat, with as many of its messages as HeyReach gave, in its order."""

    id: str
    account_id: int
    campaign_id: int | None
    profile_url: str | None
    name: str
    last_message_at: datetime | None
    last_is_theirs: bool
    is_read: bool | None
    messages: tuple[ChatMessage, ...] = field(repr=False)
    units: Decimal = NO_UNITS


@dataclass(frozen=True, slots=True)
class NewLead:
    """Whom to hand over. ``account_id`` is the seat that acts; ``fields`` are custom fields: the text under
    TEXT_FIELD, and ``touch``, which names our touch in HeyReach's records."""

    profile_url: str
    account_id: int
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    position: str | None = None
    email: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)

    def to_wire(self) -> dict[str, object]:
        """One of ``accountLeadPairs``."""
        optional = {
            "firstName": self.first_name,
            "lastName": self.last_name,
            "companyName": self.company,
            "position": self.position,
            "emailAddress": self.email,
        }
        lead: dict[str, object] = {name: value for name, value in optional.items() if value}
        lead["profileUrl"] = self.profile_url
        if self.fields:
            lead["customUserFields"] = [{"name": name, "value": self.fields[name]} for name in sorted(self.fields)]
        return {"linkedInAccountId": self.account_id, "lead": lead}


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a campaign acts, in the zone's own time; ``days`` count from Monday 0. Without one: 9–17 UTC, weekdays."""

    start: time
    end: time
    zone: str
    days: frozenset[int] = frozenset(range(5))

    def to_wire(self) -> dict[str, object]:
        """HeyReach's form. Raises InvalidInputError for a window that it refuses."""
        if self.start >= self.end or not self.days or not self.days <= set(range(7)):
            raise InvalidInputError(
                "a schedule ends after it starts, on at least one day from 0 to 6", field="schedule"
            )
        window = {"dailyStartTime": f"{self.start:%H:%M:%S}", "dailyEndTime": f"{self.end:%H:%M:%S}"}
        days = {f"enabled{name}": index in self.days for index, name in enumerate(_DAYS)}
        return {**window, "timeZoneId": self.zone, **days}


@dataclass(frozen=True, slots=True)
class NewCampaign:
    """A campaign of one step for one seat or some, at first in DRAFT (DESIGN decision 7: one per action and seat)."""

    name: str
    list_id: int
    account_ids: tuple[int, ...]
    sequence: Mapping[str, object] = field(repr=False)
    schedule: Schedule | None = None

    def to_wire(self) -> dict[str, object]:
        """HeyReach's form. Raises InvalidInputError for what it refuses."""
        if not 1 <= len(self.name) <= 50:
            raise InvalidInputError("a campaign's name has 1 to 50 characters", field="name")
        if not 1 <= len(self.account_ids) <= 100:
            raise InvalidInputError("a campaign has 1 to 100 accounts", field="account_ids")
        found: dict[str, object] = {
            "name": self.name,
            "linkedInUserListId": self.list_id,
            "linkedInAccountIds": list(self.account_ids),
            "sequence": dict(self.sequence),
        }
        return found if self.schedule is None else {**found, "schedule": self.schedule.to_wire()}


def one_step(
    action: LinkedInAction,
    *,
    text: str = PERSONAL_TEXT,
    fallback: str = "",
    subject: str = PERSONAL_SUBJECT,
) -> dict[str, object]:
    """The sequence that does one thing to each lead and ends.

    ``text`` may name the leads' fields as ``{{field}}``; HeyReach then demands a ``fallback`` in plain words, which it
    sends where a field is missing. An invitation's ``text`` may be empty. Raises InvalidInputError.
    """
    node: dict[str, object] = {"nodeType": action.value, "unconditionalNode": _end()}
    if action in LONGEST_TEXT:
        node["payload"] = _payload(action, text, fallback, subject)
    elif action is LinkedInAction.LIKE:
        node["payload"] = {"reactionType": "LIKE"}
    if action is LinkedInAction.INVITE:
        node |= _SHORTEST_DELAY
    if action in LONGEST_TEXT:
        # An invitation must have both branches; of a message, the one for a reply must be an END (seen to be taken).
        node["conditionalNode"] = _end()
    return node


def _end() -> dict[str, object]:
    return {"nodeType": "END", **_SHORTEST_DELAY}


def _payload(action: LinkedInAction, text: str, fallback: str, subject: str) -> dict[str, object]:
    most = LONGEST_TEXT[action]
    if len(text) > most or len(fallback) > most:
        raise InvalidInputError(f"{action} takes at most {most} characters", field="text")
    if not text and action is not LinkedInAction.INVITE:
        raise InvalidInputError(f"{action} needs a text", field="text")
    if "{{" in text and (not fallback or "{{" in fallback):
        raise InvalidInputError("a text with fields needs a fallback in plain words", field="fallback")
    if action is not LinkedInAction.INMAIL:
        return {"messages": [text] if text else [], **({"fallbackMessage": fallback} if fallback else {})}
    if not 1 <= len(subject) <= _LONGEST_SUBJECT:
        raise InvalidInputError(f"an InMail's subject has 1 to {_LONGEST_SUBJECT} characters", field="subject")
    plain = {"subject": fallback[:_LONGEST_SUBJECT], "message": fallback}
    return {
        "messages": [{"subject": subject, "message": text}],
        **({"fallbackMessage": plain} if fallback else {}),
    }


def moment_of(data: Fields, name: str) -> datetime | None:
    """The instant in UTC; ASP.NET writes some of its times without a zone, and means UTC."""
    found = data.moment(name)
    return found if found is not None else Fields({"utc": f"{data.text(name) or ''}Z"}).moment("utc")


def profile_url_of(data: Fields) -> str | None:
    """The address of a LinkedIn profile, by either of the names that were seen."""
    return data.text("profileUrl") or data.text("profile_url")


def read_account(data: Fields) -> Account | None:
    """An account, None without its number."""
    number = data.whole("id")
    if number is None:
        return None
    return Account(
        id=number,
        first_name=data.text("firstName"),
        last_name=data.text("lastName"),
        email=data.text("emailAddress"),
        is_active=data.flag("isActive"),
        is_signed_in=data.flag("authIsValid"),
        active_campaigns=data.whole("activeCampaigns"),
    )


def read_campaign(data: Fields) -> Campaign | None:
    """A campaign, None without its number or status."""
    number, status = data.whole("id"), data.text("status")
    if number is None or status is None:
        return None
    return Campaign(
        id=number,
        name=data.text("name") or "",
        status=status,
        account_ids=_numbers(data.raw("campaignAccountIds")),
        list_id=data.whole("linkedInUserListId"),
        created_at=moment_of(data, "creationTime"),
    )


def read_campaign_lead(data: Fields) -> CampaignLead:
    """A lead's state in a campaign."""
    return CampaignLead(
        id=data.whole("id"),
        profile_url=profile_url_of(data.inner("linkedInUserProfile")),
        account_id=data.whole("linkedInSenderId"),
        status=data.text("leadStatus"),
        connection=data.text("leadConnectionStatus"),
        message=data.text("leadMessageStatus"),
        created_at=moment_of(data, "creationTime"),
        last_action_at=moment_of(data, "lastActionTime"),
        failed_at=moment_of(data, "failedTime"),
        error=data.text("errorCode"),
    )


def read_lead_campaign(data: Fields) -> LeadCampaign | None:
    """A campaign of a lead, None without its number."""
    number = data.whole("campaignId")
    if number is None:
        return None
    return LeadCampaign(number, data.text("campaignName"), data.text("campaignStatus"), data.text("leadStatus"))


def read_conversation(data: Fields) -> Conversation | None:
    """A conversation, None without its id or seat."""
    conversation_id, account_id = data.text("id"), data.whole("linkedInAccountId")
    if conversation_id is None or account_id is None:
        return None
    person = data.inner("correspondentProfile")
    names = (person.text("firstName"), person.text("lastName"))
    return Conversation(
        id=conversation_id,
        account_id=account_id,
        campaign_id=data.whole("campaignId"),
        profile_url=profile_url_of(person),
        name=" ".join(name for name in names if name),
        last_message_at=moment_of(data, "lastMessageAt"),
        last_is_theirs=_is_theirs(data.text("lastMessageSender")),
        is_read=data.flag("read"),
        messages=tuple(
            ChatMessage(each.verbatim("body"), moment_of(each, "createdAt"), _is_theirs(each.text("sender")))
            for each in data.each("messages")
        ),
    )


def _is_theirs(sender: str | None) -> bool:
    return sender in ("CORRESPONDENT", "THEM")  # both were seen


def _numbers(value: object) -> tuple[int, ...]:
    items: Sequence[object] = value if isinstance(value, list) else ()
    return tuple(item for item in items if isinstance(item, int) and not isinstance(item, bool))
