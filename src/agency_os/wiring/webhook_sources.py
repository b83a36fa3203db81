"""Whose webhooks are taken: the providers that the settings name, each with its secrets."""

from __future__ import annotations

from collections.abc import Mapping

from agency_os.config import Settings
from agency_os.integrations import (
    apify,
    cal_com,
    clay,
    deepgram,
    heyreach_events,
    lob_events,
    postmark,
    resend,
    stripe_events,
    twilio_events,
    vapi_events,
)
from agency_os.integrations.webhook import WebhookSource


def build_webhook_sources(settings: Settings) -> Mapping[str, WebhookSource]:
    """By the provider's name."""
    mail = settings.postmark
    sources = [
        resend.webhooks(settings.resend.webhook_secret.get_secret_value()),
        postmark.webhooks(mail.webhook_user, mail.webhook_password.get_secret_value()),
        cal_com.webhooks(settings.cal_com.webhook_secret.get_secret_value()),
    ]
    if settings.clay is not None:
        sources.append(clay.webhooks(settings.clay.callback_secret.get_secret_value()))
    if settings.apify is not None:
        sources.append(apify.webhooks(settings.apify.webhook_secret.get_secret_value()))
    if settings.deepgram is not None:
        sources.append(deepgram.webhooks(settings.deepgram.callback_secret.get_secret_value()))
    if settings.stripe is not None:
        sources.append(stripe_events.webhooks(settings.stripe.webhook_secret.get_secret_value()))
    if settings.heyreach is not None:
        sources.append(heyreach_events.webhooks(settings.heyreach.webhook_secret.get_secret_value()))
    if settings.twilio is not None:
        sources.append(twilio_events.webhooks(settings.twilio.auth_token.get_secret_value()))
    if settings.vapi is not None:
        sources.append(vapi_events.webhooks(settings.vapi.webhook_secret.get_secret_value()))
    if settings.lob is not None:
        sources.append(lob_events.webhooks(settings.lob.webhook_secret.get_secret_value()))
    return {source.name: source for source in sources}
