"""What a request holds, read with its limits: a JSON object no larger than a megabyte, its fields by type.

Whatever is not so is a 4xx that says what is wrong: no JSON, another type, a null byte or half a character that
PostgreSQL could not keep, a number that JSON does not know, an address that is none.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn
from uuid import UUID

from starlette.requests import ClientDisconnect, Request

from agency_os_sandbox.auth.errors import AuthError, bad_json, invalid

MAX_BODY = 1024 * 1024
_MAX_DEPTH = 64
_MAX_EMAIL = 255
_EMAIL = re.compile(r"[^@\s\x00-\x20\x7f\"(),:;<>\[\\\]]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)+")


async def read_object(request: Request, *, optional: bool = False) -> dict[str, Any]:
    """The body's JSON object; empty for no body where it is ``optional``. Raises AuthError 400 or 413."""
    body = await _read_body(request)
    if optional and not body.strip():
        return {}
    try:
        data = json.loads(body, parse_constant=_no_number, parse_float=_finite)
        _check_storable(data, 0)
    except (ValueError, RecursionError) as error:
        raise bad_json(f"Could not parse request body as JSON: {error}") from error
    if not isinstance(data, dict):
        raise bad_json("Could not parse request body as JSON: an object is expected")
    return data


def text(data: dict[str, Any], name: str) -> str:
    """A field's text, "" where it is absent or null."""
    value = data.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise bad_json(f"Could not parse request body as JSON: {name} must be a string")
    return value


def mapping(data: dict[str, Any], name: str) -> dict[str, Any] | None:
    """A field's object, None where it is absent or null."""
    value = data.get(name)
    if value is not None and not isinstance(value, dict):
        raise bad_json(f"Could not parse request body as JSON: {name} must be an object")
    return value


def flag(data: dict[str, Any], name: str) -> bool:
    """A field's boolean, False where it is absent or null."""
    value = data.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise bad_json(f"Could not parse request body as JSON: {name} must be a boolean")
    return value


def email_of(data: dict[str, Any]) -> str:
    """The field `email`, in lower case as it is kept. Raises AuthError 400 when it is no address."""
    email = text(data, "email").strip().lower()
    if not email:
        raise invalid("An email address is required")
    if len(email) > _MAX_EMAIL or not _EMAIL.fullmatch(email):
        raise invalid("Unable to validate email address: invalid format")
    return email


def no_phone(data: dict[str, Any]) -> None:
    """Telephones are not served. Raises AuthError 400 where one is given."""
    if text(data, "phone"):
        raise AuthError(400, "phone_provider_disabled", "Phone logins are disabled")


def whole_number(request: Request, name: str, default: int, largest: int) -> int:
    """A positive number of the query. Raises AuthError 400."""
    given = request.query_params.get(name, "") or str(default)
    if not re.fullmatch(r"[0-9]{1,9}", given) or not 1 <= int(given) <= largest:
        raise invalid(f"Bad Pagination Parameters: {name} is a whole number from 1 to {largest}")
    return int(given)


def uuid_of(given: str) -> UUID:
    """An identifier of the path. Raises AuthError 404."""
    try:
        return UUID(given)
    except ValueError as error:
        raise AuthError(404, "validation_failed", "user_id must be an UUID") from error


async def _read_body(request: Request) -> bytes:
    """Refused by its declared length before it is read, and else as soon as it is too long."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > MAX_BODY:
        raise _too_large()
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise _too_large()
    except ClientDisconnect as error:
        raise bad_json("Could not read the request body: the connection was closed") from error
    return bytes(body)


def _too_large() -> AuthError:
    return AuthError(413, "validation_failed", f"The request body is larger than {MAX_BODY} bytes")


def _check_storable(value: Any, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise ValueError("it is nested too deeply")
    if isinstance(value, str):
        if "\x00" in value:
            raise ValueError("it holds a null byte")
        value.encode()  # half a character raises UnicodeEncodeError, a ValueError
    elif isinstance(value, dict):
        for name, inner in value.items():
            _check_storable(name, depth)
            _check_storable(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check_storable(inner, depth + 1)


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:20]} is out of range")
    return number
