"""Structured logs by structlog, for our own loggers and for libraries that use the standard one, with secrets redacted.

Values under keys that sound like a secret, Bearer and Basic credentials, well-known key forms and the user part of an
address are replaced before anything is rendered, in tracebacks too.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal, TextIO

import structlog
from structlog.stdlib import BoundLogger, ProcessorFormatter
from structlog.typing import Processor

REDACTED = "[redacted]"

_SECRET_KEY = re.compile(r"key|token|secret|password|passwd|authorization|apikey|credential|cookie|dsn", re.IGNORECASE)
# Keys that only sound secret: an idempotency key is an id, and needed to follow a message.
_HARMLESS_KEYS = frozenset({"idempotency_key", "key_count", "token_count", "tokens", "input_tokens", "output_tokens"})
_IN_TEXT = (
    (re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE), rf"\1 {REDACTED}"),
    (re.compile(r"\b([a-z][a-z0-9+.-]*://)[^/\s:@'\"]*(?::[^/\s@'\"]*)?@", re.IGNORECASE), rf"\1{REDACTED}@"),
    (re.compile(r"\b(Token)\s+[A-Za-z0-9._~+/=-]{20,}", re.IGNORECASE), rf"\1 {REDACTED}"),
    (
        re.compile(r"\b(re_|whsec_|[rs]k_live_|[rs]k_test_|sk-ant-|cal_live_|cal_)[A-Za-z0-9_+/=-]{8,}"),
        rf"\1{REDACTED}",
    ),
    (re.compile(r"\b(apify_api_|live_|test_)[A-Za-z0-9]{20,}"), rf"\1{REDACTED}"),
    (re.compile(r"(/webhooks/[a-z-]+/)[A-Za-z0-9_-]{20,}"), rf"\1{REDACTED}"),
    (
        re.compile(
            r"\b([\w-]*(?:api[_-]?key|token|secret|password)[\"']?\s*(?:[=:]|%3[AaDd])\s*[\"']?)[^\s\"'&,;}{\[]{4,}",
            re.IGNORECASE,
        ),
        rf"\1{REDACTED}",
    ),
)


def redact_text(text: str) -> str:
    """``text`` with credentials replaced."""
    for pattern, replacement in _IN_TEXT:
        text = pattern.sub(replacement, text)
    return text


def redact(value: Any, key: str = "") -> Any:
    """``value`` with every secret in it replaced, at any depth; ``key`` is the name it stands under."""
    if key and key.lower() not in _HARMLESS_KEYS and _SECRET_KEY.search(key) and value is not None:
        return REDACTED
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, Mapping):
        return {name: redact(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(inner) for inner in value]
    if isinstance(value, BaseException):
        return redact_text(repr(value))
    return value


def redact_event(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The structlog processor that redacts a whole event."""
    return {name: value if name.startswith("_") else redact(value, name) for name, value in event.items()}


def configure_logging(
    level: str = "INFO", form: Literal["json", "console"] = "json", stream: TextIO | None = None
) -> None:
    """Send all logs to ``stream`` (standard error) in one form. Called once by each program at its start."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        structlog.processors.UnicodeDecoder(),
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer(default=str)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[ProcessorFormatter.remove_processors_meta, redact_event, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=BoundLogger,
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> BoundLogger:
    """The logger of a module; pass ``__name__``."""
    logger: BoundLogger = structlog.stdlib.get_logger(name)
    return logger
