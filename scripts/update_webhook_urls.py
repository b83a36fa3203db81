"""Tells the providers that can be told where our webhooks are: Postmark's inbound and bounce hooks, Twilio's SMS hook.

For a new PUBLIC_URL, a development tunnel's above all:  python scripts/update_webhook_urls.py https://x.example +61…
The numbers are the Twilio numbers to change. What has to be set by hand is listed with its address; no secret is shown.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Sequence
from urllib.parse import quote, urlsplit

from agency_os.config import Settings, load_settings
from agency_os.exceptions import AgencyOSError, NotFoundError
from agency_os.integrations.postmark_api import PostmarkClient
from agency_os.integrations.provider_api import Connection
from agency_os.integrations.twilio import TwilioClient
from agency_os.kit.clock import SystemWallClock
from agency_os.kit.http import AiohttpTransport, Transport
from agency_os.kit.retry import RateLimit

BY_HAND = (
    ("Resend", "resend", "Webhooks"),
    ("Cal.com", "cal-com", "Settings > Developer > Webhooks"),
    ("Stripe", "stripe", "Developers > Webhooks"),
    ("Lob", "lob", "Webhooks"),
    ("HeyReach", "heyreach/HEYREACH_WEBHOOK_SECRET", "Integrations > Webhooks"),
    ("Vapi", "vapi", "the assistant's server URL"),
    ("Clay", "clay", "the table's HTTP API column"),
    ("Apify", "apify/APIFY_WEBHOOK_SECRET", "the actor's Integrations"),
)
"""What they are called, the end of the address, and where it is set."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0, 1 when a provider did not take its address, 2 when the settings or the address are wrong."""
    parser = argparse.ArgumentParser(description="Set the providers' webhook addresses.")
    parser.add_argument("public_url", help="where the world reaches the API, https")
    parser.add_argument("numbers", nargs="*", help="Twilio numbers as +61…")
    given = parser.parse_args(arguments)
    public = str(given.public_url).rstrip("/")
    if urlsplit(public).scheme != "https" and urlsplit(public).hostname not in ("127.0.0.1", "localhost"):
        sys.stderr.write(f"{public} is not https: providers send people's mail and answers there\n")
        return 2
    try:
        settings = load_settings()
    except AgencyOSError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return asyncio.run(_update(settings, public, given.numbers))


async def _update(settings: Settings, public: str, numbers: Sequence[str]) -> int:
    transport = AiohttpTransport()
    failed = False
    try:
        async for line, is_set in _set(settings, public, numbers, transport):
            sys.stdout.write(f"{line}\n")
            failed |= not is_set
    finally:
        await transport.aclose()
    sys.stdout.write("to be set by hand, where you use them:\n")
    for name, path, where in BY_HAND:
        sys.stdout.write(f"  {name}: {public}/webhooks/{path} ({where})\n")
    return int(failed)


async def _set(
    settings: Settings, public: str, numbers: Sequence[str], transport: Transport
) -> AsyncIterator[tuple[str, bool]]:
    wall = SystemWallClock()
    mail, sms = settings.postmark, settings.twilio
    if mail.server_token is None:
        yield "Postmark: not changed, POSTMARK_SERVER_TOKEN is not given", True
    else:
        token = mail.server_token.get_secret_value()
        client = PostmarkClient(Connection(transport, mail.base_url, token, RateLimit(5, wall), wall))
        login = f"{quote(mail.webhook_user, safe='')}:{quote(mail.webhook_password.get_secret_value(), safe='')}"
        address = public.replace("://", f"://{login}@", 1)
        yield await _told("Postmark", client.set_webhooks(f"{address}/webhooks/postmark"))
    if sms is None:
        yield "Twilio: not changed, TWILIO_ACCOUNT_SID is not given", True
        return
    twilio = TwilioClient(
        Connection(transport, sms.base_url, sms.secret, RateLimit(sms.requests_per_second, wall), wall), sms.account_sid
    )
    for number in numbers:
        yield await _told(f"Twilio {number}", _set_number(twilio, number, f"{public}/webhooks/twilio"))


async def _set_number(twilio: TwilioClient, number: str, url: str) -> None:
    found = await twilio.find_number(number)
    if found is None:
        raise NotFoundError(f"the account does not own {number}")
    await twilio.set_sms_webhook(found.sid, url)


async def _told(name: str, setting: Awaitable[None]) -> tuple[str, bool]:
    try:
        await setting
    except AgencyOSError as error:
        return f"{name}: NOT set: {error}", False
    return f"{name}: set", True


if __name__ == "__main__":
    raise SystemExit(main())
