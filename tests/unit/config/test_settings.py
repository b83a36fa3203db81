"""Settings: what is missing or malformed is named, with its form and source, all at once, without its value."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from agency_os.config import ALL_SETTINGS, given_settings, load_migration_settings, load_settings
from agency_os.config.load import environment
from agency_os.exceptions import SettingsError

COMPLETE = {
    "DATABASE_URL": "postgresql://agency_os_app:pw-in-url@db.example.com:6543/postgres",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "SUPABASE_URL": "https://project.supabase.co",
    "PREFECT_API_URL": "http://127.0.0.1:4200/api/",
    "PUBLIC_URL": "https://api.example.com/",
    "TOKEN_SECRET": "ab" * 32,
    "SUPPRESSION_KEY": "a text of more than thirty-two bytes",
    "REPLY_DOMAIN": "Reply.Example.com",
    "APOLLO_API_KEY": "apollo-key",
    "HUNTER_API_KEY": "hunter-key",
    "RESEND_API_KEY": "re_key",
    "RESEND_WEBHOOK_SECRET": "whsec_c2VjcmV0",
    "POSTMARK_WEBHOOK_USER": "postmark",
    "POSTMARK_WEBHOOK_PASSWORD": "pm-pass",
    "CALCOM_WEBHOOK_SECRET": "cal-secret",
}


def test_a_complete_environment_gives_typed_settings() -> None:
    settings = load_settings({**COMPLETE, "HUNTER_COST_AUD": "0.03", "DB_POOL_SIZE": "7"})
    assert (settings.costs.hunter, settings.database.pool_size) == (Decimal("0.03"), 7)
    assert settings.prefect.api_url == "http://127.0.0.1:4200/api"
    assert settings.mail.reply_domain == "reply.example.com"


def test_a_hex_key_is_the_bytes_it_spells_and_text_its_own() -> None:
    secrets = load_settings(COMPLETE).secrets
    assert secrets.token_secret.get_secret_value() == b"\xab" * 32
    assert secrets.suppression_key.get_secret_value() == COMPLETE["SUPPRESSION_KEY"].encode()


@pytest.mark.parametrize("name", sorted(COMPLETE))
def test_a_missing_setting_gives_one_line_with_name_form_and_source(name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({**COMPLETE, name: "  "})
    setting = ALL_SETTINGS[name]
    assert str(caught.value) == f"{name} is missing: expected {setting.form}; {setting.source}"
    assert "\n" not in str(caught.value)


def test_all_missing_settings_are_reported_together_each_on_its_line() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({})
    lines = str(caught.value).splitlines()
    assert {line.split(" is missing: ")[0] for line in lines} == set(COMPLETE)
    assert len(lines) == len(COMPLETE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://u:hush-hush@host/db"),
        ("DATABASE_URL", "postgresql://u:hush-hush@host:6543/"),
        ("DATABASE_URL", "postgresql://u:hush-hush@host:port/db"),
        ("REDIS_URL", "127.0.0.1:6379"),
        ("PREFECT_API_URL", "localhost:4200"),
        ("PUBLIC_URL", "http://api.example.com"),
        ("BUSINESS_CLOCK", "tomorrow"),
        ("TOKEN_SECRET", "hush-hush"),
        ("SUPPRESSION_KEY", "ab" * 31),
        ("REPLY_DOMAIN", "someone@example.com"),
        ("RESEND_WEBHOOK_SECRET", "hush-hush"),
        ("RESEND_REQUESTS_PER_SECOND", "0"),
        ("POSTMARK_WEBHOOK_USER", "a:b"),
        ("DB_POOL_SIZE", "five"),
        ("HUNTER_COST_AUD", "-1"),
        ("HUNTER_COST_AUD", "NaN"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_malformed_value_is_named_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({**COMPLETE, name: value})
    assert str(caught.value).startswith(f"{name} is malformed: expected ")
    assert "hush-hush" not in str(caught.value)


def test_the_loopback_may_be_public_without_tls() -> None:
    assert load_settings({**COMPLETE, "PUBLIC_URL": "http://127.0.0.1:8000"}).runtime.public_url.startswith("http:")


def test_no_secret_shows_in_the_representation() -> None:
    shown = repr(load_settings(COMPLETE))
    assert not re.search("pw-in-url|apollo-key|pm-pass|cal-secret|thirty-two", shown)


def test_migrating_needs_the_owners_login_alone() -> None:
    with pytest.raises(SettingsError, match=r"^MIGRATION_DATABASE_URL is missing"):
        load_migration_settings({})
    assert load_migration_settings({"MIGRATION_DATABASE_URL": "postgresql://o:p@h/db"}).migration_url


def test_given_settings_are_the_known_ones_with_a_value() -> None:
    assert given_settings({"REDIS_URL": "redis://h:1", "APOLLO_API_KEY": "", "HOME": "/h"}) == {
        "REDIS_URL": "redis://h:1"
    }


def test_the_process_environment_wins_over_the_dotenv_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("LOG_LEVEL=DEBUG\nREDIS_URL=redis://from-file:1\n")
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    monkeypatch.delenv("REDIS_URL", raising=False)
    env = environment(dotenv)
    assert (env["LOG_LEVEL"], env["REDIS_URL"]) == ("ERROR", "redis://from-file:1")
