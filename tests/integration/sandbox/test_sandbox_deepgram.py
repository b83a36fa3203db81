"""Deepgram's callback over HTTP: it reaches the address that our client named, under the credentials in it."""

from __future__ import annotations

import pytest

from agency_os.exceptions import SignatureError
from agency_os.integrations.deepgram import AudioAt, DeepgramClient, parse_callback, webhooks
from agency_os.integrations.provider_api import Connection
from agency_os.integrations.webhook import Webhook
from agency_os.kit.clock import SystemWallClock
from agency_os.kit.http import AiohttpTransport
from agency_os.kit.retry import RateLimit
from tests.factories.sandbox import MONDAY_NINE, SECRETS
from tests.integration.sandbox.conftest import Product, Served

HOOK = "/webhooks/deepgram"


async def test_what_was_ordered_is_called_back_until_it_is_taken(served: Served, product: Product) -> None:
    product.statuses[HOOK] = [503]
    transport, wall = AiohttpTransport(), SystemWallClock()
    connection = Connection(transport, f"{served.url}/deepgram", "key", RateLimit(100, wall), wall)
    try:
        audio = AudioAt("https://recordings.example/call.mp3")
        order = await DeepgramClient(connection, SECRETS.deepgram_secret).order(audio, product.url + HOOK)
    finally:
        await transport.aclose()
    await served.settled()
    first, again = product.to(HOOK)
    assert first.body == again.body
    webhook, source = Webhook(again.body, again.headers, product.url + HOOK), webhooks(SECRETS.deepgram_secret)
    source.admit(webhook.headers, "")
    source.verify(webhook, MONDAY_NINE)
    found = parse_callback(webhook.body)
    assert found is not None
    assert (found.request_id, bool(found.text)) == (order.request_id, True)
    with pytest.raises(SignatureError):
        webhooks("another-secret-0000001").admit(webhook.headers, "")
