"""What stands in the way of a campaign's start: told all at once, before anybody is approached."""

from __future__ import annotations

from dataclasses import dataclass

from agency_os.domain.channels import RESOURCE_LIMITS, Channel
from agency_os.domain.content import template_fault
from agency_os.domain.subscription import Ability, SubscriptionStatus, statuses_that_allow


@dataclass(frozen=True, slots=True)
class StepFacts:
    """A step's place and its templates."""

    step: int
    channel: str
    subject_template: str | None
    body_template: str


@dataclass(frozen=True, slots=True)
class ActivationFacts:
    """What decides. ``channels_with_sender``: channels with at least one sender that is not paused."""

    subscription_status: str
    sender_name: str | None
    postal_address: str | None
    booking_url: str | None
    channels_with_sender: frozenset[str]
    steps: tuple[StepFacts, ...]


def obstacles(facts: ActivationFacts) -> tuple[str, ...]:
    """Everything that has to be mended first, in plain words; empty when the campaign may run.

    Source: decision 27 (subscription), Spam Act 2003 s 17 (who sends, and where they are found).
    """
    found = []
    if SubscriptionStatus(facts.subscription_status) not in statuses_that_allow(Ability.SEND):
        found.append(f"the subscription is {facts.subscription_status}: renew it")
    if not facts.steps:
        found.append("it has no steps: add at least one")
    used = {each.channel for each in facts.steps}
    if Channel.EMAIL in used:
        found += [
            f"the client has no {name}: fill it in, every commercial email must name it"
            for name, value in (("sender_name", facts.sender_name), ("postal_address", facts.postal_address))
            if not value
        ]
    for channel in sorted(used - facts.channels_with_sender):
        if Channel(channel) in RESOURCE_LIMITS:
            found.append(f"there is no sender for {channel}: add one, or let one go on")
    for each in facts.steps:
        for template in (each.subject_template, each.body_template):
            if template is not None and (fault := template_fault(template)) is not None:
                found.append(f"step {each.step} ({each.channel}): {fault}")
            elif template is not None and "booking_link" in template and not facts.booking_url:
                found.append(f"step {each.step} ({each.channel}) names booking_link: fill in the client's booking_url")
    return tuple(dict.fromkeys(found))
