"""What the address of a sender must look like, by channel."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from zoneinfo import available_timezones

from agency_os.domain.channels import Channel
from agency_os.domain.import_values import read_profile
from agency_os.kit.addresses import is_free_mail, normalise_email
from agency_os.kit.phone import parse_phone

PROVIDERS: Final[Mapping[Channel, str]] = MappingProxyType(
    {Channel.EMAIL: "resend", Channel.SMS: "twilio", Channel.LINKEDIN: "heyreach"}
)
"""Who carries a channel (blueprint Part 4)."""


def is_zone(name: str) -> bool:
    """Whether the tz database knows a zone of this name."""
    return name in available_timezones()


def normal_address(channel: Channel, address: str) -> str | None:
    """The one form of a sender's address; None where it is none of the channel."""
    match channel:
        case Channel.EMAIL:
            mailbox = normalise_email(f"postmaster@{address}")
            return mailbox.partition("@")[2] if mailbox is not None else None
        case Channel.LINKEDIN:
            return read_profile(address)
        case _:
            phone = parse_phone(address)
            return phone.e164 if phone is not None else None


def fault_of_address(channel: Channel, address: str, sender_email: str | None) -> str | None:
    """What is wrong, in plain words; None if nothing is."""
    normal = normal_address(channel, address)
    if normal is None:
        wanted = {Channel.EMAIL: "a domain", Channel.LINKEDIN: "a LinkedIn profile"}.get(channel, "a phone number")
        return f"address is not {wanted}"
    if channel is not Channel.EMAIL:
        return "sender_email is for email alone" if sender_email is not None else None
    if is_free_mail(normal):
        return "address is a domain that gives mailboxes to anybody: use one of your own"
    if sender_email is None or sender_email.partition("@")[2] != normal:
        return f"sender_email must be an address of {normal}"
    return None
