"""What the product and the sandbox must agree on: each provider's address and key, and the webhooks' secrets.

Input: the sandbox's address and the secrets of the state folder. Promise: both sides' environments come from here.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

_RATE = "100"


def product_environment(url: str, secrets: Mapping[str, str]) -> dict[str, str]:
    """The product's settings for a sandbox that listens at ``url``."""
    shared = _shared(secrets)
    return {
        "APOLLO_API_KEY": "apollo-sandbox",
        "APOLLO_BASE_URL": f"{url}/apollo/api/v1",
        "APOLLO_REQUESTS_PER_SECOND": _RATE,
        "HUNTER_API_KEY": "hunter-sandbox",
        "HUNTER_BASE_URL": f"{url}/hunter/v2",
        "HUNTER_REQUESTS_PER_SECOND": _RATE,
        "RESEND_API_KEY": "re_sandbox",
        "RESEND_BASE_URL": f"{url}/resend",
        "RESEND_REQUESTS_PER_SECOND": _RATE,
        "RESEND_WEBHOOK_SECRET": shared["SANDBOX_RESEND_WEBHOOK_SECRET"],
        "POSTMARK_WEBHOOK_USER": shared["SANDBOX_POSTMARK_USER"],
        "POSTMARK_WEBHOOK_PASSWORD": shared["SANDBOX_POSTMARK_PASSWORD"],
        "POSTMARK_SERVER_TOKEN": "postmark-sandbox",
        "POSTMARK_BASE_URL": f"{url}/postmark",
        "CALCOM_API_KEY": "cal_sandbox",
        "CALCOM_BASE_URL": f"{url}/cal/v2",
        "CALCOM_WEBHOOK_SECRET": shared["SANDBOX_CAL_COM_SECRET"],
        "REPLY_DOMAIN": "reply.example",
        **_optional(url, shared),
    }


def sandbox_environment(secrets: Mapping[str, str]) -> dict[str, str]:
    """The sandbox's own environment: what its webhooks are signed with."""
    return _shared(secrets)


def _optional(url: str, shared: Mapping[str, str]) -> dict[str, str]:
    return {
        "APIFY_API_KEY": "apify_api_sandbox",
        "APIFY_BASE_URL": f"{url}/apify",
        "APIFY_WEBHOOK_SECRET": shared["SANDBOX_APIFY_SECRET"],
        "APIFY_REQUESTS_PER_SECOND": _RATE,
        "CLAY_WEBHOOK_URL": f"{url}/clay/v3/sources/webhook/pull-in-data-from-a-webhook-sandbox",
        "CLAY_WEBHOOK_TOKEN": "clay-sandbox",
        "CLAY_CALLBACK_SECRET": shared["SANDBOX_CLAY_SECRET"],
        "CLAY_REQUESTS_PER_SECOND": _RATE,
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": shared["SANDBOX_TWILIO_AUTH_TOKEN"],
        "TWILIO_BASE_URL": f"{url}/twilio",
        "HEYREACH_API_KEY": "heyreach-sandbox",
        "HEYREACH_BASE_URL": f"{url}/heyreach/api/public",
        "HEYREACH_WEBHOOK_SECRET": shared["SANDBOX_HEYREACH_SECRET"],
        "VAPI_API_KEY": "vapi-sandbox",
        "VAPI_BASE_URL": f"{url}/vapi",
        "VAPI_WEBHOOK_SECRET": shared["SANDBOX_VAPI_SECRET"],
        "ELEVENLABS_API_KEY": "elevenlabs-sandbox",
        "ELEVENLABS_BASE_URL": f"{url}/elevenlabs",
        "DEEPGRAM_API_KEY": "deepgram-sandbox",
        "DEEPGRAM_BASE_URL": f"{url}/deepgram",
        "DEEPGRAM_CALLBACK_SECRET": shared["SANDBOX_DEEPGRAM_SECRET"],
        "LOB_API_KEY": "live_sandbox",  # pieces are scanned on their way under live keys alone
        "LOB_BASE_URL": f"{url}/lob/v1",
        "LOB_WEBHOOK_SECRET": shared["SANDBOX_LOB_SECRET"],
        "DNCR_TELEMARKETER_ID": "10000",
        "DNCR_PASSWORD": "dncr-sandbox",
        "DNCR_BASE_URL": f"{url}/dncr/dncrtelem/rtw/washing.cfc",
        "ANTHROPIC_API_KEY": "sk-ant-sandbox",
        "ANTHROPIC_BASE_URL": f"{url}/anthropic",
        "STRIPE_API_KEY": "sk_test_sandbox",
        "STRIPE_BASE_URL": f"{url}/stripe",
        "STRIPE_WEBHOOK_SECRET": shared["SANDBOX_STRIPE_SECRET"],
    }


def _shared(secrets: Mapping[str, str]) -> dict[str, str]:
    """The webhooks' secrets in the sandbox's names."""
    svix = base64.b64encode(bytes.fromhex(secrets["resend_webhook"])).decode()
    derived = {name: _derived(secrets["webhooks"], name) for name in _DERIVED}
    return {
        "SANDBOX_RESEND_WEBHOOK_SECRET": f"whsec_{svix}",
        "SANDBOX_POSTMARK_USER": "postmark",
        "SANDBOX_POSTMARK_PASSWORD": secrets["postmark_webhook"],
        "SANDBOX_CAL_COM_SECRET": secrets["cal_com_webhook"],
        **derived,
        "SANDBOX_STRIPE_SECRET": "whsec_" + _derived(secrets["webhooks"], "SANDBOX_STRIPE_SECRET"),
    }


_DERIVED = (
    "SANDBOX_TWILIO_AUTH_TOKEN",
    "SANDBOX_HEYREACH_SECRET",
    "SANDBOX_VAPI_SECRET",
    "SANDBOX_DEEPGRAM_SECRET",
    "SANDBOX_LOB_SECRET",
    "SANDBOX_APIFY_SECRET",
    "SANDBOX_CLAY_SECRET",
)


def _derived(secret: str, name: str) -> str:
    """A secret of its own for each name, so that none opens another's door."""
    return hashlib.sha256(f"{secret}:{name}".encode()).hexdigest()
