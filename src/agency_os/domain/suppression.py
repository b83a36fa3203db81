"""Addresses as suppressions know them: one form each, and the channels that share one."""

from __future__ import annotations

from agency_os.domain.channels import Channel
from agency_os.domain.import_values import read_profile
from agency_os.kit.addresses import normalise_email
from agency_os.kit.phone import parse_phone


def normal_address(channel: Channel, address: str) -> str | None:
    """The one form of a person's address; None where it is none of the channel."""
    match channel:
        case Channel.EMAIL:
            return normalise_email(address)
        case Channel.LINKEDIN:
            return read_profile(address)
        case Channel.SMS | Channel.VOICE:
            phone = parse_phone(address)
            return phone.e164 if phone is not None else None
        case Channel.MAIL:
            return None


def channels_of(channel: Channel) -> tuple[Channel, ...]:
    """The channels that an address of ``channel`` reaches: a number is called and texted."""
    return (Channel.SMS, Channel.VOICE) if channel in {Channel.SMS, Channel.VOICE} else (channel,)
