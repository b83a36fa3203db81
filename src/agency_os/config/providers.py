"""The providers' settings: one area each. Most are optional: an account that is not there is simply not used.

An optional area is either whole or absent; one of its settings given without the others is a fault.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, SecretStr

from agency_os.config.setting import Area, Setting
from agency_os.config.values import FolderFile, HttpUrl, PathSecret, SvixSecret, WebhookSecret

_OWN_ADDRESS = "leave it out for the provider's own address"
_A_RATE = "a number above 0"
_IN_ADDRESS = "at least 20 letters, digits, - and _"
_CHOOSE_PATH = "choose one (`python3 -c 'import secrets; print(secrets.token_urlsafe(24))'`) and put it into"
_Rate = Annotated[float, Field(gt=0, le=1000)]


class ProviderSettings(Area, ABC):
    """What every provider's area has: an address, and how fast it may be asked."""

    if TYPE_CHECKING:  # each area declares them itself, in the order in which a user meets its settings
        base_url: str
        requests_per_second: float

    @property
    @abstractmethod
    def secret(self) -> str:
        """The key or token that requests carry."""
        ...


class KeySettings(ProviderSettings):
    """A provider whose requests carry one key."""

    if TYPE_CHECKING:
        api_key: SecretStr

    @property
    def secret(self) -> str:
        """See `ProviderSettings.secret`."""
        return self.api_key.get_secret_value()


class ApolloSettings(KeySettings):
    """Apollo: people and company data."""

    api_key: Annotated[SecretStr, Setting("APOLLO_API_KEY", "text", "Apollo: Settings > Integrations > API keys")]
    base_url: Annotated[HttpUrl, Setting("APOLLO_BASE_URL", "http(s)://HOST/api/v1", _OWN_ADDRESS)] = (
        "https://api.apollo.io/api/v1"
    )
    requests_per_second: Annotated[
        _Rate, Setting("APOLLO_REQUESTS_PER_SECOND", _A_RATE, "Apollo: your plan's limit; 5 by default")
    ] = 5.0


class HunterSettings(KeySettings):
    """Hunter: email finder and verifier."""

    api_key: Annotated[SecretStr, Setting("HUNTER_API_KEY", "text", "Hunter: Dashboard > API")]
    base_url: Annotated[HttpUrl, Setting("HUNTER_BASE_URL", "http(s)://HOST/v2", _OWN_ADDRESS)] = (
        "https://api.hunter.io/v2"
    )
    requests_per_second: Annotated[
        _Rate, Setting("HUNTER_REQUESTS_PER_SECOND", _A_RATE, "Hunter: your plan's limit; 10 by default")
    ] = 10.0


class ResendSettings(KeySettings):
    """Resend: outgoing email and its events."""

    api_key: Annotated[SecretStr, Setting("RESEND_API_KEY", "re_...", "Resend: API Keys")]
    base_url: Annotated[HttpUrl, Setting("RESEND_BASE_URL", "http(s)://HOST", _OWN_ADDRESS)] = "https://api.resend.com"
    webhook_secret: Annotated[SvixSecret, Setting("RESEND_WEBHOOK_SECRET", "whsec_...", "Resend: Webhooks")]
    requests_per_second: Annotated[
        _Rate, Setting("RESEND_REQUESTS_PER_SECOND", _A_RATE, "Resend: your account's rate limit; 2 by default")
    ] = 2.0


class PostmarkSettings(Area):
    """Postmark: inbound email. It signs nothing, so its webhook address carries a user and a password.

    The token only where messages that no webhook brought are looked up.
    """

    webhook_user: Annotated[
        str, Field(pattern=r"^[^:]+$"), Setting("POSTMARK_WEBHOOK_USER", "text without a colon", "choose one yourself")
    ]
    webhook_password: Annotated[
        SecretStr,
        Setting(
            "POSTMARK_WEBHOOK_PASSWORD",
            "text",
            "choose one, and put both into the inbound webhook's address (Postmark: Servers > Inbound > Settings)",
        ),
    ]
    server_token: Annotated[
        SecretStr | None, Setting("POSTMARK_SERVER_TOKEN", "text", "Postmark: Servers > API tokens; else leave it out")
    ] = None
    base_url: Annotated[HttpUrl, Setting("POSTMARK_BASE_URL", "http(s)://HOST", _OWN_ADDRESS)] = (
        "https://api.postmarkapp.com"
    )


class CalComSettings(Area):
    """Cal.com: booked meetings by signed webhook; the API key only where bookings are looked up."""

    webhook_secret: Annotated[
        SecretStr, Setting("CALCOM_WEBHOOK_SECRET", "text", "Cal.com: Settings > Developer > Webhooks")
    ]
    api_key: Annotated[
        SecretStr | None, Setting("CALCOM_API_KEY", "cal_...", "Cal.com: Settings > Developer > API keys")
    ] = None
    base_url: Annotated[HttpUrl, Setting("CALCOM_BASE_URL", "http(s)://HOST/v2", _OWN_ADDRESS)] = (
        "https://api.cal.com/v2"
    )


class ApifySettings(KeySettings):
    """Apify: crawls a company's website by an actor."""

    is_optional: ClassVar[bool] = True

    api_key: Annotated[SecretStr, Setting("APIFY_API_KEY", "apify_api_...", "Apify: Settings > API & Integrations")]
    base_url: Annotated[HttpUrl, Setting("APIFY_BASE_URL", "http(s)://HOST", _OWN_ADDRESS)] = "https://api.apify.com"
    actor: Annotated[
        str,
        Field(pattern=r"^[A-Za-z0-9_.-]+~[A-Za-z0-9_.-]+$"),
        Setting("APIFY_ACTOR", "USER~ACTOR", "leave it out for apify~website-content-crawler"),
    ] = "apify~website-content-crawler"
    webhook_secret: Annotated[
        PathSecret, Setting("APIFY_WEBHOOK_SECRET", _IN_ADDRESS, f"{_CHOOSE_PATH} Apify's webhook address")
    ]
    requests_per_second: Annotated[
        _Rate, Setting("APIFY_REQUESTS_PER_SECOND", _A_RATE, "Apify allows 60 per resource; 20 by default")
    ] = 20.0


class ClaySettings(ProviderSettings):
    """Clay: a table that takes people by its webhook and calls us back with what it found."""

    is_optional: ClassVar[bool] = True

    base_url: Annotated[
        HttpUrl,
        Setting("CLAY_WEBHOOK_URL", "https://api.clay.com/v3/...", "Clay: your table > webhook"),
    ]
    webhook_token: Annotated[
        SecretStr, Setting("CLAY_WEBHOOK_TOKEN", "text", "Clay: your table > webhook > authentication token")
    ]
    callback_secret: Annotated[
        PathSecret,
        Setting("CLAY_CALLBACK_SECRET", _IN_ADDRESS, "choose one: the header of the table's HTTP column"),
    ]
    credits_per_row: Annotated[
        Decimal,
        Field(gt=0, le=1000),
        Setting("CLAY_CREDITS_PER_ROW", "a number above 0", "Clay: what your table's columns cost a row; 4 by default"),
    ] = Decimal(4)
    requests_per_second: Annotated[
        _Rate, Setting("CLAY_REQUESTS_PER_SECOND", _A_RATE, "Clay takes 10 records a second; 8 by default")
    ] = 8.0

    @property
    def secret(self) -> str:
        """See `ProviderSettings.secret`."""
        return self.webhook_token.get_secret_value()


class TwilioSettings(ProviderSettings):
    """Twilio: SMS, and the number that calls go out from."""

    is_optional: ClassVar[bool] = True

    account_sid: Annotated[
        str,
        Field(pattern=r"^AC[0-9a-fA-F]{32}$"),
        Setting("TWILIO_ACCOUNT_SID", "AC and 32 hexadecimal digits", "Twilio: Console > Account info"),
    ]
    auth_token: Annotated[SecretStr, Setting("TWILIO_AUTH_TOKEN", "text", "Twilio: Console > Account info")]
    base_url: Annotated[HttpUrl, Setting("TWILIO_BASE_URL", "http(s)://HOST", _OWN_ADDRESS)] = "https://api.twilio.com"
    requests_per_second: Annotated[
        _Rate, Setting("TWILIO_REQUESTS_PER_SECOND", _A_RATE, "Twilio: your sender's throughput; 10 by default")
    ] = 10.0

    @property
    def secret(self) -> str:
        """See `ProviderSettings.secret`."""
        return self.auth_token.get_secret_value()


class HeyReachSettings(KeySettings):
    """HeyReach: LinkedIn by its campaigns. It signs nothing, so its webhook address carries a secret."""

    is_optional: ClassVar[bool] = True

    api_key: Annotated[SecretStr, Setting("HEYREACH_API_KEY", "text", "HeyReach: Integrations > HeyReach API")]
    base_url: Annotated[HttpUrl, Setting("HEYREACH_BASE_URL", "http(s)://HOST/api/public", _OWN_ADDRESS)] = (
        "https://api.heyreach.io/api/public"
    )
    webhook_secret: Annotated[
        PathSecret, Setting("HEYREACH_WEBHOOK_SECRET", _IN_ADDRESS, f"{_CHOOSE_PATH} HeyReach's webhook address")
    ]
    requests_per_second: Annotated[
        _Rate, Setting("HEYREACH_REQUESTS_PER_SECOND", _A_RATE, "HeyReach allows 300 a minute; 4 by default")
    ] = 4.0


class VapiSettings(KeySettings):
    """Vapi: AI voice calls."""

    is_optional: ClassVar[bool] = True

    api_key: Annotated[SecretStr, Setting("VAPI_API_KEY", "text", "Vapi: Organization > API keys, the private one")]
    base_url: Annotated[HttpUrl, Setting("VAPI_BASE_URL", "http(s)://HOST", _OWN_ADDRESS)] = "https://api.vapi.ai"
    webhook_secret: Annotated[
        PathSecret,
        Setting("VAPI_WEBHOOK_SECRET", _IN_ADDRESS, "choose one, and give it to Vapi as the server's X-Vapi-Secret"),
    ]
    requests_per_second: Annotated[
        _Rate, Setting("VAPI_REQUESTS_PER_SECOND", _A_RATE, "Vapi publishes none; 2 by default")
    ] = 2.0


class ElevenLabsSettings(KeySettings):
    """ElevenLabs: speech from text."""

    is_optional: ClassVar[bool] = True

    api_key: Annotated[SecretStr, Setting("ELEVENLABS_API_KEY", "text", "ElevenLabs: Developers > API keys")]
    base_url: Annotated[HttpUrl, Setting("ELEVENLABS_BASE_URL", "http(s)://HOST", _OWN_ADDRESS)] = (
        "https://api.elevenlabs.io"
    )
    requests_per_second: Annotated[
        _Rate, Setting("ELEVENLABS_REQUESTS_PER_SECOND", _A_RATE, "your plan's concurrency; 2 by default")
    ] = 2.0


class DeepgramSettings(KeySettings):
    """Deepgram: text from speech. It signs nothing, so its callback's address carries a secret."""

    is_optional: ClassVar[bool] = True

    api_key: Annotated[SecretStr, Setting("DEEPGRAM_API_KEY", "text", "Deepgram: Console > API keys")]
    base_url: Annotated[HttpUrl, Setting("DEEPGRAM_BASE_URL", "http(s)://HOST", _OWN_ADDRESS)] = (
        "https://api.deepgram.com"
    )
    callback_secret: Annotated[
        PathSecret, Setting("DEEPGRAM_CALLBACK_SECRET", _IN_ADDRESS, "choose one: callbacks carry it")
    ]
    requests_per_second: Annotated[
        _Rate, Setting("DEEPGRAM_REQUESTS_PER_SECOND", _A_RATE, "your project's concurrency; 10 by default")
    ] = 10.0


class LobSettings(KeySettings):
    """Lob: postcards and letters to addresses in the United States."""

    is_optional: ClassVar[bool] = True

    api_key: Annotated[SecretStr, Setting("LOB_API_KEY", "live_... or test_...", "Lob: Settings > API keys")]
    base_url: Annotated[HttpUrl, Setting("LOB_BASE_URL", "http(s)://HOST/v1", _OWN_ADDRESS)] = "https://api.lob.com/v1"
    webhook_secret: Annotated[SecretStr, Setting("LOB_WEBHOOK_SECRET", "text", "Lob: Webhooks > your webhook > secret")]
    requests_per_second: Annotated[
        _Rate, Setting("LOB_REQUESTS_PER_SECOND", _A_RATE, "Lob allows 150 in 5 s; 20 by default")
    ] = 20.0


class DncrSettings(ProviderSettings):
    """The Do Not Call Register's washing service (ACMA); needs a subscription of type D or above."""

    is_optional: ClassVar[bool] = True

    telemarketer_id: Annotated[
        str,
        Field(pattern=r"^\d{1,20}$"),
        Setting("DNCR_TELEMARKETER_ID", "digits", "donotcall.gov.au: your account's id"),
    ]
    password: Annotated[SecretStr, Setting("DNCR_PASSWORD", "text", "donotcall.gov.au: your account's passphrase")]
    wash_only_user_id: Annotated[
        str,
        Setting("DNCR_WASH_ONLY_USER_ID", "text", "donotcall.gov.au: a user who only washes; leave it out for none"),
    ] = ""
    base_url: Annotated[HttpUrl, Setting("DNCR_BASE_URL", "http(s)://HOST/dncrtelem/rtw/washing.cfc", _OWN_ADDRESS)] = (
        "https://www.donotcall.gov.au/dncrtelem/rtw/washing.cfc"
    )
    requests_per_second: Annotated[
        _Rate, Setting("DNCR_REQUESTS_PER_SECOND", _A_RATE, "the register publishes none; 1 by default")
    ] = 1.0

    @property
    def secret(self) -> str:
        """See `ProviderSettings.secret`."""
        return self.password.get_secret_value()


class AnthropicSettings(KeySettings):
    """Anthropic: the language model. Reached only through the spend limiter."""

    is_optional: ClassVar[bool] = True

    api_key: Annotated[SecretStr, Setting("ANTHROPIC_API_KEY", "sk-ant-...", "Anthropic: Console > API keys")]
    base_url: Annotated[HttpUrl, Setting("ANTHROPIC_BASE_URL", "http(s)://HOST", _OWN_ADDRESS)] = (
        "https://api.anthropic.com"
    )
    requests_per_second: Annotated[
        _Rate, Setting("ANTHROPIC_REQUESTS_PER_SECOND", _A_RATE, "Anthropic: your tier's limit; 5 by default")
    ] = 5.0


class StripeSettings(KeySettings):
    """Stripe: the agencies' subscriptions."""

    is_optional: ClassVar[bool] = True

    api_key: Annotated[SecretStr, Setting("STRIPE_API_KEY", "sk_... or rk_...", "Stripe: Developers > API keys")]
    base_url: Annotated[HttpUrl, Setting("STRIPE_BASE_URL", "http(s)://HOST", _OWN_ADDRESS)] = "https://api.stripe.com"
    webhook_secret: Annotated[
        WebhookSecret, Setting("STRIPE_WEBHOOK_SECRET", "whsec_...", "Stripe: Developers > Webhooks > signing secret")
    ]
    requests_per_second: Annotated[
        _Rate, Setting("STRIPE_REQUESTS_PER_SECOND", _A_RATE, "Stripe allows about 100; 20 by default")
    ] = 20.0


class MailboxSettings(Area):
    """Mailboxes of the clients' own, beside Resend: SMTP to send, IMAP to read."""

    is_optional: ClassVar[bool] = True

    file: Annotated[
        FolderFile, Setting("MAILBOXES_FILE", "the path of a JSON file", "docs/providers/mailbox.md shows its form")
    ]


PROVIDERS: dict[str, tuple[str, type[Area]]] = {
    "apollo": ("Apollo", ApolloSettings),
    "hunter": ("Hunter", HunterSettings),
    "resend": ("Resend", ResendSettings),
    "postmark": ("Postmark", PostmarkSettings),
    "cal_com": ("Cal.com", CalComSettings),
    "apify": ("Apify", ApifySettings),
    "clay": ("Clay", ClaySettings),
    "twilio": ("Twilio", TwilioSettings),
    "heyreach": ("HeyReach", HeyReachSettings),
    "vapi": ("Vapi", VapiSettings),
    "elevenlabs": ("ElevenLabs", ElevenLabsSettings),
    "deepgram": ("Deepgram", DeepgramSettings),
    "lob": ("Lob", LobSettings),
    "dncr": ("Do Not Call Register", DncrSettings),
    "anthropic": ("Anthropic", AnthropicSettings),
    "stripe": ("Stripe", StripeSettings),
}
"""The providers by their attribute in Settings: what they are called, and their area."""
