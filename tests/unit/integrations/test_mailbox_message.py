"""An outgoing email's bytes: what goes in comes out, within the limits of RFC 5322, and the same each time."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import formataddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency_os.domain.raw_mail import parse_raw
from agency_os.exceptions import InvalidInputError
from agency_os.integrations.mail_transport import OutgoingEmail
from agency_os.integrations.mailbox_message import (
    build_message,
    is_our_message_id,
    message_id_of,
    name_and_address,
)

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
ID = message_id_of("touch:1", "agency.example")
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs"]) | st.just(" "), max_size=200)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=500)


def email(**changes: object) -> OutgoingEmail:
    fields = {"sender": "ann@agency.example", "to": "jo@company.example", "subject": "Hi", "text": "Hello"}
    return OutgoingEmail(**{**fields, **changes})  # type: ignore[arg-type]  # texts but for headers


@given(subject=WORDS, name=WORDS, text=TEXTS, html=TEXTS)
def test_what_goes_in_comes_out(subject: str, name: str, text: str, html: str) -> None:
    raw = build_message(
        email(subject=subject, sender=formataddr((name, "ann@agency.example")), text=text, html=html), ID, NOW
    )
    read = parse_raw(raw, received_at=NOW)
    assert read.subject == subject.strip()
    assert (read.from_name, read.from_email) == (name.strip(), "ann@agency.example")
    assert read.text.replace("\r\n", "\n") == text
    assert read.html.replace("\r\n", "\n") == html


@given(subject=WORDS, text=TEXTS, link=st.from_regex(r"[a-zA-Z0-9/_-]{0,300}", fullmatch=True))
def test_every_line_is_lawful_and_the_bytes_are_the_same_each_time(subject: str, text: str, link: str) -> None:
    headers = {"List-Unsubscribe": f"<https://app.example/{link}>", "References": "<a@b.example> " * 20}
    made = [build_message(email(subject=subject, text=text, html=text, headers=headers), ID, NOW) for _ in range(2)]
    assert made[0] == made[1]
    raw = made[0]
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    words = [word for word in raw.split() if word.startswith(b"=?") and word.endswith(b"?=")]
    assert all(len(word) <= 75 for word in words)


def test_long_machine_headers_stay_whole() -> None:
    link = "<https://app.agency.example/u/" + "t" * 300 + ">"
    answered = "<" + "m" * 200 + "@company.example>"
    headers = {
        "List-Unsubscribe": link,
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "In-Reply-To": answered,
        "References": f"<first@company.example> {answered}",
    }
    raw = build_message(email(headers=headers), ID, NOW)
    read = parse_raw(raw, received_at=NOW)
    assert f"List-Unsubscribe: {link}\r\n".encode() in raw
    assert read.header("List-Unsubscribe-Post") == "List-Unsubscribe=One-Click"
    assert read.in_reply_to == answered
    assert read.references == ("<first@company.example>", answered)


def test_parts_and_standing_headers() -> None:
    plain = build_message(email(), ID, NOW)
    both = build_message(email(html="<p>Hello</p>", reply_to="Ann B <ann+tok@agency.example>"), ID, NOW)
    assert b'Content-Type: text/plain; charset="utf-8"' in plain
    assert b"multipart" not in plain
    assert b"Content-Type: multipart/alternative" in both
    assert both.count(b"MIME-Version: 1.0") == 1
    assert both.index(b"text/plain") < both.index(b"text/html")  # the last is the one preferred (RFC 2046, 5.1.4)
    assert b"Reply-To: Ann B <ann+tok@agency.example>\r\n" in both
    assert f"Message-ID: {ID}\r\nSubject: Hi\r\n".encode() in both
    assert b"Date: Mon, 23 Nov 2026 02:00:00 +0000\r\n" in both


def test_a_message_id_is_made_of_key_and_domain() -> None:
    assert message_id_of("touch:1", "agency.example") == ID
    assert len({ID, message_id_of("touch:2", "agency.example"), message_id_of("touch:1", "other.example")}) == 3
    assert is_our_message_id(ID[1:-1])
    for other in (ID, "abc@agency.example", ID[1:-1].replace(".aos@", ".x@"), ID[1:-1] + ">\r\nX: y", ""):
        assert not is_our_message_id(other)


@pytest.mark.parametrize(
    "name",
    [
        "From",
        "to",
        "BCC",
        "cc",
        "Subject",
        "message-id",
        "Date",
        "Content-Type",
        "MIME-Version",
        "Sender",
        "",
        "X Y",
        "X:",
        "Ü",
    ],
)
def test_a_header_that_is_not_the_callers_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError, match="not for the caller"):
        build_message(email(headers={name: "x"}), ID, NOW)


@pytest.mark.parametrize("value", ["Grüße", "a\x0bX: y", "a\x85X: y", "a\u2028X: y", "x" * 1000])
def test_a_value_that_no_header_can_hold_is_refused(value: str) -> None:
    with pytest.raises(InvalidInputError):
        build_message(email(headers={"X-Note": value}), ID, NOW)


@pytest.mark.parametrize(
    "subject", ["a\x0bBcc: x@y.example", "a\x85Bcc: x@y.example", "a\u2028Bcc: x", "a\x1eBcc: x", "=?utf-8?q?=0ABcc?="]
)
def test_nothing_smuggles_in_a_header(subject: str) -> None:
    raw = build_message(email(subject=subject, sender=f"{subject} <ann@agency.example>"), ID, NOW)
    read = parse_raw(raw, received_at=NOW)
    assert read.header("Bcc") is None
    assert b"\r\nBcc" not in raw


@pytest.mark.parametrize("field", ["sender", "reply_to"])
@pytest.mark.parametrize(
    "value", ["Ann <änn@agency.example>", "Ann", "a@b.example, c@d.example", "Ann <a@b.example> <c>"]
)
def test_an_address_that_is_none_is_refused(field: str, value: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        build_message(email(**{field: value}), ID, NOW)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("ann@agency.example", ("", "ann@agency.example")),
        ("<ann@agency.example>", ("", "ann@agency.example")),
        ("Ann, of Harbour <ann@agency.example>", ("Ann, of Harbour", "ann@agency.example")),
        ('"Ann \\"B\\" \\\\" <ann@agency.example>', ('Ann "B" \\', "ann@agency.example")),
        ("=?utf-8?q?=C3=84nn?= <ann@agency.example>", ("Änn", "ann@agency.example")),
        ("=?nonsense?q?x?= <ann@agency.example>", ("=?nonsense?q?x?=", "ann@agency.example")),
    ],
)
def test_a_name_is_told_from_its_address(value: str, parts: tuple[str, str]) -> None:
    assert name_and_address(value) == parts
