"""Webhooks at their edges: nulls where values were, times in each record's own field, signatures under any header."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from agency_os.exceptions import InvalidInputError, SignatureError
from agency_os.integrations import cal_com
from agency_os.integrations.cal_com import BookingEvent, parse_booking
from agency_os.integrations.mail_transport import MailEvent, MailEventKind
from agency_os.integrations.postmark import parse_event, parse_inbound, parse_webhook

NOW = datetime(2026, 3, 2, 1, 2, 3, tzinfo=UTC)
START, END = "2026-03-04T09:00:00Z", "2026-03-04T09:30:00Z"


def event(record: str, **fields: object) -> MailEvent:
    return parse_event(json.dumps({"RecordType": record, "MessageID": "m-1", **fields}).encode())


def booking(trigger: str, **payload: Any) -> BookingEvent:
    whole = {"triggerEvent": trigger, "createdAt": "2026-03-02T01:02:03.000Z", "payload": {"uid": "u-1", **payload}}
    return parse_booking(json.dumps(whole).encode())


def test_the_time_of_an_event_is_read_from_the_field_of_its_record() -> None:
    names = {"Bounce": "BouncedAt", "Delivery": "DeliveredAt", "Open": "ReceivedAt", "SubscriptionChange": "ChangedAt"}
    times = {event(record, **{name: "2026-03-02T12:02:03.1234567+11:00"}).occurred_at for record, name in names.items()}
    assert times == {datetime(2026, 3, 2, 1, 2, 3, 123456, tzinfo=UTC)}


def test_two_opens_of_one_message_are_two_events() -> None:
    first, second = (event("Open", ReceivedAt=f"2026-03-02T01:02:0{n}Z") for n in (1, 2))
    assert first.event_id != second.event_id


def test_a_suppression_without_a_reason_stops_and_is_not_called_hard() -> None:
    found = event("SubscriptionChange", SuppressSending=True, SuppressionReason=None)
    assert (found.kind, found.hard) == (MailEventKind.SUPPRESSED, False)


def test_an_event_full_of_nulls_is_still_an_event() -> None:
    found = event("Bounce", MessageID=None, Email=None, Type=None, BouncedAt=None, Metadata=None)
    assert (found.kind, found.recipient, found.occurred_at, found.tags) == (MailEventKind.BOUNCED, None, None, {})


def test_a_record_type_that_is_null_is_no_letter() -> None:
    letter = {"RecordType": None, "MessageID": "m-1", "From": "jo@company.example"}
    with pytest.raises(InvalidInputError, match="RecordType"):
        parse_webhook(json.dumps(letter).encode(), now=NOW)


def test_the_threads_ids_are_read_from_folded_headers_with_garbage_between() -> None:
    headers = [
        {"Name": "IN-REPLY-TO", "Value": "<b@r.example>"},
        {"Name": "References", "Value": "<a@r.example>\r\n\t<b@r.example> garbage <c d>"},
        {"Name": None, "Value": "x"},
    ]
    letter = {"MessageID": "m-1", "From": "jo@company.example", "Headers": headers}
    found = parse_inbound(json.dumps(letter).encode(), now=NOW)
    assert (found.in_reply_to, found.references) == ("<b@r.example>", ("<a@r.example>", "<b@r.example>"))


def test_a_booking_full_of_nulls_but_for_uid_and_times_is_read() -> None:
    nulls = dict.fromkeys(("metadata", "attendees", "responses", "title", "rescheduleUid"))
    found = booking("BOOKING_CREATED", startTime=START, endTime=END, **nulls)
    assert (found.token, found.attendee_email, found.title, found.previous_uid) == (None, None, "", None)


def test_a_cancellation_needs_no_times() -> None:
    assert booking("BOOKING_CANCELLED").start is None


def test_a_no_show_names_its_booking_by_another_field_and_may_be_taken_back() -> None:
    attendees = [{"email": "jo@company.example", "noShow": False}]
    found = booking("BOOKING_NO_SHOW_UPDATED", uid=None, bookingUid="u-2", attendees=attendees)
    assert (found.uid, found.no_show) == ("u-2", False)


def test_a_token_may_stand_bare_in_the_form() -> None:
    found = booking("BOOKING_CREATED", startTime=START, endTime=END, responses={"token": "tok"})
    assert found.token == "tok"


def test_cal_coms_signature_holds_under_a_header_of_any_case() -> None:
    body = b'{"triggerEvent":"PING"}'
    cal_com.verify(body, {"x-CAL-signature-256": hmac.new(b"secret", body, hashlib.sha256).hexdigest()}, "secret")


@pytest.mark.parametrize("headers", [{}, {"X-Cal-Signature-256": "no-secret-provided"}])
def test_an_unsigned_booking_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(SignatureError):
        cal_com.verify(b"{}", headers, "secret")
