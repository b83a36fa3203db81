"""No list calls a function for each row: row-level security asks once per statement who the caller is.

The statements are those that the routes send; their plans are PostgreSQL's own, under the caller's role and claims.
"""

from __future__ import annotations

import json
from typing import Any

import asyncpg
import pytest

from agency_os.wiring.web import Web
from benchmarks.databases import Recording, Statement, recorded
from tests.factories.tenant_rows import make_rows
from tests.integration.api.v1.conftest import Session

LISTS = [
    "/leads", "/leads?sort=score", "/leads?email=a", "/leads?min_score=3&sort=score", "/campaigns", "/senders",
    "/touches", "/meetings", "/imports", "/audit", "/members", "/invitations", "/api-keys",
]  # fmt: skip
DETAILS = ["/leads/{lead_id}", "/campaigns/{campaign_id}", "/touches/{touch_id}", "/meetings/{meeting_id}"]
ASKS_WHO = ("get_user_client_ids", "client_ids_with_role", "current_api_key", "auth.uid")


def per_row(node: dict[str, Any]) -> list[str]:
    """The conditions of a plan that call who-is-it functions, outside of what is computed once (InitPlan)."""
    if node.get("Parent Relationship") == "InitPlan":
        return []
    found = [
        f"{node['Node Type']} {name}: {node[name]}"
        for name in ("Filter", "Index Cond", "Recheck Cond", "Join Filter", "Hash Cond")
        if any(function in str(node.get(name, "")) for function in ASKS_WHO)
    ]
    return found + [each for inner in node.get("Plans", []) for each in per_row(inner)]


@pytest.mark.parametrize("path", LISTS + DETAILS)
async def test_who_the_caller_is_is_asked_once_per_statement(
    owner: Session, owner_db: asyncpg.Connection, web: Web, path: str
) -> None:
    rows = await make_rows(owner_db, owner.client_id, owner.user_id)
    recording = Recording()
    with recorded(web.infra.database, recording):
        response = await owner.call("GET", path.format(**rows))
    assert response.status_code == 200, response.text
    statements = [
        each for each in recording.steps if isinstance(each, Statement) and "set_config" not in each.text
        and "confirm_caller" not in each.text
    ]  # fmt: skip
    wrong = []
    async with owner_db.transaction():
        claims = json.dumps({"sub": str(owner.user_id), "role": "authenticated"})
        await owner_db.execute("SELECT set_config('request.jwt.claims', $1, true)", claims)
        for each in statements:
            role = "service_role" if "suppression" in each.text else "authenticated"
            await owner_db.execute(f"SET LOCAL ROLE {role}")
            plan = await owner_db.fetchval(f"EXPLAIN (FORMAT JSON, VERBOSE) {each.text}", *each.parameters)
            wrong += per_row(json.loads(plan)[0]["Plan"])
    assert (wrong, len(statements) > 0) == ([], True)
