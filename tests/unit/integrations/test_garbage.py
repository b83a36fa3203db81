"""Whatever bytes or JSON come in from outside: InvalidInputError or a value that PostgreSQL can store, nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agency_os.domain.mail import InboundMail
from agency_os.exceptions import InvalidInputError, ProviderError
from agency_os.integrations import cal_com, lob_events, postmark, resend
from agency_os.integrations.apollo import ApolloClient, PersonQuery
from agency_os.integrations.apollo_search import ApolloSearchClient, PeopleSearch
from agency_os.integrations.hunter import DomainSearch, HunterClient
from agency_os.integrations.mail_transport import OutgoingEmail
from agency_os.integrations.provider_api import Connection
from agency_os.integrations.resend import ResendClient
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.retry import RateLimit
from tests.support.wire import Script, answer

NOW = datetime(2026, 3, 2, tzinfo=UTC)
Parser = Callable[[bytes], object]
PARSERS: dict[str, Parser] = {
    "resend": resend.parse_event,
    "postmark": lambda body: postmark.parse_webhook(body, now=NOW),
    "postmark letter": postmark.parse_inbound,
    "postmark event": postmark.parse_event,
    "cal_com": cal_com.parse_booking,
    "lob": lob_events.parse_event,
}

NAMES = [
    "type", "data", "created_at", "email_id", "to", "tags", "bounce", "subType", "message", "click", "link", "name",
    "value", "RecordType", "MessageID", "From", "FromFull", "Email", "ToFull", "MailboxHash", "Headers", "Name",
    "Value", "Attachments", "ContentType", "Content", "Date", "Metadata", "Type", "ID", "BouncedAt",
    "SuppressSending", "OriginalRecipient", "triggerEvent", "payload", "uid", "startTime", "endTime", "attendees",
    "email", "noShow", "metadata", "token", "responses", "createdAt", "matches", "organization", "employment_history",
    "current", "start_date", "estimated_num_employees", "phone_numbers", "credits_consumed", "errors", "id", "details",
    "score", "verification", "status", "organization_job_postings", "message_id", "statusCode", "error",
    "event_type", "reference_id", "date_created", "body",
]  # fmt: skip
WORDS = [
    "email.sent", "email.bounced", "Suppressed", "Bounce", "Open", "SubscriptionChange", "BOOKING_CREATED",
    "MEETING_ENDED", "BOOKING_NO_SHOW_UPDATED", "message/delivery-status", "In-Reply-To", "2026-03-04T09:00:00Z",
    "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "Mon, 2 Mar 2026 12:00:00 +1100", "Mon, 2 Mar",
    "\x00", "\ud800", "a+b@c.example", "=", "postcard.mailed", "NaN", "1e999999999", "\u0661", "valid",
]  # fmt: skip
ATOMS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(WORDS)
ANYTHING = st.recursive(
    ATOMS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner, max_size=6),
    max_leaves=25,
)
OBJECTS = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), ANYTHING, max_size=10)
BODIES = st.binary(max_size=60) | ANYTHING.map(lambda value: json.dumps(value).encode())


def unstorable(value: object) -> bool:
    """Whether PostgreSQL would refuse any text in it (NUL, a lone surrogate) or any time (without an offset)."""
    if isinstance(value, str):
        return "\x00" in value or any("\ud800" <= letter <= "\udfff" for letter in value)
    if isinstance(value, datetime):
        return value.utcoffset() is None
    if isinstance(value, Mapping):
        return any(unstorable(each) for pair in value.items() for each in pair)
    if isinstance(value, list | tuple):
        return any(unstorable(each) for each in value)
    if is_dataclass(value):
        return any(unstorable(getattr(value, each.name)) for each in fields(value))
    return False


def postmark_mail(subject: str) -> InboundMail:
    """A letter of this subject, as if it had not been cleaned."""
    letter = postmark.parse_inbound(b'{"MessageID": "m-1", "From": "a@b.example"}', now=NOW)
    return replace(letter, subject=subject)


def read(parser: Parser, body: bytes) -> object:
    """What the parser gives, or None for a body that it refuses as it should."""
    try:
        return parser(body)
    except InvalidInputError:
        return None


@pytest.mark.parametrize("name", PARSERS)
@given(body=BODIES)
@settings(max_examples=60, deadline=None)
def test_any_body_is_refused_or_read(name: str, body: bytes) -> None:
    assert not unstorable(read(PARSERS[name], body))


@pytest.mark.parametrize(
    ("name", "core"),
    [
        ("resend", {"type": "email.bounced"}),
        ("postmark", {"RecordType": "Bounce"}),
        ("postmark", {"MessageID": "m-1", "From": "a@b.example"}),
        ("cal_com", {"triggerEvent": "BOOKING_PAID"}),
        ("cal_com", {"triggerEvent": "BOOKING_CANCELLED", "uid": "u-1"}),
    ],
)
@given(more=OBJECTS)
@settings(max_examples=60, deadline=None)
def test_an_event_with_anything_in_its_other_fields_is_read(name: str, core: dict[str, Any], more: Any) -> None:
    flat = {key: value for key, value in more.items() if key not in ("RecordType", "payload", "FromFull")}
    found = PARSERS[name](json.dumps({**flat, **core}).encode())
    assert found is not None
    assert not unstorable(found)


DIRTY = "a\x00b\ud800"
WHOLE: dict[str, dict[str, Any]] = {
    "resend": {
        "type": "email.bounced",
        "data": {"email_id": DIRTY, "to": [DIRTY], "bounce": {"message": DIRTY}, "tags": {"a" + DIRTY: DIRTY}},
    },
    "postmark event": {"RecordType": "Bounce", "MessageID": DIRTY, "Email": DIRTY, "Metadata": {"a" + DIRTY: DIRTY}},
    "postmark letter": {
        "MessageID": DIRTY, "From": DIRTY, "Subject": DIRTY, "TextBody": DIRTY, "HtmlBody": DIRTY,
        "FromFull": {"Name": DIRTY}, "ToFull": [{"Email": DIRTY, "MailboxHash": DIRTY}],
        "Headers": [{"Name": DIRTY, "Value": DIRTY}, {"Name": "References", "Value": f"<{DIRTY}>"}],
        "Date": "Mon, 2 Mar 2026 12:00:00 +1100",
        "Attachments": [{"ContentType": "message/delivery-status", "Content": "YQBi/w=="}],
    },
    "cal_com": {
        "triggerEvent": "BOOKING_CANCELLED", "createdAt": DIRTY,
        "payload": {
            "uid": DIRTY, "title": DIRTY, "cancellationReason": DIRTY, "metadata": {"token": DIRTY},
            "attendees": [{"email": DIRTY, "name": DIRTY}],
        },
    },
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_what_postgresql_cannot_store_is_cleaned_from_every_field(name: str) -> None:
    found = PARSERS[name](json.dumps(WHOLE[name]).encode())
    assert "ab?" in repr(found)
    assert not unstorable(found)


@pytest.mark.parametrize("value", ["\x00", "\ud800", datetime(2026, 3, 2), [{"\x00": 1}], postmark_mail("\x00")])  # noqa: DTZ001
def test_what_cannot_be_stored_is_recognised(value: object) -> None:
    assert unstorable(value)


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"type":' + b"9" * 5000 + b"}",
        b'{"a":1e9999999999}',
    ],
    ids=["empty", "null", "list", "text", "cut off", "not UTF-8", "too deep", "long number", "huge exponent"],
)
def test_a_body_that_is_no_event_is_invalid_input(name: str, body: bytes) -> None:
    with pytest.raises(InvalidInputError):
        PARSERS[name](body)


def clients(status: int, body: bytes) -> dict[str, Any]:
    """A call of each client, answered so."""
    wall = FakeWallClock()
    script, rate = Script(answer(status, body)), RateLimit(1e6, wall)
    random = Random(1)  # noqa: S311 - jitter
    resend_client = ResendClient(Connection(script, "https://p.example", "re_k", rate, wall, random))
    apollo = ApolloClient(Connection(script, "https://p.example", "k", rate, wall, random))
    search = ApolloSearchClient(Connection(script, "https://p.example", "k", rate, wall, random))
    hunter = HunterClient(Connection(script, "https://p.example", "k", rate, wall, random))
    email = OutgoingEmail("a@b.example", "c@d.example", "s", "t")
    return {
        "send": lambda: resend_client.send(email, key="k"),
        "send_batch": lambda: resend_client.send_batch([email], key="k"),
        "message_id": lambda: resend_client.message_id("e-1"),
        "list_recent": resend_client.list_recent,
        "match_people": lambda: apollo.match_people([PersonQuery(email="c@d.example")]),
        "job_postings": lambda: search.job_postings("o-1"),
        "search_people": lambda: search.search_people(PeopleSearch(titles=("owner",))),
        "match_person": lambda: search.match_person(PersonQuery(id="p-1")),
        "enrich_organization": lambda: search.enrich_organization("d.example"),
        "find_email": lambda: hunter.find_email("d.example", "C", "D"),
        "verify_email": lambda: hunter.verify_email("c@d.example"),
        "search_domain": lambda: hunter.search_domain(DomainSearch("d.example")),
        "account": hunter.account,
    }


CALLS = sorted(clients(200, b""))


@pytest.mark.parametrize("call", CALLS)
@given(
    status=st.sampled_from([200, 201, 202, 204, 222, 301, 400, 401, 403, 404, 409, 422, 429, 451, 500, 503]),
    body=BODIES,
)
@settings(max_examples=40, deadline=None)
async def test_any_answer_is_a_result_or_a_providers_error(call: str, status: int, body: bytes) -> None:
    assert not unstorable(await outcome(status, body, call))


@pytest.mark.parametrize("call", ["match_people", "find_email", "verify_email", "send", "list_recent"])
@given(person=OBJECTS)
@settings(max_examples=60, deadline=None)
async def test_any_field_of_an_answer_may_be_anything(call: str, person: Any) -> None:
    whole = {**person, "matches": [person], "data": [person] if call == "list_recent" else person}
    assert not unstorable(await outcome(200, json.dumps(whole).encode(), call))


async def outcome(status: int, body: bytes, call: str) -> object:
    """The result of a call, or the text of the provider's error; any other error is the test's failure."""
    try:
        return await clients(status, body)[call]()
    except ProviderError as error:
        return str(error)
