"""The settings by area: one class each, composed by :class:`Settings`.

A field without a default must be given; each says its environment name, form and source for the error message.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

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
    UnitCost,
    WebhookSecret,
)

_POOLER = "Supabase: Project settings > Database > Connection string"
_ALONE = "`agency-os up` sets it for the embedded part when you leave it out"
_RANDOM_KEY = "make one with `python3 -c 'import secrets; print(secrets.token_hex(32))'` and keep it"
_OWN_ADDRESS = "leave it out for the provider's own address"


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


class ApolloSettings(Area):
    """Apollo: people and company data."""

    api_key: Annotated[SecretStr, Setting("APOLLO_API_KEY", "text", "Apollo: Settings > Integrations > API keys")]
    base_url: Annotated[HttpUrl, Setting("APOLLO_BASE_URL", "http(s)://HOST/api/v1", _OWN_ADDRESS)] = (
        "https://api.apollo.io/api/v1"
    )
    requests_per_second: Annotated[
        float,
        Field(gt=0, le=1000),
        Setting("APOLLO_REQUESTS_PER_SECOND", "a number above 0", "Apollo: your plan's limit; 5 by default"),
    ] = 5.0


class HunterSettings(Area):
    """Hunter: email finder and verifier."""

    api_key: Annotated[SecretStr, Setting("HUNTER_API_KEY", "text", "Hunter: Dashboard > API")]
    base_url: Annotated[HttpUrl, Setting("HUNTER_BASE_URL", "http(s)://HOST/v2", _OWN_ADDRESS)] = (
        "https://api.hunter.io/v2"
    )
    requests_per_second: Annotated[
        float,
        Field(gt=0, le=1000),
        Setting("HUNTER_REQUESTS_PER_SECOND", "a number above 0", "Hunter: your plan's limit; 10 by default"),
    ] = 10.0


class ResendSettings(Area):
    """Resend: outgoing email and its events."""

    api_key: Annotated[SecretStr, Setting("RESEND_API_KEY", "re_...", "Resend: API Keys")]
    base_url: Annotated[HttpUrl, Setting("RESEND_BASE_URL", "http(s)://HOST", _OWN_ADDRESS)] = "https://api.resend.com"
    webhook_secret: Annotated[WebhookSecret, Setting("RESEND_WEBHOOK_SECRET", "whsec_...", "Resend: Webhooks")]
    requests_per_second: Annotated[
        float,
        Field(gt=0, le=1000),
        Setting("RESEND_REQUESTS_PER_SECOND", "a number above 0", "Resend: your account's rate limit; 2 by default"),
    ] = 2.0


class PostmarkSettings(Area):
    """Postmark: inbound email. It signs nothing, so its webhook address carries a user and a password."""

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


_AMOUNT = "an amount in A$ such as 0.023"


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


AREAS: dict[str, type[Area]] = {
    "database": DatabaseSettings,
    "cache": CacheSettings,
    "supabase": SupabaseSettings,
    "prefect": PrefectSettings,
    "runtime": RuntimeSettings,
    "secrets": SecretSettings,
    "mail": MailSettings,
    "apollo": ApolloSettings,
    "hunter": HunterSettings,
    "resend": ResendSettings,
    "postmark": PostmarkSettings,
    "cal_com": CalComSettings,
    "costs": CostSettings,
}
"""The areas by their attribute in :class:`Settings`."""
