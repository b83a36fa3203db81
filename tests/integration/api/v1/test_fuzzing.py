"""schemathesis against the served API, as each kind of caller: no 5xx, no answer that the document does not describe.

Paths are filled with ids that exist, so that requests reach the routes' own work. `--api-requests N` asks for more.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import uvicorn

from agency_os.api.main import create_app
from agency_os.wiring.web import Web
from tests.factories.identity import AuthStandIn, make_client, make_key, make_member
from tests.factories.tenant_rows import make_rows
from tests.support.matrix import ROLES, SCOPES

CALLERS = [*ROLES, "key", "stranger"]
PHASES = {"owner": "coverage,fuzzing"}
"""Every boundary of every field as the one who may do everything; at random as the others."""
SPARE = 3
"""Examples are asked for this many times over: an operation without a body has few that differ."""
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


class Counting:
    """An application that counts its requests."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.requests = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.requests += scope["type"] == "http"
        await self._app(scope, receive, send)


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """The address of an application that listens on the loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
            await asyncio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


async def caller_of(caller: str, owner: asyncpg.Connection, auth: AuthStandIn) -> tuple[str, dict[str, Any]]:
    """The Authorization header of a caller, and the ids that its paths name."""
    client_id = await make_client(owner)
    user_id = await make_member(owner, client_id)
    ids = {"client_id": client_id, **await make_rows(owner, client_id, user_id)}
    if caller == "key":
        return f"Bearer {await make_key(owner, client_id, user_id, *SCOPES)}", ids
    if caller == "stranger":
        client_id, caller = await make_client(owner, "Elsewhere"), "owner"
    return auth.signer.bearer(await make_member(owner, client_id, caller))["Authorization"], ids


def with_ids(document: dict[str, Any], ids: dict[str, Any]) -> dict[str, Any]:
    """The document, in which a path parameter is one of ``ids`` or the like."""
    for methods in document["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path" and parameter["name"] in ids:
                    parameter["schema"] = {"type": "string", "enum": [str(ids[parameter["name"]])]}
    return document


@pytest.mark.timeout(600)
@pytest.mark.parametrize("caller", CALLERS)
async def test_no_request_breaks_the_api_or_its_description(
    caller: str,
    web: Web,
    prefect: AuthStandIn,
    owner_db: asyncpg.Connection,
    tmp_path: Path,
    pytestconfig: pytest.Config,
) -> None:
    wanted = pytestconfig.getoption("--api-requests") // len(CALLERS)
    app = create_app(web)
    header, ids = await caller_of(caller, owner_db, prefect)
    document = with_ids(json.loads(json.dumps(app.openapi())), ids)
    description = tmp_path / "openapi.json"
    description.write_text(json.dumps(document))
    counting = Counting(app)
    operations = sum(len(methods) for methods in document["paths"].values())
    async with served(counting) as url:
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "schemathesis.cli", "run", str(description), "--url", url,
            "--header", f"Authorization: {header}", "--include-path-regex", "^/api/", "--checks", CHECKS,
            "--phases", PHASES.get(caller, "fuzzing"), "--max-examples", str(SPARE * -(-wanted // operations)),
            "--seed", "7", "--no-color", "--continue-on-failure", "--request-timeout", "30",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=tmp_path,
        )  # fmt: skip
        output, _ = await program.communicate()
    assert program.returncode == 0, output.decode()[-6000:]
    assert counting.requests >= wanted
