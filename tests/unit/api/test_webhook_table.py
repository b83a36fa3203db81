"""Each provider that sends webhooks has a source that recognises them and an address that takes them."""

from __future__ import annotations

from pathlib import Path

from agency_os.api.routes.webhook_table import TABLE
from agency_os.config import ALL_SETTINGS, load_settings
from agency_os.stack.sandbox_settings import product_environment
from agency_os.wiring.webhook_sources import build_webhook_sources
from tests.factories.api import api_env

DOCS = Path(__file__).parents[3] / "docs" / "providers" / "README.md"
SECRETS = dict.fromkeys(("resend_webhook", "postmark_webhook", "cal_com_webhook", "webhooks"), "ab" * 32)


def connected() -> set[str]:
    """The sources where every provider is connected."""
    env = {**api_env(), **product_environment("http://127.0.0.1:9", SECRETS)}
    assert set(env) <= set(ALL_SETTINGS)
    return set(build_webhook_sources(load_settings(env)))


def test_every_source_has_an_address_and_every_address_a_source() -> None:
    assert connected() == {route.provider for route in TABLE}


def test_without_an_account_there_is_no_source() -> None:
    assert set(build_webhook_sources(load_settings(api_env()))) == {"resend", "postmark", "cal_com"}


def test_every_address_is_told_to_newcomers() -> None:
    said = DOCS.read_text("utf-8")
    assert [route.path for route in TABLE if f"`{route.path}" not in said] == []
