"""Callers of the API in a test: an auth server's key and published set, accounts with memberships, tokens of them.

The keys are published over a stand-in transport; the sandbox's own auth server is used where its protocol matters.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from agency_os.kit.api_keys import digest_of, new_secret, shown_part
from agency_os.kit.http import HttpRequest, HttpResponse
from agency_os.kit.ids import new_id
from tests.factories.api import PrefectStandIn
from tests.support.wire import answer

SUPABASE_URL = "http://127.0.0.1:9"
ISSUER = f"{SUPABASE_URL}/auth/v1"


class Signer:
    """An ES256 key of an auth server, and tokens made with it."""

    def __init__(self, kid: str = "key-1") -> None:
        self.kid = kid
        self.private = ec.generate_private_key(ec.SECP256R1())

    def claims(self, user_id: UUID, **changes: Any) -> dict[str, Any]:
        """What an access token of Supabase Auth says, valid for an hour from now; None takes a claim out."""
        now = int(time.time())
        usual = {
            "iss": ISSUER,
            "sub": str(user_id),
            "aud": "authenticated",
            "exp": now + 3600,
            "iat": now,
            "email": "ada@agency.example",
            "role": "authenticated",
            "aal": "aal1",
            "session_id": str(new_id()),
            "is_anonymous": False,
            "app_metadata": {"provider": "email"},
            "user_metadata": {},
        }
        return {name: value for name, value in (usual | changes).items() if value is not None}

    def token(self, user_id: UUID, **changes: Any) -> str:
        """An access token."""
        return jwt.encode(self.claims(user_id, **changes), self.private, "ES256", {"kid": self.kid})

    def bearer(self, user_id: UUID) -> dict[str, str]:
        """The header of a request by this user."""
        return {"Authorization": f"Bearer {self.token(user_id)}"}

    def published(self) -> dict[str, Any]:
        """The key as its set publishes it."""
        key = jwt.algorithms.ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {**key, "kid": self.kid, "alg": "ES256", "use": "sig"}


@dataclass
class AuthStandIn(PrefectStandIn):
    """Answers for Prefect, and publishes the keys of ``signers``; ``jwks`` replaces what is published."""

    signers: list[Signer] = field(default_factory=lambda: [Signer()])
    jwks: HttpResponse | Exception | None = None
    asked: int = 0

    @property
    def signer(self) -> Signer:
        """The first key."""
        return self.signers[0]

    async def send(self, request: HttpRequest) -> HttpResponse:
        """The key set, else what Prefect answers."""
        if not request.url.endswith("/.well-known/jwks.json"):
            return await super().send(request)
        self.asked += 1
        if isinstance(self.jwks, Exception):
            raise self.jwks
        return self.jwks or answer(200, {"keys": [each.published() for each in self.signers]})


async def make_account(owner: asyncpg.Connection, email: str, *, confirmed: bool = True) -> UUID:
    """An account as the auth server makes it; the trigger makes its profile."""
    user_id = new_id()
    await owner.execute(
        "INSERT INTO auth.users (id, email, email_confirmed_at, aud, role) VALUES ($1, $2, "
        "CASE WHEN $3 THEN now() END, 'authenticated', 'authenticated')",
        user_id,
        email,
        confirmed,
    )
    return user_id


async def make_client(owner: asyncpg.Connection, name: str = "Harbour") -> UUID:
    """A client that may send."""
    client_id = new_id()
    await owner.execute(
        "INSERT INTO clients (id, name, sender_name, postal_address, booking_url) VALUES "
        "($1, $2, 'Ann Carter', '1 Example Street, Sydney NSW 2000', 'https://cal.example/ann')",
        client_id,
        name,
    )
    return client_id


async def make_member(owner: asyncpg.Connection, client_id: UUID, role: str = "owner", email: str = "") -> UUID:
    """A person with a membership."""
    user_id = await make_account(owner, email or f"{role}-{new_id().hex}@agency.example")
    await add_membership(owner, client_id, user_id, role)
    return user_id


async def add_membership(owner: asyncpg.Connection, client_id: UUID, user_id: UUID, role: str) -> None:
    """An accepted membership."""
    await owner.execute(
        "INSERT INTO memberships (user_id, client_id, role, accepted_at) VALUES ($1, $2, $3, now())",
        user_id,
        client_id,
        role,
    )


async def make_key(owner: asyncpg.Connection, client_id: UUID, user_id: UUID, *scopes: str) -> str:
    """The secret of a new API key."""
    secret = new_secret()
    await owner.execute(
        "INSERT INTO api_keys (client_id, name, shown, digest, scopes, created_by) VALUES ($1, 'test', $2, $3, $4, $5)",
        client_id,
        shown_part(secret),
        digest_of(secret),
        list(scopes),
        user_id,
    )
    return secret


def problem_of(response: Any) -> tuple[int, str, str | None]:
    """Status, code and blamed field of a problem."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    body = json.loads(response.content)
    return response.status_code, body["code"], body.get("field")
