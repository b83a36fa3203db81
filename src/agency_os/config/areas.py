"""The settings by area: one class each, composed by :class:`Settings`.

A field without a default must be given; each says its environment name, form and source for the error message.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from agency_os.config.costs import CostSettings
from agency_os.config.providers import (
    PROVIDERS,
    AnthropicSettings,
    ApifySettings,
    ApolloSettings,
    CalComSettings,
    ClaySettings,
    DeepgramSettings,
    DncrSettings,
    ElevenLabsSettings,
    HeyReachSettings,
    HunterSettings,
    LobSettings,
    MailboxSettings,
    PostmarkSettings,
    ResendSettings,
    StripeSettings,
    TwilioSettings,
    VapiSettings,
)
from agency_os.config.setting import Area, Setting
from agency_os.config.values import (
    ClockSetting,
    DomainName,
    HttpUrl,
    KeyBytes,
    LogFormat,
    LogLevel,
    PostgresUrl,
    PublicUrl,
    RedisUrl,
)

_POOLER = "Supabase: Project settings > Database > Connection string"
_ALONE = "`agency-os up` sets it for the embedded part when you leave it out"
_RANDOM_KEY = "make one with `python3 -c 'import secrets; print(secrets.token_hex(32))'` and keep it"


class DatabaseSettings(Area):
    """PostgreSQL: the application's login, and the owner's for migrations (None where nothing migrates)."""

    url: Annotated[
        PostgresUrl,
        Setting(
            "DATABASE_URL",
            "postgresql://agency_os_app:PASSWORD@HOST:6543/DATABASE",
            f"{_POOLER}, transaction pooler; {_ALONE}",
        ),
    ]
    migration_url: Annotated[
        PostgresUrl | None,
        Setting(
            "MIGRATION_DATABASE_URL",
            "postgresql://OWNER:PASSWORD@HOST:5432/DATABASE",
            f"{_POOLER}, session pooler; {_ALONE}",
        ),
    ] = None
    pool_size: Annotated[
        int, Field(ge=1, le=200), Setting("DB_POOL_SIZE", "a whole number from 1 to 200", "5 suits a small instance")
    ] = 5
    max_overflow: Annotated[
        int, Field(ge=0, le=200), Setting("DB_MAX_OVERFLOW", "a whole number from 0 to 200", "10 suits most")
    ] = 10


class MigrationSettings(Area):
    """What `agency-os migrate` needs: the owner's login alone."""

    migration_url: Annotated[PostgresUrl, DatabaseSettings.settings()["migration_url"]]


class CacheSettings(Area):
    """Redis or Valkey."""

    url: Annotated[
        RedisUrl,
        Setting(
            "REDIS_URL",
            "redis://[:PASSWORD@]HOST:PORT[/NUMBER]",
            f"your Redis or Valkey provider's connection page; {_ALONE}",
        ),
    ]


class SupabaseSettings(Area):
    """Supabase Auth, whose tokens the API takes. ``jwt_secret`` only for a project that still signs with HS256."""

    url: Annotated[
        HttpUrl,
        Setting("SUPABASE_URL", "https://PROJECT.supabase.co", f"Supabase: Project settings > Data API; {_ALONE}"),
    ]
    jwt_secret: Annotated[
        SecretStr | None,
        Field(min_length=32),
        Setting(
            "SUPABASE_JWT_SECRET",
            "at least 32 characters",
            "Supabase: Project settings > JWT keys > Legacy JWT secret; leave it out where there are signing keys",
        ),
    ] = None


class PrefectSettings(Area):
    """The Prefect server; ``api_key`` only for Prefect Cloud."""

    api_url: Annotated[
        HttpUrl,
        Setting("PREFECT_API_URL", "http(s)://HOST:PORT/api", f"`prefect config view` shows yours; {_ALONE}"),
    ]
    api_key: Annotated[
        SecretStr | None, Setting("PREFECT_API_KEY", "text", "Prefect Cloud: Settings > API Keys; else leave it out")
    ] = None


class RuntimeSettings(Area):
    """Where the program keeps its state, whose time it lives in, how it is reached and how it logs."""

    state: Annotated[Path, Setting("AGENCY_OS_STATE", "a folder", "leave it out for ./.state")] = Path(".state")
    business_clock: Annotated[
        ClockSetting,
        Setting("BUSINESS_CLOCK", "`system` or the http(s) address of a clock", "leave it out for `system`"),
    ] = "system"
    public_url: Annotated[
        PublicUrl,
        Setting(
            "PUBLIC_URL",
            "https://HOST (http only for 127.0.0.1)",
            f"the address at which the world reaches the API: webhooks and unsubscribe links go there; {_ALONE}",
        ),
    ]
    log_level: Annotated[LogLevel, Setting("LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR", "leave it out for INFO")] = (
        "INFO"
    )
    log_format: Annotated[LogFormat, Setting("LOG_FORMAT", "console or json", "leave it out for json")] = "json"


class SecretSettings(Area):
    """Keys of our own. Changing one makes sent links invalid, or stored suppressions unreadable."""

    token_secret: Annotated[
        KeyBytes, Setting("TOKEN_SECRET", "at least 32 bytes as hexadecimal digits or text", f"{_RANDOM_KEY}; {_ALONE}")
    ]
    suppression_key: Annotated[
        KeyBytes,
        Setting("SUPPRESSION_KEY", "at least 32 bytes as hexadecimal digits or text", f"{_RANDOM_KEY}; {_ALONE}"),
    ]


class MailSettings(Area):
    """Mail that comes in."""

    reply_domain: Annotated[
        DomainName,
        Setting(
            "REPLY_DOMAIN",
            "a domain name such as reply.example.com",
            "the domain whose MX points to Postmark's inbound server (Postmark: Servers > Inbound)",
        ),
    ]


class Settings(BaseModel):
    """All settings of a running service."""

    model_config = ConfigDict(frozen=True)

    database: DatabaseSettings
    cache: CacheSettings
    supabase: SupabaseSettings
    prefect: PrefectSettings
    runtime: RuntimeSettings
    secrets: SecretSettings
    mail: MailSettings
    apollo: ApolloSettings
    hunter: HunterSettings
    resend: ResendSettings
    postmark: PostmarkSettings
    cal_com: CalComSettings
    costs: CostSettings
    apify: ApifySettings | None = None
    clay: ClaySettings | None = None
    twilio: TwilioSettings | None = None
    heyreach: HeyReachSettings | None = None
    vapi: VapiSettings | None = None
    elevenlabs: ElevenLabsSettings | None = None
    deepgram: DeepgramSettings | None = None
    lob: LobSettings | None = None
    dncr: DncrSettings | None = None
    anthropic: AnthropicSettings | None = None
    stripe: StripeSettings | None = None
    mailbox: MailboxSettings | None = None


AREAS: dict[str, type[Area]] = {
    "database": DatabaseSettings,
    "cache": CacheSettings,
    "supabase": SupabaseSettings,
    "prefect": PrefectSettings,
    "runtime": RuntimeSettings,
    "secrets": SecretSettings,
    "mail": MailSettings,
    **{name: area for name, (_, area) in PROVIDERS.items()},
    "mailbox": MailboxSettings,
    "costs": CostSettings,
}
"""The areas by their attribute in :class:`Settings`."""
