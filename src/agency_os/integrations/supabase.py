"""Access tokens of Supabase Auth, verified without asking it: its published keys, pinned algorithms.

The key is chosen by us: by ``kid`` among the keys at the project's own address. What a token says about where its key
lies (``jku``, ``x5u``, ``jwk``, ``x5c``) is never read. An ES256 or RS256 token is only checked with a published key of
that very kind, an HS256 token only with the project's legacy secret, where one is set (RFC 8725, 3.1 and 3.2). Times
are checked by the machine's clock, since the auth server stamps them by its own.

Sources: supabase.com/docs/guides/auth/jwts, RFC 7519, RFC 8725.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final, NoReturn
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from agency_os.exceptions import AuthenticationError, UnavailableError
from agency_os.kit.clock import WallClock
from agency_os.kit.http import HttpRequest, Timeouts, Transport
from agency_os.kit.logging import get_logger

AUDIENCE: Final = "authenticated"
KEYS_LAST: Final = timedelta(minutes=10)
"""How long fetched keys are used unasked; Supabase's own edge caches them as long."""
STALE_KEYS_LAST: Final = timedelta(hours=24)
"""How long they are used while the auth server cannot be reached."""
ASK_AGAIN: Final = timedelta(seconds=15)
"""The shortest time between two fetches, whatever unknown ``kid`` callers name."""
ASK_AGAIN_FOR_ANY: Final = timedelta(seconds=1)
"""The same while there are no keys at all: whoever waited for a fetch that failed is told so, and does not try too."""
LEEWAY: Final = timedelta(seconds=10)
MOST_CHARACTERS: Final = 8192
_SMALLEST_RSA: Final = 2048
_LATEST: Final = 253_402_300_800  # the year 10000: no time of ours
_ALGORITHMS: Final = ("ES256", "RS256", "HS256")
_COMPACT: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+")  # RFC 7515, 2 and 3.1: no padding
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TokenUser:
    """Whom a valid token names. ``email`` is only for display: rights never follow from it."""

    user_id: UUID
    email: str | None


class TokenVerifier:
    """Verifies the tokens of one project; ``secret`` only where it still signs with HS256."""

    def __init__(self, transport: Transport, url: str, wall: WallClock, secret: str | None = None) -> None:
        self._issuer = f"{url}/auth/v1"
        self._wall = wall
        self._secret = secret
        self._keys = _PublishedKeys(transport, f"{self._issuer}/.well-known/jwks.json", wall)

    async def verify(self, token: str) -> TokenUser:
        """The user of a token.

        Raises AuthenticationError for whatever is not a valid access token of a person, and UnavailableError while the
        keys cannot be had.
        """
        algorithm, kid = _header(token)
        key = await self._key(algorithm, kid)
        try:
            jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=AUDIENCE,
                issuer=self._issuer,
                options={
                    "require": ["exp", "iat", "sub", "aud", "iss"],
                    "verify_exp": False,  # below, by the injected clock
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise _refused(type(error).__name__) from None
        claims = _read(token.split(".")[1])
        self._check_times(claims)
        return _user(claims)

    async def _key(self, algorithm: str, kid: str | None) -> Any:
        if algorithm == "HS256":
            if self._secret is None:
                raise _refused("HS256 without a shared secret")
            return self._secret
        if kid is None:
            raise _refused("no kid")
        key = await self._keys.get(kid)
        wanted = EllipticCurvePublicKey if algorithm == "ES256" else RSAPublicKey
        if key is None or not isinstance(key, wanted):
            raise _refused("no key of that kid and kind")
        return key

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now, leeway = self._wall.now().timestamp(), LEEWAY.total_seconds()
        for name in ("exp", "iat", "nbf"):
            value = claims.get(name, 0)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LATEST:
                raise _refused(f"{name} is no time")
        if not claims["exp"] > now - leeway:
            raise AuthenticationError("the token has run out: log in again, or refresh it")
        if not (claims["iat"] <= now + leeway and claims.get("nbf", 0) <= now + leeway):
            raise _refused("from the future")


class _PublishedKeys:
    """The project's keys by ``kid``, fetched when they are old or one is missing, by one caller at a time."""

    def __init__(self, transport: Transport, url: str, wall: WallClock) -> None:
        self._transport = transport
        self._url = url
        self._wall = wall
        self._keys: dict[str, Any] = {}
        self._fetched: float | None = None
        self._asked: float | None = None
        self._turn = asyncio.Lock()

    async def get(self, kid: str) -> Any:
        """The key, None where the project publishes no such one. Raises UnavailableError."""
        if self._is_missing(kid) and not (self._turn.locked() and kid in self._keys and self._is_usable()):
            async with self._turn:  # whoever holds a key that is only old goes on with it, and does not wait
                if self._may_ask():
                    await self._fetch()
        if not self._is_usable():
            raise UnavailableError("the auth server's keys cannot be had; try again")
        return self._keys.get(kid)

    def _is_missing(self, kid: str) -> bool:
        return kid not in self._keys or not self._is_younger(KEYS_LAST)

    def _is_usable(self) -> bool:
        return self._is_younger(STALE_KEYS_LAST)

    def _is_younger(self, age: timedelta) -> bool:
        return self._fetched is not None and self._wall.monotonic() - self._fetched < age.total_seconds()

    def _may_ask(self) -> bool:
        pause = ASK_AGAIN if self._is_usable() else ASK_AGAIN_FOR_ANY
        return self._asked is None or self._wall.monotonic() - self._asked >= pause.total_seconds()

    async def _fetch(self) -> None:
        timeouts = Timeouts(2.0, 5.0, 5.0)
        request = HttpRequest("GET", self._url, {"Accept": "application/json"}, timeout=timeouts, is_free=True)
        try:
            response = await self._transport.send(request)
            self._keys = read_keys(response.body if response.status == HTTPStatus.OK else b"")
            self._fetched = self._wall.monotonic()
        except UnavailableError as error:
            _log.warning("jwks_unavailable", error=str(error))
        finally:
            self._asked = self._wall.monotonic()  # at its end: a fetch that hung long is not repeated at once


def read_keys(body: bytes) -> dict[str, Any]:
    """The usable public keys of a JWKS by ``kid``. Raises UnavailableError for what is no JWKS."""
    try:
        entries = json.loads(body)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError):
        entries = None
    if not isinstance(entries, list):
        raise UnavailableError("the auth server published no JWKS")
    keys = {}
    for entry in entries:
        kid = entry.get("kid") if isinstance(entry, dict) else None
        if isinstance(kid, str) and kid and (key := _public_key(entry)) is not None:
            keys[kid] = key
    return keys


def _public_key(entry: Mapping[str, Any]) -> Any:
    """The key of a JWKS entry; None for a kind that is not taken, a weak one, or one that is not for signatures."""
    wanted = {"EC": "ES256", "RSA": "RS256"}.get(str(entry.get("kty")))
    if wanted is None or entry.get("alg", wanted) != wanted or entry.get("use", "sig") != "sig":
        return None
    try:
        key = jwt.PyJWK(dict(entry), wanted).key if "verify" in entry.get("key_ops", ["verify"]) else None
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    if isinstance(key, RSAPublicKey):
        return key if key.key_size >= _SMALLEST_RSA else None
    return key if isinstance(key, EllipticCurvePublicKey) and key.curve.name == "secp256r1" else None


def _header(token: str) -> tuple[str, str | None]:
    """The algorithm and ``kid`` of a token, of which nothing is proven yet."""
    if len(token) > MOST_CHARACTERS or (parts := _COMPACT.fullmatch(token)) is None:
        raise _refused("no JWS in compact form")
    header = _read(parts[1])
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in _ALGORITHMS:
        raise _refused("another algorithm")
    if "crit" in header or "b64" in header:  # RFC 7515, 4.1.11: what is critical and not understood is refused
        raise _refused("critical header")
    if "kid" in header and not isinstance(kid, str):
        raise _refused("kid is no text")
    return algorithm, kid


def _read(segment: str) -> dict[str, Any]:
    """The JSON object of a segment. What two readers could understand differently is refused (RFC 8725, 2.4): a name
    given twice, NaN, other encodings than UTF-8."""
    try:
        text = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)).decode()
        found = json.loads(text, object_pairs_hook=_each_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _refused("unreadable")
    return found


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _user(claims: Mapping[str, Any]) -> TokenUser:
    if claims.get("role") != AUDIENCE or claims.get("is_anonymous", False) is not False:
        raise _refused("not the token of a person with an account")
    try:
        user_id = UUID(claims["sub"])
    except ValueError:
        user_id = None
    if user_id is None or str(user_id) != claims["sub"]:  # UUID() also takes braces, urn: and the like
        raise _refused("sub is no id")
    email = claims.get("email")
    return TokenUser(user_id, email if isinstance(email, str) else None)


def _refused(reason: str) -> AuthenticationError:
    _log.info("token_refused", reason=reason)
    return AuthenticationError("the token is not valid here: log in again")
