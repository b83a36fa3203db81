"""The doctor over real and lost parts: what it says, what to do, and that it never tells a secret."""

from __future__ import annotations

import json
import signal
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from agency_os.config import PROVIDERS
from agency_os.exceptions import UnavailableError
from agency_os.kit.http import HttpRequest, HttpResponse
from agency_os.stack.diagnosis import Part, Whose
from agency_os.stack.doctor import examine
from tests.conftest import DatabaseUrls
from tests.factories.api import api_env
from tests.factories.identity import AuthStandIn
from tests.integration.stack.running import PROGRAM, as_ordinary_user, new_stack
from tests.support.wire import answer


class Wire(AuthStandIn):
    """Answers for Prefect, the auth server, the providers and our own API; ``down`` does not."""

    down = ""
    prefect_version = version("prefect")

    async def send(self, request: HttpRequest) -> HttpResponse:
        if self.down and self.down in request.url:
            raise UnavailableError("connection refused")
        if request.url.endswith("/admin/version"):
            return answer(200, self.prefect_version)
        if request.url.endswith("/auth/v1/health"):
            return answer(200, {"name": "GoTrue", "version": "v2.180.0"})
        if request.url.endswith("/health/ready"):
            return answer(200, {"parts": {"database": {"ok": True}}})
        if request.url.endswith("jwks.json"):
            return await super().send(request)
        return answer(404, {})


@pytest.fixture
def given(database_urls: DatabaseUrls, redis_url: str, tmp_path: Path) -> dict[str, str]:
    """Settings of somebody who brings everything."""
    own = {"MIGRATION_DATABASE_URL": database_urls.owner_dsn, "AGENCY_OS_STATE": str(tmp_path)}
    return {**api_env(database_urls.app_dsn, redis_url), **own}


async def looked_at(given: dict[str, str], wire: Wire | None = None) -> dict[str, Part]:
    return {part.name: part for part in await examine(given, wire or Wire())}


async def test_everything_well_is_told_with_versions_and_addresses(given: dict[str, str]) -> None:
    found = await looked_at(given)
    assert {name: part.todo for name, part in found.items() if part.todo} == {}
    assert set(found) == {
        "machine", "state folder", "database", "schema", "cache", "accounts", "prefect", "business clock", "API",
        "Mailboxes",
        *(name for name, _ in PROVIDERS.values()),
    }  # fmt: skip
    assert (found["database"].version or "").startswith("PostgreSQL 1")
    assert (found["accounts"].version, found["prefect"].version) == ("v2.180.0", version("prefect"))


async def test_a_provider_without_an_account_is_not_used_and_told_how_it_would_be(given: dict[str, str]) -> None:
    twilio = (await looked_at(given))["Twilio"]
    assert (twilio.is_configured, twilio.is_well, twilio.hint) == (False, True, "TWILIO_ACCOUNT_SID would connect it")


async def test_half_of_an_accounts_settings_are_a_fault(given: dict[str, str]) -> None:
    twilio = (await looked_at({**given, "TWILIO_AUTH_TOKEN": "t"}))["Twilio"]
    assert "TWILIO_ACCOUNT_SID is missing" in twilio.todo


async def test_a_provider_is_told_from_another_address(given: dict[str, str]) -> None:
    found = await looked_at({**given, "RESEND_BASE_URL": "https://mail.example"})
    assert (found["Resend"].whose, found["Hunter"].whose) == (Whose.OTHER, Whose.PROVIDER)


async def test_no_secret_is_in_what_it_says(given: dict[str, str]) -> None:
    said = json.dumps([part.to_json() for part in (await looked_at(given)).values()])
    secrets = [given[name] for name in given if "KEY" in name or "SECRET" in name or "PASSWORD" in name]
    password = given["DATABASE_URL"].partition("@")[0].rpartition(":")[2]
    assert [each for each in (*secrets, password) if each in said] == []


@pytest.mark.parametrize(
    ("changes", "part", "words"),
    [
        ({"DATABASE_URL": "postgresql://agency_os_app:x@127.0.0.1:9/x"}, "database", "it does not answer"),
        ({"REDIS_URL": "redis://127.0.0.1:9/0"}, "cache", "REDIS_URL does not answer"),
        ({"APOLLO_API_KEY": ""}, "Apollo", "APOLLO_API_KEY is missing"),
        ({"TOKEN_SECRET": "short"}, "secrets", "TOKEN_SECRET is malformed"),
        ({"BUSINESS_CLOCK": "http://127.0.0.1:9/clock"}, "business clock", "BUSINESS_CLOCK does not answer"),
    ],
)
async def test_what_is_wrong_is_named_with_what_to_do(
    given: dict[str, str], changes: dict[str, str], part: str, words: str
) -> None:
    found = await looked_at({name: value for name, value in {**given, **changes}.items() if value})
    assert words in found[part].todo


@pytest.mark.parametrize(
    ("down", "part"),
    [("/admin/version", "prefect"), ("/auth/v1", "accounts"), ("api.resend.com", "Resend"), ("/health/ready", "API")],
)
async def test_what_does_not_answer_is_unreachable(given: dict[str, str], down: str, part: str) -> None:
    wire = Wire()
    wire.down = down
    found = await looked_at(given, wire)
    assert (found[part].is_reachable, found[part].todo != "") == (False, True)


async def test_a_wrong_password_is_told_without_it(given: dict[str, str]) -> None:
    address = given["DATABASE_URL"].partition("@")[2]
    found = await looked_at({**given, "DATABASE_URL": f"postgresql://agency_os_app:hunter2@{address}"})
    assert (found["database"].todo, "hunter2" in str(found)) == ("DATABASE_URL: login or password is wrong", False)


async def test_a_superuser_is_no_login_for_the_application(given: dict[str, str]) -> None:
    found = await looked_at({**given, "DATABASE_URL": given["MIGRATION_DATABASE_URL"]})
    assert "superuser" in found["database"].todo


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM supabase_migrations.schema_migrations WHERE version >= '017'", "run `agency-os migrate`"),
        ("INSERT INTO supabase_migrations.schema_migrations (version) VALUES ('900')", "newer Agency OS (900)"),
    ],
)
async def test_an_older_and_a_newer_schema_are_told(
    given: dict[str, str], database_urls: DatabaseUrls, statement: str, words: str
) -> None:
    owner = await asyncpg.connect(database_urls.owner_dsn)
    await owner.execute(statement)
    await owner.close()
    assert words in (await looked_at(given))["schema"].todo


async def test_another_prefect_is_told(given: dict[str, str]) -> None:
    wire = Wire()
    wire.prefect_version = "2.20.1"
    assert "it is 2.20.1" in (await looked_at(given, wire))["prefect"].todo


@pytest.mark.parametrize(("secret", "is_well"), [("", False), ("x" * 40, True)])
async def test_a_project_without_published_keys_needs_its_secret(
    given: dict[str, str], secret: str, is_well: bool
) -> None:
    wire = Wire()
    wire.jwks = answer(200, {"keys": []})
    own = {**given, "SUPABASE_JWT_SECRET": secret} if secret else given
    assert (await looked_at(own, wire))["accounts"].is_well is is_well


async def test_embedded_parts_that_do_not_run_are_said_to_be_started(tmp_path: Path) -> None:
    found = await looked_at({"AGENCY_OS_STATE": str(tmp_path)})
    asleep = {name for name, part in found.items() if "start it with `agency-os up`" in part.todo}
    assert {"database", "cache", "accounts", "prefect", "Resend", "API"} <= asleep


@pytest.mark.timeout(300)
def test_a_running_stack_is_found_and_well() -> None:
    with new_stack() as stack:
        stack.start()
        said = [_run(stack.folder, "doctor", *arguments) for arguments in ((), ("--json",))]
        trail = _run(stack.folder, "audit", "verify")
        stack.end(signal.SIGTERM)
        after = _run(stack.folder, "doctor", "--json")
    document: dict[str, Any] = json.loads(said[1].stdout)
    assert [each.returncode for each in (*said, trail, after)] == [0, 0, 0, 1], said[0].stdout + trail.stderr
    assert (document["is_well"], {each["whose"] for each in document["parts"]}) == (
        True,
        {"machine", "embedded", "own"},
    )


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*as_ordinary_user(), str(PROGRAM), *arguments]
    env = {"HOME": str(folder / "home"), "PATH": "/usr/bin:/bin", "COLUMNS": "200"}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)
