"""Two clients with every kind of caller, and the operations of the document, each callable with its example."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from agency_os.kit.ids import new_id
from tests.factories.identity import AuthStandIn, add_membership, make_account, make_client, make_key, make_member
from tests.factories.tenant_rows import make_rows
from tests.support.matrix import OPERATIONS, PUBLIC, ROLES, SCOPES

ALL_SCOPES = "every scope"
CALLERS: dict[str, set[str] | None] = {
    "anonymous": None,
    **{f"{role} of b": set() for role in ROLES},
    **{f"{role} of a": set(rights) for role, rights in ROLES.items()},
    "former member of a": set(),
    "invited to a": set(),
    "viewer of a, owner of b": set(ROLES["viewer"]),
    "banned owner of a": set(),
    **{f"key of a: {scope}": {scope} for scope in sorted(SCOPES)},
    f"key of b: {ALL_SCOPES}": set(),
}
"""Everybody, with the rights in client a; None for somebody without proof."""
BODIES: dict[str, dict[str, Any]] = {
    "upload_list": {"content": b"Email,Name\npat@firm.example,Pat Lee\n", "params": {"file_name": "leads.csv"}},
}
"""What is sent where the example of the document is no JSON."""


@dataclass
class World:
    """Two clients, the callers, and the operations as the document describes them."""

    http: httpx.AsyncClient
    db: asyncpg.Connection
    a: UUID
    b: UUID
    makers: dict[UUID, UUID] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)

    async def rows(self, client_id: UUID) -> dict[str, UUID]:
        """A new row of every noun of a client."""
        return await make_rows(self.db, client_id, self.makers[client_id])

    def operations(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Method, path and description of every operation that is not public."""
        return [
            (method, path, operation)
            for path, methods in self.document["paths"].items()
            for method, operation in methods.items()
            if OPERATIONS.get(operation["operationId"]) != PUBLIC
        ]

    async def call(
        self, caller: str, method: str, path: str, operation: dict[str, Any], ids: dict[str, UUID], client_id: UUID
    ) -> httpx.Response:
        """One request with the document's example, in which every id is one of ``ids``."""
        url = path.format(client_id=client_id, **{name: str(row_id) for name, row_id in ids.items()})
        return await self.http.request(method, url, headers=self.headers[caller], **self.given(operation, ids))

    def given(self, operation: dict[str, Any], ids: dict[str, UUID]) -> dict[str, Any]:
        """The body of an operation, as httpx takes it."""
        return BODIES.get(operation["operationId"]) or self.example(operation, ids)

    def example(self, operation: dict[str, Any], ids: dict[str, UUID]) -> dict[str, Any]:
        """The document's example, in which every id is one of ``ids``, and addresses are new."""
        if "requestBody" not in operation:
            return {}
        content = operation["requestBody"]["content"]["application/json"]
        reference = content["schema"]["$ref"].rpartition("/")[2]
        example = dict(self.document["components"]["schemas"][reference]["example"])
        named = {name: str(ids[name]) for name in example if name in ids and example[name] is not None}
        own = {"email": f"{new_id().hex}@lead.example", "address": f"{new_id().hex}.example"}
        if operation["operationId"] == "create_sender":
            own |= {"sender_email": f"ann@{own['address']}"}
        elif operation["operationId"] == "suppress":
            own["address"] = own["email"]
        return {"json": example | named | {name: value for name, value in own.items() if name in example}}


async def make_world(http: httpx.AsyncClient, owner_db: asyncpg.Connection, auth: AuthStandIn) -> World:
    """A world of its own for a test."""
    world = World(http, owner_db, await make_client(owner_db, "A"), await make_client(owner_db, "B"))
    world.document = (await http.get("/openapi.json")).json()
    sign = auth.signer.bearer
    for name, client_id in (("a", world.a), ("b", world.b)):
        users = {role: await make_member(owner_db, client_id, role) for role in ROLES}
        world.makers[client_id] = users["owner"]
        world.headers |= {f"{role} of {name}": sign(user) for role, user in users.items()}
    both, former = await make_member(owner_db, world.a, "viewer"), await make_member(owner_db, world.a, "owner")
    banned, invited = await make_member(owner_db, world.a, "owner"), await make_account(owner_db, "sam@vine.example")
    await add_membership(owner_db, world.b, both, "owner")
    await owner_db.execute("UPDATE memberships SET deleted_at = now() WHERE user_id = $1", former)
    await owner_db.execute("UPDATE auth.users SET banned_until = now() + interval '1 day' WHERE id = $1", banned)
    await owner_db.execute(
        "INSERT INTO invitations (client_id, email, role, invited_by, expires_at) "
        "VALUES ($1, 'sam@vine.example', 'admin', $2, now() + interval '1 day')",
        world.a,
        world.makers[world.a],
    )
    for scope in SCOPES:
        secret = await make_key(owner_db, world.a, world.makers[world.a], scope)
        world.headers[f"key of a: {scope}"] = {"Authorization": f"Bearer {secret}"}
    secret = await make_key(owner_db, world.b, world.makers[world.b], *SCOPES)
    world.headers |= {
        "anonymous": {},
        "former member of a": sign(former),
        "invited to a": sign(invited),
        "viewer of a, owner of b": sign(both),
        "banned owner of a": sign(banned),
        f"key of b: {ALL_SCOPES}": {"Authorization": f"Bearer {secret}"},
    }
    return world
