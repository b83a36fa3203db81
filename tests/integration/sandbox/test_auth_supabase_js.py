"""The real npm client, on the Node of this installation, uses the embedded auth server as it uses Supabase.

The client comes from the package registry by `npm ci` and the committed lock: where none can be reached, the test
fails and says so.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from agency_os.kit.http import AiohttpTransport
from tests.conftest import DatabaseUrls
from tests.factories.api import api_settings, make_web, serving
from tests.factories.auth import SERVICE_KEY, served_auth
from tests.factories.identity import add_membership, make_client
from tests.support.needs import REPOSITORY

PROGRAMS = Path(sys.executable).parent
SOURCE = REPOSITORY / "tests" / "js"
INSTALL_SECONDS = 240.0


async def _run(folder: Path, *command: str, seconds: float) -> str:
    """What a program of the installed Node says on its output; fails with all of it when it ends badly."""
    env = {**os.environ, "PATH": f"{PROGRAMS}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, env=env, stdout=PIPE, stderr=STDOUT)
    try:
        output, _ = await asyncio.wait_for(process.communicate(), seconds)
    except TimeoutError:
        process.kill()
        await process.communicate()
        pytest.fail(f"{' '.join(command[:2])} did not end within {seconds:.0f} s", pytrace=False)
    if process.returncode:
        pytest.fail(f"{' '.join(command[:2])} ended with {process.returncode}:\n{output.decode()}", pytrace=False)
    return output.decode()


@pytest.fixture
async def client(tmp_path: Path) -> Path:
    """A folder outside the repository with the client and the script that uses it."""
    folder = tmp_path / "js"
    shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns("node_modules"))
    npm = (str(PROGRAMS / "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1")
    await _run(folder, *npm, seconds=INSTALL_SECONDS)
    return folder


async def _statuses(urls: DatabaseUrls, redis_url: str, url: str, token: str, ada: UUID) -> list[int]:
    """What the API answers to the token: as a stranger's, a member's, of a banned account, and of one set free."""
    owner_db = await asyncpg.connect(urls.owner_dsn)
    client_id, other = await make_client(owner_db), await make_client(owner_db)
    await add_membership(owner_db, client_id, ada, "viewer")
    path = "/api/v1/clients/{}/campaigns"
    settings = api_settings(DATABASE_URL=urls.app_dsn, REDIS_URL=redis_url, SUPABASE_URL=url)
    async with serving(make_web(settings, prefect=AiohttpTransport())) as http:
        http.headers["Authorization"] = f"Bearer {token}"
        found = [await http.get(path.format(other)), await http.get(path.format(client_id))]
        for until in ("now() + interval '1 hour'", "NULL"):
            await owner_db.execute(f"UPDATE auth.users SET banned_until = {until} WHERE id = $1", ada)  # noqa: S608
            found.append(await http.get(path.format(client_id)))
    await owner_db.close()
    return [response.status_code for response in found]


async def test_supabase_js_signs_up_logs_in_refreshes_reads_the_user_and_logs_out_and_the_api_takes_its_token(
    client: Path, tmp_path: Path, database_urls: DatabaseUrls, redis_url: str
) -> None:
    async with served_auth(tmp_path / "auth", database_urls) as url:
        said = await _run(client, str(PROGRAMS / "node"), "auth.js", url, SERVICE_KEY, seconds=60)
        found: dict[str, Any] = json.loads(said)
        ada = found["signedUp"]["id"]
        statuses = await _statuses(database_urls, redis_url, url, found["token"], UUID(ada))
    assert statuses == [404, 200, 404, 200]
    assert (found["signedUp"]["session"], found["loggedIn"], found["refreshed"], found["recovered"]) == (
        True, ada, True, ada,
    )  # fmt: skip
    assert found["user"] == {"id": ada, "email": "ada@agency.example", "name": "Ada Agency"}
    assert found["claims"] == {"sub": ada, "role": "authenticated", "aud": "authenticated", "iss": f"{url}/auth/v1"}
    assert (found["city"], found["admin"]) == ("Perth", {"listed": 1, "total": 2, "nextPage": 2, "name": "Carol"})
    errors = found["errors"]
    assert errors.pop("loggedOut") is None
    assert {name: (error["name"], error["status"], error.get("code")) for name, error in errors.items()} == {
        "weak": ("AuthWeakPasswordError", 422, "weak_password"),
        "again": ("AuthApiError", 422, "user_already_exists"),
        "wrong": ("AuthApiError", 400, "invalid_credentials"),
        "gone": ("AuthApiError", 404, "user_not_found"),
        "forbidden": ("AuthApiError", 403, "bad_jwt"),
        "afterwards": ("AuthSessionMissingError", 400, None),  # what the client makes of session_not_found
        "reused": ("AuthApiError", 400, "refresh_token_not_found"),
    }


def test_the_committed_files_name_no_registry_and_no_path() -> None:
    text = "".join(path.read_text("utf-8") for path in SOURCE.iterdir() if path.is_file())
    assert "resolved" not in (SOURCE / "package-lock.json").read_text("utf-8")
    assert [part for part in ("http://", "https://", "file:", "/home/", "/root") if part in text] == []
