"""Settings, composed by area; the only reader of the environment."""

from agency_os.config.areas import (
    AREAS,
    ApolloSettings,
    CacheSettings,
    CalComSettings,
    CostSettings,
    DatabaseSettings,
    HunterSettings,
    MailSettings,
    MigrationSettings,
    PostmarkSettings,
    PrefectSettings,
    ResendSettings,
    RuntimeSettings,
    SecretSettings,
    Settings,
)
from agency_os.config.load import (
    ALL_SETTINGS,
    environment,
    given_settings,
    load_area,
    load_migration_settings,
    load_settings,
)
from agency_os.config.setting import Area, Setting

__all__ = [
    "ALL_SETTINGS",
    "AREAS",
    "ApolloSettings",
    "Area",
    "CacheSettings",
    "CalComSettings",
    "CostSettings",
    "DatabaseSettings",
    "HunterSettings",
    "MailSettings",
    "MigrationSettings",
    "PostmarkSettings",
    "PrefectSettings",
    "ResendSettings",
    "RuntimeSettings",
    "SecretSettings",
    "Setting",
    "Settings",
    "environment",
    "given_settings",
    "load_area",
    "load_migration_settings",
    "load_settings",
]
