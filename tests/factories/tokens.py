"""Supabase projects of every kind, their tokens, and the means to forge one: headers, claims and signatures at will."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from agency_os.integrations.supabase import TokenUser, TokenVerifier
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.http import HttpResponse
from tests.support.wire import Script, answer

URL = "https://project.supabase.co"
ISSUER = f"{URL}/auth/v1"
JWKS = f"{ISSUER}/.well-known/jwks.json"
NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
ADA = UUID("0192f3a0-0000-7000-8000-00000000000a")
SECRET = "legacy-secret-legacy-secret-legacy-secret"
EC, EVIL_EC = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
RSA, EVIL_RSA = rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 2048)

Sign = Callable[[bytes], bytes]


def published(key: Any, kid: str | None, **changes: Any) -> dict[str, Any]:
    """A public key as a set publishes it; None takes a member out."""
    is_ec = isinstance(key, ec.EllipticCurvePrivateKey)
    kind = jwt.algorithms.ECAlgorithm if is_ec else jwt.algorithms.RSAAlgorithm
    usual = {"kid": kid, "alg": "ES256" if is_ec else "RS256", "use": "sig", "key_ops": ["verify"]}
    members = {**kind.to_jwk(key.public_key(), as_dict=True), **usual, **changes}
    return {name: value for name, value in members.items() if value is not None}


def key_set(*keys: dict[str, Any]) -> HttpResponse:
    """A published set."""
    return answer(200, {"keys": list(keys)})


EC_PUBLISHED, RSA_PUBLISHED = published(EC, "ec-1"), published(RSA, "rsa-1")
KINDS = {
    "es256": ([EC_PUBLISHED], None, "ES256", "ec-1"),
    "rs256": ([RSA_PUBLISHED], None, "RS256", "rsa-1"),
    "hs256": ([], SECRET, "HS256", None),
    "mixed": ([EC_PUBLISHED, RSA_PUBLISHED], SECRET, "ES256", "ec-1"),
}
"""What each kind of project publishes, its shared secret, and what it signs with."""


def b64(content: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def signs(algorithm: str, key: Any = None) -> Sign:
    """Signs as ``algorithm`` prescribes, by default with the project's own key."""
    own = {"ES": EC, "RS": RSA, "PS": RSA, "HS": SECRET.encode()}.get(algorithm[:2])
    chosen = own if key is None else key
    return lambda content: jwt.algorithms.get_default_algorithms()[algorithm].sign(content, chosen)


def ecdsa(key: ec.EllipticCurvePrivateKey) -> Sign:
    """An ECDSA signature over SHA-256 in JWS form, whatever the curve."""

    def sign(content: bytes) -> bytes:
        size = (key.curve.key_size + 7) // 8
        pair = decode_dss_signature(key.sign(content, ec.ECDSA(hashes.SHA256())))
        return b"".join(number.to_bytes(size, "big") for number in pair)

    return sign


def compact(header: object, payload: object, sign: Sign) -> str:
    """A token; header and payload are JSON unless they are bytes."""
    parts = [b64(part if isinstance(part, bytes) else json.dumps(part).encode()) for part in (header, payload)]
    return ".".join([*parts, b64(sign(".".join(parts).encode()))])


def claims(**changes: Any) -> dict[str, Any]:
    """What an access token says at NOW; None takes a claim out."""
    usual = {
        "iss": ISSUER,
        "sub": str(ADA),
        "aud": "authenticated",
        "exp": SECONDS + 3600,
        "iat": SECONDS,
        "email": "ada@agency.example",
        "role": "authenticated",
        "is_anonymous": False,
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


@dataclass
class Project:
    """A project of one of KINDS with its verifier; ``script`` answers for the auth server."""

    kind: str = "es256"
    script: Any = None
    wall: FakeWallClock = field(default_factory=lambda: FakeWallClock(NOW))

    def __post_init__(self) -> None:
        keys, secret, self.algorithm, self.kid = KINDS[self.kind]
        self.asked = self.script or Script(key_set(*keys))
        self.verifier = TokenVerifier(self.asked, URL, self.wall, secret)

    def header(self, **changes: Any) -> dict[str, Any]:
        """A header of this project; None takes a member out."""
        usual = {"alg": self.algorithm, "typ": "JWT", "kid": self.kid}
        return {name: value for name, value in (usual | changes).items() if value is not None}

    def token(self, header: object = None, payload: object = None, sign: Sign | None = None) -> str:
        """A token that is right wherever it is not said otherwise."""
        return compact(
            self.header() if header is None else header,
            claims() if payload is None else payload,
            sign or signs(self.algorithm),
        )

    async def verify(self, token: str) -> TokenUser:
        """Whom the token names."""
        return await self.verifier.verify(token)
