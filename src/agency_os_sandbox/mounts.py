"""Every provider of the sandbox and the address below which it is served: the registry of the other side."""

from __future__ import annotations

from dataclasses import dataclass

from agency_os_sandbox.bookings import Bookings
from agency_os_sandbox.gateway import Provider
from agency_os_sandbox.outbox import Outbox
from agency_os_sandbox.providers.anthropic import Anthropic
from agency_os_sandbox.providers.apify import Apify
from agency_os_sandbox.providers.apollo import Apollo
from agency_os_sandbox.providers.cal_com import CalCom
from agency_os_sandbox.providers.clay import Clay
from agency_os_sandbox.providers.deepgram import Deepgram
from agency_os_sandbox.providers.dncr import Dncr
from agency_os_sandbox.providers.elevenlabs import ElevenLabs
from agency_os_sandbox.providers.heyreach import HeyReach
from agency_os_sandbox.providers.hunter import Hunter
from agency_os_sandbox.providers.lob import Lob
from agency_os_sandbox.providers.postmark import Postmark
from agency_os_sandbox.providers.resend import Resend
from agency_os_sandbox.providers.stripe import Stripe
from agency_os_sandbox.providers.stripe_life import StripeLife
from agency_os_sandbox.providers.twilio import Twilio
from agency_os_sandbox.providers.vapi import Vapi
from agency_os_sandbox.signing import Secrets
from agency_os_sandbox.store import Store
from agency_os_sandbox.world.directory import Directory
from agency_os_sandbox.world.life import Life


@dataclass(frozen=True, slots=True)
class Ground:
    """What providers stand on: the seed, the memory, the way out, and the world."""

    seed: int
    store: Store
    outbox: Outbox
    bookings: Bookings
    life: Life
    directory: Directory
    secrets: Secrets


def mounts(ground: Ground) -> tuple[tuple[Provider, str], ...]:
    """Each provider with the prefix of its addresses."""
    return (
        (Resend(ground.store, ground.life.accept), "/resend"),
        (CalCom(ground.bookings, ground.life.meet), "/cal/v2"),
        (Postmark(ground.store, ground.outbox), "/postmark"),
        (Stripe(ground.store, StripeLife(ground.seed, ground.store, ground.outbox, ground.life)), "/stripe"),
        (Apollo(ground.store, ground.directory), "/apollo/api/v1"),
        (Hunter(ground.store, ground.directory), "/hunter/v2"),
        (Twilio(ground.store, ground.outbox, ground.seed, ground.secrets.twilio_auth_token), "/twilio"),
        (Vapi(ground.store, ground.outbox, ground.seed), "/vapi"),
        (HeyReach(ground.store, ground.outbox, ground.seed, ground.secrets.heyreach_secret), "/heyreach/api/public"),
        (Dncr(ground.store, ground.seed), "/dncr"),
        (Deepgram(ground.store, ground.outbox, ground.seed), "/deepgram"),
        (Anthropic(ground.store), "/anthropic"),
        (Apify(ground.store, ground.directory), "/apify"),
        (Clay(ground.store, ground.directory, ground.outbox), "/clay"),
        (Lob(ground.store, ground.outbox, ground.seed), "/lob/v1"),
        (ElevenLabs(ground.store), "/elevenlabs"),
    )
