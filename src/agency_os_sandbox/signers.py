"""Which provider's webhooks are signed how: the registry that the delivery looks into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agency_os_sandbox.outbox import ONE_CLICK
from agency_os_sandbox.providers import stripe_objects
from agency_os_sandbox.providers.clay import sign_clay
from agency_os_sandbox.providers.lob import sign_lob
from agency_os_sandbox.providers.twilio import sign_twilio
from agency_os_sandbox.providers.vapi import sign_vapi
from agency_os_sandbox.signing import Signer, one_click, sign_cal_com, sign_nothing, sign_postmark, sign_resend

SIGNERS: Final[Mapping[str, Signer]] = {
    ONE_CLICK: one_click,
    "resend": sign_resend,
    "cal_com": sign_cal_com,
    "postmark": sign_postmark,
    "twilio": sign_twilio,
    "vapi": sign_vapi,
    "heyreach": sign_nothing,
    "stripe": stripe_objects.sign,
    "deepgram": sign_nothing,
    "clay": sign_clay,
    "lob": sign_lob,
}
"""By the provider's name in the outbox."""
