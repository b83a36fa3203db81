from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from agency_os.kit.logging import REDACTED, configure_logging, get_logger, redact, redact_text

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What was logged, one object a line; the root logger is put back afterwards."""
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logging("INFO", "json", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_events_are_json_with_level_logger_and_utc_time(lines: Lines) -> None:
    get_logger("agency_os.x").info("sent", touch="t1")
    (event,) = lines()
    assert (event["event"], event["level"], event["logger"], event["touch"]) == ("sent", "info", "agency_os.x", "t1")
    assert event["timestamp"].endswith("Z")


def test_secrets_of_our_own_events_are_redacted(lines: Lines) -> None:
    get_logger("x").info(
        "call", api_key="abc", nested={"Authorization": "zzz"}, idempotency_key="touch-1", url="redis://u:p@h"
    )
    (event,) = lines()
    assert (event["api_key"], event["nested"]["Authorization"], event["url"]) == (
        REDACTED,
        REDACTED,
        f"redis://{REDACTED}@h",
    )
    assert event["idempotency_key"] == "touch-1"


def test_secrets_in_a_librarys_log_and_traceback_are_redacted(lines: Lines) -> None:
    try:
        int("postgresql://owner:hunter2@db/x")
    except ValueError:
        logging.getLogger("library").exception("header was Bearer %s", "re_abcdefgh12345678")
    text = json.dumps(lines())
    assert "hunter2" not in text
    assert "re_abcdefgh" not in text


def test_lines_below_the_level_are_left_out(lines: Lines) -> None:
    get_logger("x").debug("quiet")
    logging.getLogger("library").debug("quiet")
    assert lines() == []


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abcdef123456", "abcdef123456"),
        ("Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("GET https://x.test/?api_key=abcd1234&domain=a.b", "abcd1234"),
        ("postgresql://user:pa55word@host:5432/db", "pa55word"),
        ("redis://:pa55word@host", "pa55word"),
        ("the secret is whsec_MfKQ9r8GKYqrTwjUPD8I", "MfKQ9r8GKYqrTwjUPD8I"),
        ("{'password': 'hunter2'}", "hunter2"),
    ],
)
def test_credentials_in_text_are_redacted(text: str, secret: str) -> None:
    assert secret not in redact_text(text)


def test_ordinary_text_stays_as_it_is() -> None:
    text = "sent 3 emails to jo@acme.com.au at https://acme.com.au/about?x=1, key window 24 h"
    assert redact_text(text) == text


def test_unset_secrets_and_bytes_are_shown_as_such() -> None:
    assert redact({"api_key": None, "body": b"abc", "error": ValueError("token=abcdefg")}) == {
        "api_key": None,
        "body": "3 bytes",
        "error": f"ValueError('token={REDACTED}')",
    }
