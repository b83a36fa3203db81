"""The signing key and the service key: made once, kept in the state folder for the user alone.

Input: the state folder. Promises: ES256 with the key's id in every token's header; the file (mode 0600) appears whole
or not at all, also when two start at once; a damaged one is said and never replaced, for tokens of it are about.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agency_os_sandbox.auth.errors import bad_jwt
from agency_os_sandbox.ids import new_guid
from agency_os_sandbox.store import StateError

AUDIENCE = "authenticated"
ACCESS_SECONDS = 3600
_ALGORITHM = "ES256"
_FILE = "auth.json"
_REQUIRED = ["exp", "iat", "sub", "aud", "iss", "session_id"]


class KeyRing:
    """Signs and checks tokens of ``issuer``, and knows the service key."""

    def __init__(self, private: ec.EllipticCurvePrivateKey, kid: str, service_key: str, issuer: str) -> None:
        self._private = private
        self._kid = kid
        self._service_key = service_key
        self.issuer = issuer

    @classmethod
    def open(cls, state: Path, issuer: str, service_key: str | None = None) -> KeyRing:
        """The keys of ``state``; ``service_key`` stands in for the kept one. Raises StateError."""
        path = state / _FILE
        try:
            state.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not path.exists():
                _make(path)
            kept = json.loads(path.read_text("utf-8"))
        except OSError as error:
            raise StateError(f"{path} cannot be used: {error.strerror}; choose another --state") from error
        except ValueError as error:
            raise _damaged(path) from error
        try:
            private = serialization.load_pem_private_key(kept["private_key"].encode(), password=None)
            kid, kept_key = str(kept["kid"]), str(kept["service_key"])
        except (ValueError, KeyError, TypeError, AttributeError, UnsupportedAlgorithm) as error:
            raise _damaged(path) from error
        if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
            raise _damaged(path)
        return cls(private, kid, service_key or kept_key, issuer)

    def sign(self, claims: dict[str, Any]) -> str:
        """An access token."""
        return jwt.encode({"iss": self.issuer, **claims}, self._private, _ALGORITHM, {"kid": self._kid})

    def read(self, token: str, now: float) -> dict[str, Any]:
        """The claims of a token of ours that is valid at ``now`` (seconds since the epoch). Raises AuthError 403."""
        try:
            header = jwt.get_unverified_header(token)
            claims: dict[str, Any] = jwt.decode(
                token, self._private.public_key(), [_ALGORITHM], audience=AUDIENCE, issuer=self.issuer,
                options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )  # fmt: skip
        except (jwt.InvalidTokenError, ValueError) as error:
            raise bad_jwt(f"unable to parse or verify signature, {error}") from error
        if header.get("kid") != self._kid:
            raise bad_jwt("unable to parse or verify signature, unrecognized JWT kid")
        if not isinstance(claims["exp"], int | float) or claims["exp"] <= now:
            raise bad_jwt("unable to parse or verify signature, token has invalid claims: token is expired")
        return claims

    def is_service_key(self, given: str) -> bool:
        """Whether it is the key of the administration."""
        return hmac.compare_digest(given.encode(), self._service_key.encode())

    def jwks(self) -> dict[str, Any]:
        """The public key as published at `.well-known/jwks.json`."""
        point = self._private.public_key().public_numbers()
        key = {
            "alg": _ALGORITHM, "crv": "P-256", "ext": True, "key_ops": ["verify"], "kid": self._kid, "kty": "EC",
            "use": "sig", "x": _coordinate(point.x), "y": _coordinate(point.y),
        }  # fmt: skip
        return {"keys": [key]}


def _make(path: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    made = {"kid": new_guid(), "private_key": pem.decode(), "service_key": f"sb_secret_{secrets.token_urlsafe(32)}"}
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(made, file)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another one was first: its keys are used
            os.link(temporary, path)
    finally:
        temporary.unlink()


def _damaged(path: Path) -> StateError:
    return StateError(f"{path} is damaged: restore it from a copy, or remove it: everybody will have to log in again")


def _coordinate(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode("ascii")
