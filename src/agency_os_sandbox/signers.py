"""Which provider's webhooks are signed how: the registry that the delivery looks into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agency_os_sandbox.outbox import ONE_CLICK
from agency_os_sandbox.signing import Signer, one_click, sign_cal_com, sign_nothing, sign_postmark, sign_resend

SIGNERS: Final[Mapping[str, Signer]] = {
    ONE_CLICK: one_click,
    "resend": sign_resend,
    "cal_com": sign_cal_com,
    "postmark": sign_postmark,
    "deepgram": sign_nothing,
}
"""By the provider's name in the outbox."""
