"""What Lob checks of a mail piece before it prints it, with its published error codes, and what it knows of addresses.

The fourteen ``primary_line`` words of Lob's test environment answer as published; under a live key other addresses are
judged by a hash, so that the same address is always the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from agency_os_sandbox.clock import ClockError, parse
from agency_os_sandbox.gateway import Call
from agency_os_sandbox.world.chance import unit, weighted

_ZIP = re.compile(r"^\d{5}(-\d{4})?$", re.ASCII)
_CONTENT = re.compile(r"^(tmpl_[a-zA-Z0-9]+|https://[-a-zA-Z0-9@:%._+~#=/]{1,256}\.(html?|pdf|png|jpg))$")
_BRACKETS = re.compile(r"^(\w+)\[([^\]]+)\]$")
_SIZES = ("4x6", "6x9", "6x11")
_TEST_WORDS = {
    "commercial highrise": "deliverable",
    "residential highrise": "deliverable",
    "residential house": "deliverable",
    "po box": "deliverable",
    "rural route": "deliverable",
    "puerto rico": "deliverable",
    "military": "deliverable",
    "department of state": "deliverable",
    "deliverable": "deliverable",
    "missing unit": "deliverable_missing_unit",
    "incorrect unit": "deliverable_incorrect_unit",
    "unnecessary unit": "deliverable_unnecessary_unit",
    "undeliverable block match": "undeliverable",
    "undeliverable no match": "undeliverable",
}
_FARTHEST = timedelta(days=180)


class Refusal(Exception):  # noqa: N818 - it is the provider's answer, not a fault of this program
    """A published error: ``status`` and ``code``; the text is its message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def read_body(call: Call) -> dict[str, Any]:
    """The fields of a JSON body, or of a form with brackets (``to[name]``); raises ``Refusal``."""
    media = call.headers.get("content-type", "").partition(";")[0].strip()
    if media == "application/x-www-form-urlencoded":
        fields: dict[str, Any] = {}
        for name, value in parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True):
            nested = _BRACKETS.match(name)
            inner = fields.setdefault(nested[1], {}) if nested else fields
            if isinstance(inner, dict):
                inner[nested[2] if nested else name] = value
        return fields
    try:
        data = call.json()
    except ValueError as error:
        raise Refusal(422, "bad_request", "The body is not valid JSON.") from error
    if not isinstance(data, dict):
        raise Refusal(422, "bad_request", "The body must be an object.")
    return data


def check_piece(data: Mapping[str, Any], now: datetime, *, is_letter: bool) -> None:
    """Raise ``Refusal`` with the first thing that is wrong with a postcard or a letter."""
    needed = ("to", "from", "file", "color") if is_letter else ("to", "front", "back")
    for name in needed:
        if data.get(name) in (None, ""):
            raise Refusal(422, "invalid", f"{name} is required")
    if data.get("use_type") not in ("marketing", "operational"):
        raise Refusal(422, "mail_use_type_can_not_be_null", 'use_type must be one of "marketing" or "operational".')
    _check_recipient(data["to"])
    if data.get("from") is not None:
        _check_sender(data["from"])
    for name in ("file",) if is_letter else ("front", "back"):
        _check_content(data[name], name)
    if not is_letter and data.get("size", "4x6") not in _SIZES:
        raise Refusal(422, "invalid", f"size must be one of {', '.join(_SIZES)}")
    _check_metadata(data.get("metadata"))
    send_date_of(data, now)


def send_date_of(data: Mapping[str, Any], now: datetime) -> datetime | None:
    """The day of printing that was asked for; raises ``Refusal`` for one that is past or too far."""
    text = data.get("send_date")
    if text is None:
        return None
    try:
        moment = parse(f"{text}T00:00:00Z" if re.fullmatch(r"\d{4}-\d\d-\d\d", str(text)) else str(text))
    except ClockError as error:
        raise Refusal(422, "invalid", "send_date must be in a valid ISO 8601 format") from error
    if not now < moment <= now + _FARTHEST:
        raise Refusal(422, "invalid", "send_date must be in the future and within 180 days")
    return moment


def deliverability_of(seed: int, primary_line: str, zip_code: str, *, is_live: bool) -> str | None:
    """Lob's word for an address; None under a test key, which verifies nothing but the published words."""
    word = _TEST_WORDS.get(" ".join(primary_line.lower().split()))
    if word is not None or not is_live:
        return word
    if not any(character.isdigit() for character in primary_line):
        return "undeliverable"
    choices = (("deliverable", 0.88), ("deliverable_missing_unit", 0.06), ("undeliverable", 0.06))
    return weighted(choices, seed, "lob address", address_key(primary_line, zip_code))


def will_return(seed: int, key: str) -> bool:
    """Whether the piece for this address comes back."""
    return unit(seed, "lob returned", key) < 0.06


def address_key(primary_line: str, zip_code: str) -> str:
    """What tells one address from another."""
    return " ".join(primary_line.upper().split()) + "|" + zip_code[:5]


def recipient_of(data: object) -> str | None:
    """The addressee of a body that may be malformed, as the oracle names it."""
    to = data.get("to") if isinstance(data, dict) else None
    if not isinstance(to, dict):
        return to if isinstance(to, str) else None
    parts = (to.get("name") or to.get("company"), to.get("address_line1"), to.get("address_zip"))
    return ", ".join(str(part) for part in parts if part) or None


def touch_of(data: object) -> str | None:
    """The metadata ``touch`` of a body that may be malformed."""
    metadata = data.get("metadata") if isinstance(data, dict) else None
    touch = metadata.get("touch") if isinstance(metadata, dict) else None
    return touch if isinstance(touch, str) else None


def _check_recipient(to: Any) -> None:
    _check_address(to, "to")
    if str(to.get("address_country", "US")) != "US":
        # Mail abroad is another product, which this sandbox does not print.
        raise Refusal(422, "invalid_international_feature", "The product cannot be sent to the destination.")
    if len(str(to["address_line1"]) + str(to.get("address_line2") or "")) > 50:
        raise Refusal(
            422, "address_length_exceeds_limit", "to.address_line1 and to.address_line2 surpass 50 characters"
        )
    _check_us(to, "to")


def _check_sender(sender: Any) -> None:
    _check_address(sender, "from")
    if str(sender.get("address_country", "US")) != "US":
        raise Refusal(422, "foreign_return_address", "from must be a US address")
    _check_us(sender, "from")


def _check_address(address: Any, name: str) -> None:
    if not isinstance(address, dict):
        raise Refusal(422, "invalid", f"{name} must be an inline address")
    if not (address.get("name") or address.get("company")):
        raise Refusal(422, "invalid", f"{name}: either name or company is required")
    if not address.get("address_line1"):
        raise Refusal(422, "invalid", f"{name}.address_line1 is required")
    for field in ("name", "company"):
        if len(str(address.get(field) or "")) > 40:
            raise Refusal(422, "invalid", f"{name}.{field} must be at most 40 characters")


def _check_us(address: Mapping[str, Any], name: str) -> None:
    for field in ("address_city", "address_state", "address_zip"):
        if not address.get(field):
            raise Refusal(422, "invalid", f"{name}.{field} is required")
    if not _ZIP.match(str(address["address_zip"])):
        raise Refusal(422, "invalid", f"{name}.address_zip must be in a valid zip format")
    if not re.fullmatch(r"[A-Za-z]{2}", str(address["address_state"])):
        raise Refusal(422, "invalid", f"{name}.address_state must be a valid state abbreviation")


def _check_content(content: Any, name: str) -> None:
    if not isinstance(content, str) or not ("<" in content or _CONTENT.match(content)):
        raise Refusal(422, "invalid_file", f"{name} must be HTML, a template's id or a URL")
    if "<" in content and len(content) > 10_000:
        raise Refusal(422, "invalid_template_html", f"{name} must be at most 10000 characters")


def _check_metadata(metadata: Any) -> None:
    if metadata is None:
        return
    if not isinstance(metadata, dict) or len(metadata) > 20:
        raise Refusal(422, "invalid", "metadata is an object of at most 20 pairs")
    for name, value in metadata.items():
        if len(name) > 40 or len(str(value)) > 500:
            raise Refusal(422, "invalid", "metadata has names of at most 40 and values of at most 500 characters")
