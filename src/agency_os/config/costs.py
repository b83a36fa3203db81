"""What the providers charge: A$ for one unit each, with the exchange rate for those that charge in US$.

The blueprint's prices (Part 1B) are the defaults; design decision 29 for the providers that it lacks.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from agency_os.config.setting import Area, Setting
from agency_os.config.values import UnitCost

_AMOUNT = "an amount in A$ such as 0.023"
_DOLLARS = "an amount in US$ such as 0.0043"


class CostSettings(Area):
    """A$ for one unit of each provider (blueprint Part 1; design decision 29 for those it lacks)."""

    apollo: Annotated[UnitCost, Setting("APOLLO_COST_AUD", _AMOUNT, "your Apollo plan's price of a credit")] = Decimal(
        "0.02"
    )
    hunter: Annotated[UnitCost, Setting("HUNTER_COST_AUD", _AMOUNT, "your Hunter plan's price of an email")] = Decimal(
        "0.023"
    )
    clay: Annotated[UnitCost, Setting("CLAY_COST_AUD", _AMOUNT, "your Clay plan's price of a credit")] = Decimal(
        "0.077"
    )
    resend: Annotated[UnitCost, Setting("RESEND_COST_AUD", _AMOUNT, "your Resend plan's price of an email")] = Decimal(
        "0.0009"
    )
    postmark: Annotated[
        UnitCost, Setting("POSTMARK_COST_AUD", _AMOUNT, "your Postmark plan's price of an inbound email")
    ] = Decimal("0.0015")
    twilio: Annotated[
        UnitCost, Setting("TWILIO_COST_AUD", _AMOUNT, "your Twilio plan's price of an SMS segment in Australia")
    ] = Decimal("0.08")
    vapi: Annotated[UnitCost, Setting("VAPI_COST_AUD", _AMOUNT, "your price of a minute, all-in")] = Decimal("0.35")
    lob: Annotated[UnitCost, Setting("LOB_COST_AUD", _AMOUNT, "your Lob plan's price of a postcard")] = Decimal("0.98")
    dncr: Annotated[UnitCost, Setting("DNCR_COST_AUD", _AMOUNT, "your subscription's price of a washed number")] = (
        Decimal("0.005058")
    )
    apify_usd: Annotated[UnitCost, Setting("APIFY_COST_USD", _DOLLARS, "your actor's price of a page")] = Decimal(
        "0.005"
    )
    elevenlabs_usd: Annotated[
        UnitCost, Setting("ELEVENLABS_COST_USD", _DOLLARS, "your ElevenLabs plan's price of 1,000 characters")
    ] = Decimal("0.18")
    deepgram_usd: Annotated[
        UnitCost, Setting("DEEPGRAM_COST_USD", _DOLLARS, "your Deepgram plan's price of a minute")
    ] = Decimal("0.0043")
    anthropic_input_usd: Annotated[
        UnitCost, Setting("ANTHROPIC_INPUT_COST_USD", _DOLLARS, "Anthropic's price of a million tokens read")
    ] = Decimal(3)
    anthropic_output_usd: Annotated[
        UnitCost, Setting("ANTHROPIC_OUTPUT_COST_USD", _DOLLARS, "Anthropic's price of a million tokens written")
    ] = Decimal(15)
    aud_per_usd: Annotated[
        Decimal, Field(gt=0, le=10), Setting("AUD_PER_USD", "a rate such as 1.53", "what a US$ costs you in A$")
    ] = Decimal("1.53")

    def in_aud(self, dollars: Decimal) -> Decimal:
        """A$ for an amount in US$, at the rate of the settings."""
        return dollars * self.aud_per_usd

    @property
    def apify(self) -> Decimal:
        """A$ for a crawled page."""
        return self.in_aud(self.apify_usd)
