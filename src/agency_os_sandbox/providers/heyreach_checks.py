"""What HeyReach refuses, and in which words: ASP.NET's two shapes of an error, and the rules for a sequence.

Follows heyreach.io/blog/campaign-api (constraints, payload objects, validation rules) and, for the words and the
shortest delay, what was observed on 2026-05-04. Whatever is not JSON of the right type is the validation's 400.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

from agency_os_sandbox.gateway import Answer, Call

MOST_LEADS = 100
DONE = Answer(200, "", media="text/plain")
"""Success without a result: an empty body."""
_PAGE = 100
_DEEPEST = 40
_BRANCHING = frozenset({"CONNECTION_REQUEST", "CHECK_IS_CONNECTION", "CHECK_IS_OPEN_PROFILE", "FIND_EMAIL"})
_STRAIGHT = frozenset({"MESSAGE", "INMAIL", "VIEW_PROFILE", "FOLLOW", "LIKE_POST"})
_HOURS = {"HOUR": 1, "DAY": 24}
_SHORTEST_HOURS = 3
_PROFILE = re.compile(r"https?://(?:[\w-]+\.)?linkedin\.com/in/[^/?#\s]+/?", re.IGNORECASE)
_FIELD = re.compile(r"\{\{\s*[A-Za-z][\w-]*\s*\}\}")


class Refusal(Exception):  # noqa: N818 - an answer, not a fault of ours
    """An answer that ends the request."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def told(status: int, message: str) -> Answer:
    """The shape of the application's own refusals."""
    return Answer(status, {"errorMessage": message})


def titled(status: int, title: str) -> Answer:
    """The shape of what the framework refuses."""
    return Answer(status, {"title": title, "status": status})


def refuse(status: int, message: str) -> NoReturn:
    """End the request with the application's words."""
    raise Refusal(told(status, message))


def invalid(field: str, message: str) -> NoReturn:
    """End the request with the validation's 400."""
    content = {"title": "One or more validation errors occurred.", "status": 400, "errors": {field: [message]}}
    raise Refusal(Answer(400, content))


def read_body(call: Call) -> dict[str, Any]:
    """The body's object."""
    try:
        data = call.json()
    except ValueError:
        data = None
    if not isinstance(data, dict):
        invalid("$", "The JSON value could not be converted.")
    return data


def whole(data: dict[str, Any], name: str) -> int:
    """A number that must be there."""
    value: Any = data.get(name)
    if not _is_number(value):
        invalid(name, f"The {name} field is required.")
    return int(value)


def text(data: dict[str, Any], name: str, most: int = 10_000) -> str:
    """A text that must be there."""
    value = data.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= most:
        invalid(name, f"The field {name} must be a string with a length of 1 to {most}.")
    return value


def numbers(data: dict[str, Any], name: str) -> list[int]:
    """A list of numbers, empty when it is not given."""
    value = data.get(name) or []
    if not isinstance(value, list) or not all(_is_number(each) for each in value):
        invalid(name, "The JSON value could not be converted.")
    return value


def _is_number(value: Any) -> bool:
    """A whole number that .NET's long holds."""
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


def paging(data: dict[str, Any]) -> tuple[int, int]:
    """Offset and limit."""
    offset, limit = whole(data, "offset"), whole(data, "limit")
    if offset < 0 or not 1 <= limit <= _PAGE:
        invalid("limit", f"The field limit must be between 1 and {_PAGE}.")
    return offset, limit


def page(data: dict[str, Any], items: list[dict[str, Any]]) -> Answer:
    """The part of a list that was asked for."""
    offset, limit = paging(data)
    return Answer(200, {"totalCount": len(items), "items": items[offset : offset + limit]})


def query_number(call: Call, name: str) -> int:
    """A number in the address."""
    value = call.query.get(name, "")
    if not (value.isascii() and value.isdecimal() and len(value) <= 18):
        invalid(name, f"The value '{value[:40]}' is not valid.")
    return int(value)


def profile_of(lead: Any) -> str | None:
    """The profile that a lead names, in one form; None where HeyReach would count it as failed."""
    value = lead.get("profileUrl") if isinstance(lead, dict) else None
    if not isinstance(value, str) or not _PROFILE.fullmatch(value.strip()):
        return None
    return value.strip().rstrip("/")


def custom_fields(lead: dict[str, Any]) -> dict[str, str]:
    """A lead's own fields by name."""
    listed = lead.get("customUserFields") or []
    found = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    return {str(each.get("name")): str(each.get("value")) for each in found}


def hours_of(node: dict[str, Any]) -> int:
    """How long a node waits."""
    delay: int = node.get("actionDelay", 0)
    return delay * _HOURS.get(node.get("actionDelayUnit", "HOUR"), 1)


def check_sequence(node: Any, where: str = "$.sequence", depth: int = 0) -> None:
    """Raise Refusal unless this node and all below it keep the rules."""
    kind = node.get("nodeType") if isinstance(node, dict) else None
    if kind not in _BRANCHING | _STRAIGHT | {"END"} or depth > _DEEPEST:
        refuse(400, f"Node at: {where} has invalid node type: {kind}")
    _check_delay(node, kind, where)
    branches = {name: node.get(name) for name in ("unconditionalNode", "conditionalNode")}
    if kind == "END":
        if any(branches.values()):
            refuse(400, f"Node at: {where} is an END node and cannot have children")
        return
    _check_payload(kind, node.get("payload"), where)
    if branches["unconditionalNode"] is None or (kind in _BRANCHING and branches["conditionalNode"] is None):
        refuse(400, f"Node at: {where} is not terminated with an END node")
    on_reply = branches["conditionalNode"]
    if kind in _STRAIGHT and on_reply is not None and not _is_end_on_reply(kind, on_reply):
        refuse(400, f"Node at: {where} has invalid children")
    for name, branch in branches.items():
        if branch is not None:
            check_sequence(branch, f"{where}.{name}", depth + 1)


def _is_end_on_reply(kind: str, branch: Any) -> bool:
    """Only what can be answered has a branch for the answer, and that ends."""
    return kind in ("MESSAGE", "INMAIL") and isinstance(branch, dict) and branch.get("nodeType") == "END"


def _check_delay(node: dict[str, Any], kind: str, where: str) -> None:
    delay, unit = node.get("actionDelay", 0), node.get("actionDelayUnit", "HOUR")
    if not isinstance(delay, int) or isinstance(delay, bool) or not 0 <= delay <= 100 or unit not in _HOURS:
        refuse(400, f"Node at: {where} has invalid delay")
    if kind in ("CONNECTION_REQUEST", "END") and hours_of(node) < _SHORTEST_HOURS:
        days, hours = divmod(hours_of(node), 24)
        refuse(400, f"Node at: {where} has invalid delay: {f'{days}.' if days else ''}{hours:02d}:00:00")


def _check_payload(kind: str, payload: Any, where: str) -> None:
    most = {"CONNECTION_REQUEST": 300, "MESSAGE": 8000, "INMAIL": 1900}.get(kind)
    if most is None:
        return
    messages = payload.get("messages") if isinstance(payload, dict) else None
    if not isinstance(messages, list) or (not messages and kind != "CONNECTION_REQUEST"):
        refuse(400, f"Node at: {where} has invalid payload: messages are required")
    texts = [_words(kind, each) for each in messages]
    fallback = _words(kind, payload["fallbackMessage"]) if payload.get("fallbackMessage") else None
    if any(each is None or len(each) > most for each in [*texts, fallback or ""]):
        refuse(400, f"Node at: {where} has invalid payload: a message is too long or empty")
    if not fallback and any(_FIELD.search(each or "") for each in texts):
        refuse(400, f"Node at: {where} has invalid payload: fallbackMessage is required")


def _words(kind: str, message: Any) -> str | None:
    """The text of a message; of an InMail, when its subject is there too."""
    if kind == "INMAIL":
        subject = message.get("subject") if isinstance(message, dict) else None
        message = message.get("message") if isinstance(subject, str) and 1 <= len(subject) <= 200 else None
    return message if isinstance(message, str) else None


def render(template: str, fallback: str, lead: dict[str, Any]) -> str:
    """A message with the lead's fields in it; the fallback where one is missing."""
    known = {name: str(value) for name, value in lead.items() if isinstance(value, str) and value}
    known |= {name: value for name, value in custom_fields(lead).items() if value}
    names = [found.strip("{} ") for found in _FIELD.findall(template)]
    if any(name not in known for name in names):
        return fallback
    return _FIELD.sub(lambda found: known[found.group().strip("{} ")], template)
