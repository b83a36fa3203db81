"""The program `agency-os-sandbox auth`: its keys survive kill -9, it stops cleanly, and says plainly what is wrong."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest

from tests.conftest import DatabaseUrls
from tests.factories.auth import PASSWORD, auth_dsn

PROGRAM = (sys.executable, "-c", "from agency_os_sandbox.cli import main; main()", "auth")
Start = Callable[..., Awaitable[tuple[Process, str]]]


async def spawn(*arguments: str, **environment: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *PROGRAM, *arguments, env={**os.environ, **environment}, stdout=PIPE, stderr=PIPE
    )


@pytest.fixture
async def start(tmp_path: Path, database_urls: DatabaseUrls) -> AsyncIterator[Start]:
    """Starts the program over one state folder; gives the process and its address."""
    running: list[Process] = []
    dsn = await auth_dsn(database_urls)

    async def run(**environment: str) -> tuple[Process, str]:
        flags = ("--port", "0", "--state", str(tmp_path / "state"))
        process = await spawn(*flags, **{"AUTH_DATABASE_URL": dsn, **environment})
        running.append(process)
        assert process.stdout is not None
        return process, (await process.stdout.readline()).decode().split()[-1]

    yield run
    for process in running:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def refusal(*arguments: str, **environment: str) -> tuple[int | None, str]:
    """The exit status and the one line that says why."""
    process = await spawn(*arguments, **environment)
    _, said = await process.communicate()
    text = said.decode()
    assert text.count("\n") == 1, text
    return process.returncode, text


async def call(method: str, url: str, body: object = None, token: str | None = None) -> tuple[int, Any]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession() as client, client.request(method, url, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def sign_up(url: str) -> dict[str, Any]:
    status, session = await call("POST", f"{url}/auth/v1/signup", {"email": "ada@agency.example", "password": PASSWORD})
    assert status == 200, session
    return dict(session)


async def test_key_and_sessions_survive_kill_9(start: Start) -> None:
    process, url = await start()
    session = await sign_up(url)
    process.kill()
    await process.wait()
    _, url = await start()
    _, jwks = await call("GET", f"{url}/auth/v1/.well-known/jwks.json")
    refreshed, _ = await call(
        "POST", f"{url}/auth/v1/token?grant_type=refresh_token", {"refresh_token": session["refresh_token"]}
    )
    kid = jwt.get_unverified_header(session["access_token"])["kid"]
    assert (refreshed, [key["kid"] for key in jwks["keys"]]) == (200, [kid])


async def test_a_token_is_issued_by_the_address_where_it_listens(start: Start) -> None:
    _, url = await start()
    claims = jwt.decode((await sign_up(url))["access_token"], options={"verify_signature": False})
    assert claims["iss"] == f"{url}/auth/v1"


async def test_the_keys_are_the_users_alone(start: Start, tmp_path: Path) -> None:
    await start()
    kept = tmp_path / "state" / "auth.json"
    assert [path.stat().st_mode & 0o777 for path in (kept.parent, kept)] == [0o700, 0o600]
    assert [path.name for path in kept.parent.iterdir()] == ["auth.json"]


async def test_two_that_start_at_once_use_the_same_keys(start: Start) -> None:
    urls = [url for _, url in await asyncio.gather(*(start() for _ in range(3)))]
    sets = [json.dumps((await call("GET", f"{url}/auth/v1/.well-known/jwks.json"))[1]) for url in urls]
    assert len(set(sets)) == 1


async def test_the_service_key_is_the_kept_one_or_the_given_one(start: Start, tmp_path: Path) -> None:
    _, url = await start()
    kept = json.loads((tmp_path / "state" / "auth.json").read_text())["service_key"]
    _, other = await start(SANDBOX_AUTH_SERVICE_KEY="sb_secret_given")
    statuses = [
        (await call("GET", f"{each}/auth/v1/admin/users", token=key))[0]
        for each in (url, other)
        for key in (kept, "sb_secret_given")
    ]
    assert statuses == [200, 403, 403, 200]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_stops_cleanly_when_asked(start: Start, number: signal.Signals) -> None:
    process, url = await start()
    assert (await call("GET", f"{url}/auth/v1/health"))[0] == 200
    process.send_signal(number)
    _, said = await process.communicate()
    assert (process.returncode, said) == (0, b"")


async def test_the_missing_login_is_named(tmp_path: Path) -> None:
    status, said = await refusal("--port", "0", "--state", str(tmp_path), AUTH_DATABASE_URL="")
    assert (status, "AUTH_DATABASE_URL is not set" in said) == (2, True)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])  # noqa: S104 - they are refused
async def test_it_refuses_to_listen_beyond_the_loopback(tmp_path: Path, host: str) -> None:
    status, said = await refusal("--host", host, "--port", "0", "--state", str(tmp_path), AUTH_DATABASE_URL="x")
    assert (status, "never open to the network" in said) == (2, True)


@pytest.mark.parametrize(
    "dsn", ["postgresql://supabase_auth_admin:hush-hush@127.0.0.1:9/db", "no dsn", "postgresql://["]
)
async def test_a_database_that_does_not_let_it_in_is_one_line_without_the_password(tmp_path: Path, dsn: str) -> None:
    status, said = await refusal("--port", "0", "--state", str(tmp_path), AUTH_DATABASE_URL=dsn)
    assert (status, "AUTH_DATABASE_URL" in said, "hush-hush" in said) == (2, True, False)


async def test_a_wrong_password_of_its_login_is_said(tmp_path: Path, database_urls: DatabaseUrls) -> None:
    dsn = (await auth_dsn(database_urls)).replace("supabase_auth_admin:", "supabase_auth_admin:hush-hush")
    status, said = await refusal("--port", "0", "--state", str(tmp_path), AUTH_DATABASE_URL=dsn)
    assert (status, "password authentication failed" in said, "hush-hush" in said) == (2, True, False)


@pytest.mark.parametrize("content", ["", "{}", '{"kid": 1, "service_key": "a", "private_key": "no key"}', "[]", "\x00"])
async def test_a_damaged_key_is_said_and_kept(tmp_path: Path, content: str) -> None:
    (tmp_path / "auth.json").write_text(content)
    status, said = await refusal("--port", "0", "--state", str(tmp_path), AUTH_DATABASE_URL="x")
    assert (status, "auth.json is damaged: restore it" in said) == (2, True)
    assert (tmp_path / "auth.json").read_text() == content


async def test_a_state_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    status, said = await refusal("--port", "0", "--state", str(tmp_path / "file"), AUTH_DATABASE_URL="x")
    assert (status, "cannot be used" in said) == (2, True)
