"""The frozen email: equal messages are equal bytes, and no header can be smuggled in."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency_os.exceptions import InvalidInputError
from agency_os.integrations.mail_transport import MailTransport, OutgoingEmail, canonical_json
from agency_os.integrations.provider_api import Connection
from agency_os.integrations.resend import ResendClient
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.retry import RateLimit
from tests.support.wire import Script, answer

PARTS = {"sender": "Ada <ada@agency.example>", "to": "jo@company.example", "subject": "Hi", "text": "Hello\nthere"}
WHOLE = st.text(st.characters(codec="utf-8"), max_size=40)
WORDS = st.text(st.characters(exclude_characters="\r\n\x00"), max_size=20)


def email(**changes: Any) -> OutgoingEmail:
    return OutgoingEmail(**{**PARTS, **changes})


def test_equal_messages_are_equal_bytes_in_whatever_order_they_were_put_together() -> None:
    one = email(headers={"A": "1", "B": "2"}, tags={"x": "1", "y": "2"})
    other = email(headers={"B": "2", "A": "1"}, tags={"y": "2", "x": "1"})
    assert one.to_json() == other.to_json()
    assert one.digest() == other.digest() == hashlib.sha256(one.to_json().encode()).digest()


@pytest.mark.parametrize(
    "change",
    [{"sender": "x"}, {"to": "x"}, {"subject": "x"}, {"text": "x"}, {"html": "x"}, {"reply_to": "x"},
     {"headers": {"x": "y"}}, {"tags": {"x": "y"}}],
)  # fmt: skip
def test_every_part_of_a_message_counts_for_its_hash(change: dict[str, object]) -> None:
    changed = email(**change)
    assert changed.digest() != email().digest()


@given(WORDS, WHOLE, st.dictionaries(WORDS, WORDS))
def test_a_stored_message_comes_back_as_it_was(subject: str, text: str, headers: dict[str, str]) -> None:
    whole = OutgoingEmail("a@b.example", "c@d.example", subject, text, headers=headers)
    assert OutgoingEmail.from_json(whole.to_json()) == whole


@pytest.mark.parametrize(
    "stored", ["", "[]", "null", "7", '{"to": "x"}', '{"bcc": "x"}', {"to": "x"}, {"unheard": 1}, "{"]
)
def test_what_is_no_stored_message_is_refused(stored: str | dict[str, object]) -> None:
    with pytest.raises(InvalidInputError, match="canonical form"):
        OutgoingEmail.from_json(stored)


@pytest.mark.parametrize("ending", ["\r", "\n", "\r\nBcc: x@y.example", "\x00"])
@pytest.mark.parametrize("part", ["sender", "to", "subject", "reply_to", "name", "value"])
def test_a_line_break_in_any_header_is_refused(part: str, ending: str) -> None:
    wrong = "x" + ending
    header = {"name": {wrong: "x"}, "value": {"x": wrong}}.get(part)
    change: dict[str, object] = {part: wrong} if header is None else {"headers": header}
    with pytest.raises(InvalidInputError, match="line breaks"):
        email(**change)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_canonical_json_holds_no_number_that_is_none(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"a": value})


def test_resends_client_is_a_mail_transport() -> None:
    wall = FakeWallClock()
    transport: MailTransport = ResendClient(
        Connection(Script(answer(200)), "https://r.example", "k", RateLimit(1, wall), wall)
    )
    assert (transport.name, transport.batch_limit) == ("resend", 100)
