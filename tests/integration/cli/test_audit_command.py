"""`agency-os audit verify`, as an operator runs it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from tests.conftest import DatabaseUrls
from tests.factories.identity import make_client

PROGRAM = Path(sys.executable).parent / "agency-os"


def run(urls: DatabaseUrls, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.defpath, "HOME": str(folder), "DATABASE_URL": urls.app_dsn}
    return subprocess.run(
        [str(PROGRAM), "audit", *arguments],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
async def client_id(database_urls: DatabaseUrls) -> str:
    owner = await asyncpg.connect(database_urls.owner_dsn)
    made = await make_client(owner)
    await owner.execute("SELECT app.seal_audit(NULL, 100)")
    await owner.close()
    return str(made)


async def test_a_trail_that_holds_ends_with_zero(database_urls: DatabaseUrls, client_id: str, tmp_path: Path) -> None:
    ran = run(database_urls, tmp_path, "verify")
    assert (ran.returncode, ran.stderr) == (0, "")
    (line,) = [each for each in ran.stdout.splitlines() if each.startswith(client_id)]
    assert re.fullmatch(rf"{client_id} +1 +1 +0 +holds +[0-9a-f]{{64}}", line.rstrip())


async def test_a_broken_trail_ends_with_one_and_names_the_seal(
    database_urls: DatabaseUrls, client_id: str, tmp_path: Path
) -> None:
    owner = await asyncpg.connect(database_urls.owner_dsn)
    await owner.execute("SET session_replication_role = replica")
    await owner.execute("UPDATE audit_logs SET actor = 'nobody'")
    await owner.close()
    ran = run(database_urls, tmp_path, "verify", "--client", client_id, "--json")
    (chain,) = json.loads(ran.stdout)
    assert (ran.returncode, chain["fault"]) == (
        1,
        "seal 1: it was changed, or an entry under it was changed or exchanged",
    )


async def test_a_client_without_an_entry_is_no_client_whose_trail_holds(
    database_urls: DatabaseUrls, client_id: str, tmp_path: Path
) -> None:
    ran = run(database_urls, tmp_path, "verify", "--client", client_id.replace(client_id[-4:], "ffff"))
    assert (ran.returncode, ran.stderr) == (1, "")
    assert "no entry of this client" in ran.stdout
