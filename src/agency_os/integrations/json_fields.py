"""Reads JSON from outside without trusting its shape: what is missing, null or of another type is None.

Published descriptions contradict their own examples (numbers that are null, strings for numbers), so an answer that
was paid for is never thrown away for a detail. Text is cleaned of what PostgreSQL cannot store (NUL, lone
surrogates).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from agency_os.exceptions import InvalidInputError
from agency_os.kit.clock import parse_instant


def clean_text(text: str) -> str:
    """``text`` without NUL and with lone surrogates replaced."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _parsed(body: bytes) -> object:
    try:
        parsed: object = json.loads(body, parse_float=Decimal)
    except (ArithmeticError, RecursionError) as error:
        raise ValueError("not JSON") from error
    return parsed


class Fields:
    """A JSON object, read field by field."""

    __slots__ = ("_data",)

    def __init__(self, data: object) -> None:
        self._data: Mapping[str, Any] = data if isinstance(data, dict) else {}

    @classmethod
    def of_body(cls, body: bytes) -> Fields:
        """The object in ``body``. Raises ValueError when the body is no JSON object."""
        data = _parsed(body)
        if not isinstance(data, dict):
            raise ValueError("not a JSON object")  # noqa: TRY004  # the caller's text is malformed, not our types
        return cls(data)

    @classmethod
    def list_of_body(cls, body: bytes) -> list[Fields]:
        """The objects of the list in ``body``; what is no object is left out. Raises ValueError for another body."""
        data = _parsed(body)
        if not isinstance(data, list):
            raise ValueError("not a JSON list")  # noqa: TRY004  # as above
        return [cls(each) for each in data if isinstance(each, dict)]

    def __bool__(self) -> bool:
        return bool(self._data)

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def raw(self, key: str) -> object:
        """The value as it stands."""
        return self._data.get(key)

    def text(self, key: str) -> str | None:
        """The text, stripped; None when empty. A number counts as text, since ids come as either."""
        value = self._data.get(key)
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            value = str(value)
        return (clean_text(value).strip() or None) if isinstance(value, str) else None

    def verbatim(self, key: str) -> str:
        """The text with its white space, empty when missing."""
        value = self._data.get(key)
        return clean_text(value) if isinstance(value, str) else ""

    def number(self, key: str) -> Decimal | None:
        """The number, also from a string of digits."""
        value = self._data.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
            return None
        try:
            number = Decimal(str(value))
        except ArithmeticError:
            return None
        return number if number.is_finite() and abs(number.adjusted()) < 30 else None

    def whole(self, key: str) -> int | None:
        """The number without its fraction."""
        number = self.number(key)
        return int(number) if number is not None and abs(number) < 2**63 else None

    def flag(self, key: str) -> bool | None:
        """The truth value."""
        value = self._data.get(key)
        return value if isinstance(value, bool) else None

    def inner(self, key: str) -> Fields:
        """The object under ``key``, an empty one when missing."""
        return Fields(self._data.get(key))

    def each(self, key: str) -> list[Fields]:
        """The objects of the list under ``key``; what is no object is left out."""
        value = self._data.get(key)
        return [Fields(item) for item in value if isinstance(item, dict)] if isinstance(value, list) else []

    def texts(self, key: str) -> tuple[str, ...]:
        """The texts of the list under ``key``, or the one text that stands there alone."""
        value = self._data.get(key)
        items = value if isinstance(value, list) else [value]
        return tuple(clean_text(item) for item in items if isinstance(item, str) and item)

    def moment(self, key: str) -> datetime | None:
        """The instant, in UTC."""
        try:
            return parse_instant(self.text(key) or "")
        except InvalidInputError:
            return None

    def day(self, key: str) -> date | None:
        """The calendar day of an ISO 8601 date or instant, as written."""
        try:
            return date.fromisoformat((self.text(key) or "")[:10])
        except ValueError:
            return None


def read_webhook(body: bytes, provider: str) -> Fields:
    """The object in a webhook's body. Raises InvalidInputError when it is none."""
    try:
        return Fields.of_body(body)
    except ValueError:
        raise InvalidInputError(f"the {provider} webhook's body is no JSON object") from None


def short_hash(body: bytes) -> str:
    """Sixteen hexadecimal digits that tell this body from others: the identity of an event that names none."""
    return hashlib.sha256(body).hexdigest()[:16]
