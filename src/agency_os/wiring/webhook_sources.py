"""Whose webhooks are taken: the providers that the settings name, each with its secrets."""

from __future__ import annotations

from collections.abc import Mapping

from agency_os.config import Settings
from agency_os.integrations import cal_com, deepgram, postmark, resend
from agency_os.integrations.webhook import WebhookSource


def build_webhook_sources(settings: Settings) -> Mapping[str, WebhookSource]:
    """By the provider's name."""
    mail = settings.postmark
    sources = [
        resend.webhooks(settings.resend.webhook_secret.get_secret_value()),
        postmark.webhooks(mail.webhook_user, mail.webhook_password.get_secret_value()),
        cal_com.webhooks(settings.cal_com.webhook_secret.get_secret_value()),
    ]
    if settings.deepgram is not None:
        sources.append(deepgram.webhooks(settings.deepgram.callback_secret.get_secret_value()))
    return {source.name: source for source in sources}
