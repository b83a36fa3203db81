"""What is embedded and what each process is told: the user's settings replace parts, and nothing leaks."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from agency_os.config import given_settings
from agency_os.exceptions import SettingsError
from agency_os.kit.http import AiohttpTransport
from agency_os.stack.options import StackOptions
from agency_os.stack.plan import PROVIDER_SETTINGS, Embedded, Plan, make_plan
from agency_os.stack.services import auth_service, cache_service, postgres_service, prefect_service, sandbox_service
from agency_os.stack.state import StateFolder

OWN_PROVIDERS = {
    "PUBLIC_URL": "https://api.example.com",
    "REPLY_DOMAIN": "reply.example.com",
    "APOLLO_API_KEY": "apollo-key",
    "HUNTER_API_KEY": "hunter-key",
    "RESEND_API_KEY": "re_key",
    "RESEND_WEBHOOK_SECRET": "whsec_c2VjcmV0",
    "POSTMARK_WEBHOOK_USER": "postmark",
    "POSTMARK_WEBHOOK_PASSWORD": "pm-pass",
    "CALCOM_WEBHOOK_SECRET": "cal-secret",
}
OWN_DATABASE = {
    "DATABASE_URL": "postgresql://agency_os_app:a@db.example.com:6543/postgres",
    "MIGRATION_DATABASE_URL": "postgresql://postgres:b@db.example.com:5432/postgres",
}


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in given_settings():
        monkeypatch.delenv(name)


def _plan(tmp_path: Path, given: Mapping[str, str] | None = None, *, virtual_time: bool = True) -> Plan:
    state = StateFolder(tmp_path / "state")
    with state.hold(lambda _: None):
        options = StackOptions(state.path, virtual_time=virtual_time, given=given or {})
        return make_plan(options, state, lambda _: None, fresh=True)


def test_without_settings_everything_is_embedded_on_ports_of_its_own(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    assert set(plan.ports) == {"api", "postgres", "cache", "auth", "prefect", "sandbox"}
    assert len(set(plan.ports.values())) == 6


def test_every_address_of_an_embedded_part_is_on_the_loopback(tmp_path: Path) -> None:
    addresses = [value for value in _plan(tmp_path).env.values() if "://" in value and "127.0.0.1" in value]
    assert {urlsplit(value).hostname for value in addresses} == {"127.0.0.1"}
    assert len(addresses) >= 10


def test_the_keys_have_the_forms_of_the_providers(tmp_path: Path) -> None:
    env = _plan(tmp_path).env
    assert env["RESEND_API_KEY"].startswith("re_")
    assert len(base64.b64decode(env["RESEND_WEBHOOK_SECRET"].removeprefix("whsec_"), validate=True)) == 32


def test_the_application_logs_in_without_the_owners_rights(tmp_path: Path) -> None:
    env = _plan(tmp_path).env
    application, owner = urlsplit(env["DATABASE_URL"]), urlsplit(env["MIGRATION_DATABASE_URL"])
    assert (application.username, owner.username) == ("agency_os_app", "postgres")
    assert application.password != owner.password


def test_virtual_time_is_the_sandboxs_clock(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    assert plan.settings.runtime.business_clock == f"{plan.url('sandbox')}/clock"
    assert _plan(tmp_path, virtual_time=False).settings.runtime.business_clock == "system"


@pytest.mark.parametrize(
    ("given", "part"),
    [
        (OWN_DATABASE, "database"),
        ({"REDIS_URL": "redis://cache.example.com:6379"}, "cache"),
        ({"SUPABASE_URL": "https://project.supabase.co"}, "auth"),
        ({"PREFECT_API_URL": "http://prefect.example.com/api"}, "prefect"),
        (OWN_PROVIDERS, "sandbox"),
    ],
)
def test_a_given_setting_replaces_its_part_alone(given: dict[str, str], part: str) -> None:
    embedded = Embedded.of(given)
    parts = ("database", "cache", "auth", "prefect", "sandbox")
    assert [name for name in parts if not getattr(embedded, name)] == [part]


def test_the_embedded_postgresql_runs_for_prefect_alone_too() -> None:
    assert Embedded.of(OWN_DATABASE).postgres
    assert not Embedded.of({**OWN_DATABASE, "PREFECT_API_URL": "http://h/api"}).postgres


def test_a_given_setting_reaches_our_processes_as_it_is(tmp_path: Path) -> None:
    given = {**OWN_DATABASE, **OWN_PROVIDERS, "LOG_LEVEL": "DEBUG", "TOKEN_SECRET": "ab" * 32}
    env = _plan(tmp_path, given, virtual_time=False).env
    assert {name: env[name] for name in given} == given
    assert "BUSINESS_CLOCK" not in env


@pytest.mark.parametrize("name", sorted(PROVIDER_SETTINGS))
def test_one_provider_of_the_users_own_keeps_the_sandbox_out(name: str) -> None:
    assert not Embedded.of({name: "x"}).sandbox


def test_real_providers_need_all_their_settings_and_an_address_the_world_reaches(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        _plan(tmp_path, {"RESEND_API_KEY": "re_key"}, virtual_time=False)
    named = {line.split(" is missing")[0] for line in str(caught.value).splitlines()}
    assert named == {*OWN_PROVIDERS} - {"RESEND_API_KEY"}


def test_real_providers_never_live_in_virtual_time(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^real providers are never used in virtual time"):
        _plan(tmp_path, OWN_PROVIDERS)


@pytest.mark.parametrize(
    ("given", "missing"),
    [("DATABASE_URL", "MIGRATION_DATABASE_URL"), ("MIGRATION_DATABASE_URL", "DATABASE_URL")],
)
def test_a_database_of_ones_own_needs_both_logins(tmp_path: Path, given: str, missing: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{missing} is missing: expected postgresql://[^\n]*$"):
        _plan(tmp_path, {given: OWN_DATABASE[given]})


def test_the_sandboxs_people_never_leave_this_machine(tmp_path: Path) -> None:
    plan = _plan(tmp_path, {"PUBLIC_URL": "https://api.example.com"})
    assert plan.settings.runtime.public_url == plan.url("api")


def test_settings_of_the_shell_that_were_not_given_reach_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESEND_API_KEY", "re_live")
    monkeypatch.setenv("PREFECT_PROFILE", "production")
    plan = _plan(tmp_path)
    assert plan.env["RESEND_API_KEY"] == "re_sandbox"
    assert "PREFECT_PROFILE" not in plan.env


def test_the_loopback_is_never_reached_by_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "intranet")
    assert _plan(tmp_path).env["NO_PROXY"] == "intranet,127.0.0.1,localhost"


async def test_programs_that_are_not_ours_get_no_secret_but_their_own(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    transport = AiohttpTransport()
    services = [
        postgres_service(plan),
        cache_service(plan),
        prefect_service(plan, transport),
        sandbox_service(plan, transport),
        auth_service(plan, transport),
    ]
    allowed = {
        "prefect": {"prefect"},
        "auth": {"auth"},
        "sandbox": {"postmark_webhook", "cal_com_webhook"},  # Resend's stands there in base64
    }
    for service in services:
        text = " ".join([*service.command, *service.env.values()])
        found = {name for name, secret in plan.secrets.items() if secret in text}
        assert (service.name, found) == (service.name, allowed.get(service.name, set()))


def test_the_auth_servers_login_stands_in_no_environment_but_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH_DATABASE_URL", "postgresql://somebody@db.example.com/other")
    plan = _plan(tmp_path)
    assert not [
        name for name, value in plan.env.items() if name == "AUTH_DATABASE_URL" or plan.secrets["auth"] in value
    ]
    assert "AUTH_DATABASE_URL" not in plan.base


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        ("postgresql://postgres:b@db.example.com:5432/postgres", "@db.example.com:5432/postgres"),
        ("postgresql://o%40x:p%3A@[::1]:5432/own?sslmode=require", "@[::1]:5432/own?sslmode=require"),
    ],
)
def test_the_auth_server_logs_in_on_the_database_of_the_migrations(tmp_path: Path, owner: str, expected: str) -> None:
    plan = _plan(tmp_path, {**OWN_DATABASE, "MIGRATION_DATABASE_URL": owner})
    assert plan.auth_dsn == f"postgresql://supabase_auth_admin:{plan.secrets['auth']}{expected}"


def test_our_processes_are_told_where_people_log_in(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    assert plan.env["SUPABASE_URL"] == plan.url("auth")


async def test_no_secret_stands_in_the_list_of_processes(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    transport = AiohttpTransport()
    commands = [
        *postgres_service(plan).command,
        *cache_service(plan).command,
        *prefect_service(plan, transport).command,
        *sandbox_service(plan, transport).command,
        *auth_service(plan, transport).command,
    ]
    assert not [secret for secret in plan.secrets.values() if secret in " ".join(commands)]


def test_home_and_the_folder_for_temporary_files_are_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("TMPDIR", "/var/tmp")  # noqa: S108  # only a value
    env = _plan(tmp_path).env
    assert (env["HOME"], env["TMPDIR"]) == ("/home/somebody", "/var/tmp")  # noqa: S108  # as above
    assert env["PREFECT_HOME"].startswith(str(tmp_path))
