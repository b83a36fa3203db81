"""Whether a due touch may go out now: ordered pure rules over a frozen context, folded over a batch in due order.

Gathered on a fresh snapshot after the locks are held (DESIGN section 4, step 2), so what is decided here is true until
the claim commits. A verdict is None (go), Delay (not now: reason and not-before) or Skip (never: reason).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from agency_os.domain import calendars, subscription
from agency_os.domain.calendars import Place, Window
from agency_os.domain.channels import Channel
from agency_os.domain.consent import NO_CONSENT, is_needed
from agency_os.domain.lifecycle import CONTACTABLE, CampaignStatus, LeadStatus, PermissionMode
from agency_os.domain.subscription import Ability, SubscriptionStatus
from agency_os.domain.touch import TouchKind

RECHECK: Final = timedelta(minutes=15)
"""How long a stop or pause keeps a touch away before it is looked at again: stops end at any moment."""
CONTACT_SPACING_DAYS: Final = 2
"""Business days between two approaches of one lead (DESIGN section 4, defaults)."""


@dataclass(frozen=True, slots=True)
class TouchFacts:
    """One due touch as the claim sees it. ``person`` is the suppression hash of its recipient."""

    id: UUID
    client_id: UUID
    campaign_id: UUID
    lead_id: UUID
    company_id: UUID | None
    resource_id: UUID | None
    kind: TouchKind
    channel: Channel
    recipient: str
    person: bytes
    payload_hash: str
    approved_hash: str | None


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """What gates a whole client."""

    status: SubscriptionStatus
    cancelled_at: datetime | None
    stopped: bool
    deleted: bool


@dataclass(frozen=True, slots=True)
class CampaignFacts:
    """What gates a campaign; ``mode`` is the effective permission mode."""

    status: CampaignStatus
    mode: PermissionMode
    deleted: bool


@dataclass(frozen=True, slots=True)
class LeadFacts:
    """What gates a lead. ``address`` is its address on the touch's channel now; ``last_contact`` aware UTC."""

    status: LeadStatus
    address: str | None
    place: Place
    dead: bool
    deleted: bool
    replied: bool
    meeting: bool
    consent_since: datetime | None
    last_contact: datetime | None
    current_campaign_id: UUID | None


@dataclass(frozen=True, slots=True)
class HoldFacts:
    """An open hold; ``until`` None means until a person releases it."""

    reason: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class ResourceFacts:
    """A sender; ``used`` is its count on ``today``, its local day."""

    limit: int
    zone: ZoneInfo
    today: date
    used: int
    paused: bool
    deleted: bool


@dataclass(frozen=True, slots=True)
class GuardContext:
    """Everything the rules read, of one snapshot. ``suppressed`` maps a touch to the reason its recipient is."""

    now: datetime
    platform_stopped: bool
    clients: Mapping[UUID, ClientFacts]
    campaigns: Mapping[UUID, CampaignFacts]
    leads: Mapping[UUID, LeadFacts]
    resources: Mapping[UUID, ResourceFacts]
    lead_holds: Mapping[UUID, HoldFacts]
    company_holds: Mapping[UUID, HoldFacts]
    suppressed: frozenset[UUID]
    windows: Mapping[Channel, Window] = field(default_factory=lambda: {Channel.EMAIL: calendars.EMAIL_WINDOW})


@dataclass(frozen=True, slots=True)
class Delay:
    """Not now. ``until`` is the not-before time (aware UTC)."""

    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Skip:
    """Never."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unapproved:
    """A person must approve these exact bytes first."""

    reason: str = "waits for a person's approval"


@dataclass(frozen=True, slots=True)
class Refreeze:
    """What was frozen is no longer true of the lead: write it again."""

    reason: str


Verdict = Delay | Skip | Unapproved | Refreeze


@dataclass(slots=True)
class Tally:
    """What this batch has already let through, so that one batch cannot overrun what single claims may not."""

    resources: Counter[UUID] = field(default_factory=Counter)
    leads: set[UUID] = field(default_factory=set)
    persons: set[tuple[UUID, bytes]] = field(default_factory=set)

    def add(self, touch: TouchFacts) -> None:
        """Count a touch that was let through."""
        if touch.resource_id is not None:
            self.resources[touch.resource_id] += 1
        self.leads.add(touch.lead_id)
        self.persons.add((touch.client_id, touch.person))


Rule = Callable[[TouchFacts, GuardContext], Verdict | None]
TallyRule = Callable[[TouchFacts, GuardContext, Tally], Verdict | None]


def client_may_send(touch: TouchFacts, context: GuardContext) -> Verdict | None:
    """Decision 27: only a trialing or active client sends."""
    client = context.clients[touch.client_id]
    if client.deleted:
        return Skip("the client was removed")
    if subscription.allows(client.status, Ability.SEND, now=context.now, cancelled_at=client.cancelled_at):
        return None
    if client.status is SubscriptionStatus.CANCELLED:
        return Skip("the subscription was cancelled")
    return Delay(f"the subscription is {client.status}", context.now + RECHECK)


def nothing_is_stopped(touch: TouchFacts, context: GuardContext) -> Verdict | None:
    """Stops of platform, client and sender are in force within one chunk."""
    if context.platform_stopped:
        return Delay("the platform is stopped", context.now + RECHECK)
    if context.clients[touch.client_id].stopped:
        return Delay("the client is stopped", context.now + RECHECK)
    resource = context.resources.get(touch.resource_id) if touch.resource_id else None
    if resource is None or resource.deleted:
        return Refreeze("its sender is gone")
    if resource.paused:
        return Delay("its sender is paused", context.now + RECHECK)
    return None


def campaign_is_active(touch: TouchFacts, context: GuardContext) -> Verdict | None:
    """A paused campaign waits, a completed one is over."""
    campaign = context.campaigns[touch.campaign_id]
    if campaign.deleted:
        return Skip("the campaign was removed")
    if campaign.status is CampaignStatus.ACTIVE:
        return None
    if campaign.status is CampaignStatus.COMPLETED and touch.kind is TouchKind.SEQUENCE:
        return Skip("the campaign is completed")
    if campaign.status is CampaignStatus.COMPLETED:
        return None
    return Delay(f"the campaign is {campaign.status}", context.now + RECHECK)


def lead_is_contactable(touch: TouchFacts, context: GuardContext) -> Verdict | None:
    """Status, current campaign and address of the lead still allow this very message."""
    lead = context.leads[touch.lead_id]
    if lead.deleted:
        return Skip("the lead was removed")
    if lead.status in {LeadStatus.UNSUBSCRIBED, LeadStatus.BOUNCED}:
        return Skip(f"the lead is {lead.status}")
    if touch.kind is TouchKind.SEQUENCE:
        if lead.status not in CONTACTABLE:
            return Skip(f"the lead is {lead.status}")
        if lead.current_campaign_id != touch.campaign_id:
            return Skip("the lead moved to another campaign")
        if lead.dead:
            return Skip("the lead's score is below 20")
    if lead.address != touch.recipient:
        return Refreeze("the lead's address changed") if lead.address else Skip("the lead has no address any more")
    return None


def recipient_is_not_suppressed(touch: TouchFacts, context: GuardContext) -> Verdict | None:
    """Invariant 1; nothing is exempt from suppression."""
    return Skip("suppressed") if touch.id in context.suppressed else None


def consent_is_on_record(touch: TouchFacts, context: GuardContext) -> Verdict | None:
    """Invariant 9: email and SMS need a consent record older than the claim (Spam Act 2003 s 16)."""
    if not is_needed(touch.channel):
        return None
    since = context.leads[touch.lead_id].consent_since
    if since is None:
        return Skip(NO_CONSENT)
    if since >= context.now:
        return Delay("consent was recorded this very moment", context.now + timedelta(minutes=1))
    return None


def window_is_open(touch: TouchFacts, context: GuardContext) -> Verdict | None:
    """Inside the sending window of the lead's own zone, off its weekends and public holidays."""
    window = context.windows.get(touch.channel)
    place = context.leads[touch.lead_id].place
    if window is None or calendars.is_open(context.now, place, window):
        return None
    return Delay("outside the sending hours at the lead's place", calendars.next_open(context.now, place, window))


def lead_has_not_answered(touch: TouchFacts, context: GuardContext) -> Verdict | None:
    """Invariant 12: after a reply or a booked meeting no sequence touch goes out."""
    lead = context.leads[touch.lead_id]
    if touch.kind is not TouchKind.SEQUENCE:
        return None
    if lead.meeting:
        return Skip("a meeting is booked")
    return Skip("the lead has replied") if lead.replied else None


def nothing_holds(touch: TouchFacts, context: GuardContext) -> Verdict | None:
    """An open hold of the lead or its company; an answer to the lead's own message is exempt."""
    if touch.kind is TouchKind.ANSWER:
        return None
    hold = context.lead_holds.get(touch.lead_id)
    if hold is None and touch.company_id is not None:
        hold = context.company_holds.get(touch.company_id)
    if hold is None:
        return None
    return Delay(f"held: {hold.reason}", hold.until or context.now + timedelta(days=1))


def person_has_approved(touch: TouchFacts, context: GuardContext) -> Verdict | None:
    """Co-pilot and manual: only bytes that a person has approved."""
    if context.campaigns[touch.campaign_id].mode is PermissionMode.AUTOPILOT:
        return None
    return None if touch.approved_hash == touch.payload_hash else Unapproved()


def quota_is_left(touch: TouchFacts, context: GuardContext, tally: Tally) -> Verdict | None:
    """Invariant 6: the sender's daily limit, this batch included."""
    if touch.resource_id is None:
        return Refreeze("it has no sender")
    resource = context.resources[touch.resource_id]
    if resource.used + tally.resources[touch.resource_id] < resource.limit:
        return None
    tomorrow, _ = calendars.local_day(resource.today + timedelta(days=1), resource.zone)
    window = context.windows.get(touch.channel)
    until = calendars.next_open(tomorrow, context.leads[touch.lead_id].place, window) if window else tomorrow
    return Delay("its sender's daily limit is reached", until)


def contact_is_spaced(touch: TouchFacts, context: GuardContext, tally: Tally) -> Verdict | None:
    """Two business days between two approaches of one lead, and never two at once to one person."""
    if touch.kind is not TouchKind.SEQUENCE:
        return None
    lead = context.leads[touch.lead_id]
    last = lead.last_contact
    if touch.lead_id in tally.leads or (touch.client_id, touch.person) in tally.persons:
        last = context.now
    if last is None:
        return None
    earliest = calendars.add_business_days(calendars.local_date(last, lead.place), CONTACT_SPACING_DAYS, lead.place)
    if calendars.local_date(context.now, lead.place) >= earliest:
        return None
    begin, _ = calendars.local_day(earliest, lead.place.zones[0])
    window = context.windows.get(touch.channel)
    until = calendars.next_open(begin, lead.place, window) if window else begin
    return Delay("too soon after the last contact", max(until, context.now + timedelta(minutes=1)))


RULES: Final[Sequence[Rule]] = (
    client_may_send,
    nothing_is_stopped,
    campaign_is_active,
    lead_is_contactable,
    recipient_is_not_suppressed,
    consent_is_on_record,
    window_is_open,
    lead_has_not_answered,
    nothing_holds,
    person_has_approved,
)
TALLY_RULES: Final[Sequence[TallyRule]] = (quota_is_left, contact_is_spaced)
"""In this order, RULES first: quota and spacing are asked only for what may go out otherwise."""


def decide(touches: Iterable[TouchFacts], context: GuardContext) -> dict[UUID, Verdict | None]:
    """The verdict of every touch, in the order given (due order). None lets it go and counts it in the tally."""
    tally = Tally()
    verdicts: dict[UUID, Verdict | None] = {}
    for touch in touches:
        verdict = next((v for rule in RULES if (v := rule(touch, context)) is not None), None)
        if verdict is None:
            verdict = next((v for rule in TALLY_RULES if (v := rule(touch, context, tally)) is not None), None)
        verdicts[touch.id] = verdict
        if verdict is None:
            tally.add(touch)
    return verdicts
