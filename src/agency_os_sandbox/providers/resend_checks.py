"""What Resend checks of an email before it accepts it, with its published error names."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from agency_os_sandbox.world.mail import Mail, bare

_ADDRESS = re.compile(r"^[^@\s<>,;]+@[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\.[a-z0-9-]{2,}$")
_TAG = re.compile(r"^[A-Za-z0-9_-]{1,256}$")
_MAX_RECIPIENTS = 50


class Refusal(Exception):  # noqa: N818 - it is the provider's answer, not a fault of this program
    """A published error: ``status`` and ``name``; the text is its message."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.name = name


def check_list(data: Any, limit: int) -> list[Any]:
    """The entries of a batch; raises ``Refusal``."""
    if not isinstance(data, list) or not data:
        raise Refusal(422, "missing_required_field", "The batch must be a list of at least one email.")
    if len(data) > limit:
        raise Refusal(400, "validation_error", f"The batch may hold at most {limit} emails.")
    return data


def check_email(data: Any, email_id: str, message_id: str, now: datetime, *, batch: bool) -> Mail:
    """Read one email; raises ``Refusal`` with the first thing that is wrong."""
    if not isinstance(data, dict):
        raise Refusal(400, "validation_error", "An email must be an object.")
    _check_fields(data, batch=batch)
    sender = data["from"]
    if not isinstance(sender, str) or not _ADDRESS.match(bare(sender)):
        message = "Invalid `from` field. The email address needs to follow the `email@example.com` or"
        raise Refusal(422, "invalid_from_address", f"{message} `Name <email@example.com>` format.")
    to = _addresses(data, "to")
    if not 1 <= len(to) <= _MAX_RECIPIENTS:
        raise Refusal(400, "validation_error", "The `to` field takes 1 to 50 addresses.")
    return Mail(
        id=email_id, message_id=message_id, accepted_at=now, sender=sender, to=to,
        subject=_text(data, "subject"), text=_text(data, "text"), html=_text(data, "html"),
        cc=_addresses(data, "cc"), bcc=_addresses(data, "bcc"), reply_to=_addresses(data, "reply_to"),
        headers=_headers(data.get("headers")), tags=_tags(data.get("tags")),
    )  # fmt: skip


def touch_of(entry: Any) -> tuple[str | None, str | None]:
    """First recipient and the tag ``touch`` of an entry that may be malformed."""
    if not isinstance(entry, dict):
        return None, None
    to = entry.get("to")
    first = to[0] if isinstance(to, list) and to else to
    recipient = bare(first) if isinstance(first, str) else None
    tags = entry.get("tags")
    named = [tag for tag in tags if isinstance(tag, dict)] if isinstance(tags, list) else []
    touch = next((str(tag.get("value")) for tag in named if tag.get("name") == "touch"), None)
    return recipient, touch


def _check_fields(data: dict[str, Any], *, batch: bool) -> None:
    for name in ("from", "to", "subject"):
        if data.get(name) in (None, "", []):
            raise Refusal(422, "missing_required_field", f"Missing `{name}` field.")
    if not data.get("html") and not data.get("text") and not data.get("template"):
        raise Refusal(422, "missing_required_field", "Missing `html` or `text` field.")
    if batch:
        for name in ("attachments", "scheduled_at"):
            if data.get(name):
                raise Refusal(422, "invalid_parameter", f"The `{name}` field is not supported in a batch.")


def _addresses(data: dict[str, Any], name: str) -> tuple[str, ...]:
    value = data.get(name) or []
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(v, str) and _ADDRESS.match(bare(v)) for v in values):
        message = f"Invalid `{name}` field. The email address needs to follow the `email@example.com` or"
        raise Refusal(400, "validation_error", f"{message} `Name <email@example.com>` format.")
    return tuple(values)


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name) or ""
    if not isinstance(value, str):
        raise Refusal(400, "validation_error", f"The `{name}` field must be a string.")
    return value


def _headers(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise Refusal(400, "validation_error", "The `headers` field must be an object of strings.")
    if any("\n" in text or "\r" in text for text in value.values()):
        raise Refusal(400, "validation_error", "A header may not hold a line break.")
    return dict(value)


def _tags(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, list):
        raise Refusal(400, "validation_error", "The `tags` field must be a list of name and value.")
    tags: dict[str, str] = {}
    for tag in value:
        name, text = (tag.get("name"), tag.get("value")) if isinstance(tag, dict) else (None, None)
        if not (isinstance(name, str) and isinstance(text, str) and _TAG.match(name) and _TAG.match(text)):
            message = "Tags should only contain ASCII letters, numbers, underscores, or dashes."
            raise Refusal(400, "validation_error", message)
        tags[name] = text
    return tags
