"""Cal.com's webhooks: every trigger, both shapes, identity, and bodies that are no event."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency_os.exceptions import InvalidInputError
from agency_os.integrations.cal_com import BookingEventKind, parse_booking
from tests.factories.json_values import any_json

BOOKING: dict[str, Any] = {
    "uid": "b-1",
    "title": "Intro",
    "startTime": "2026-03-05T10:00:00+11:00",
    "endTime": "2026-03-05T10:30:00+11:00",
    "attendees": [{"email": "jo@company.example", "name": "Jo"}],
    "metadata": {"token": "tok-1"},
}


def event(trigger: str, created_at: str | None = "2026-03-02T01:02:03.000Z", **changes: Any) -> bytes:
    payload = {name: value for name, value in {**BOOKING, **changes}.items() if value is not None}
    return json.dumps({"triggerEvent": trigger, "createdAt": created_at, "payload": payload}).encode()


@pytest.mark.parametrize(
    ("trigger", "kind"),
    [
        ("BOOKING_CREATED", BookingEventKind.CREATED),
        ("BOOKING_REQUESTED", BookingEventKind.REQUESTED),
        ("BOOKING_RESCHEDULED", BookingEventKind.RESCHEDULED),
        ("BOOKING_CANCELLED", BookingEventKind.CANCELLED),
        ("BOOKING_REJECTED", BookingEventKind.REJECTED),
        ("BOOKING_NO_SHOW_UPDATED", BookingEventKind.NO_SHOW),
        ("FORM_SUBMITTED", BookingEventKind.OTHER),
    ],
)
def test_each_trigger_is_of_its_kind(trigger: str, kind: BookingEventKind) -> None:
    assert parse_booking(event(trigger)).kind is kind


def test_a_booking_is_read_whole_in_utc() -> None:
    found = parse_booking(event("BOOKING_CREATED"))
    assert (found.uid, found.token, found.attendee_email) == ("b-1", "tok-1", "jo@company.example")
    assert found.start == datetime(2026, 3, 4, 23, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("trigger", "kind"), [("MEETING_STARTED", BookingEventKind.STARTED), ("MEETING_ENDED", BookingEventKind.ENDED)]
)
def test_a_meetings_begin_and_end_come_flat(trigger: str, kind: BookingEventKind) -> None:
    found = parse_booking(json.dumps({"triggerEvent": trigger, "createdAt": "2026-03-05", **BOOKING}).encode())
    assert (found.kind, found.uid, found.token) == (kind, "b-1", "tok-1")


def test_a_token_and_an_address_typed_into_the_form_count_when_nothing_else_tells_them() -> None:
    responses = {"token": {"value": "tok-2"}, "email": {"value": "al@company.example"}}
    found = parse_booking(event("BOOKING_CREATED", metadata=None, attendees=[], responses=responses))
    assert (found.token, found.attendee_email) == ("tok-2", "al@company.example")


def test_only_a_no_show_event_tells_of_no_shows() -> None:
    missed = [{"email": "jo@company.example", "noShow": True}]
    assert parse_booking(event("BOOKING_NO_SHOW_UPDATED", attendees=missed)).no_show is True
    assert parse_booking(event("BOOKING_CREATED", attendees=missed)).no_show is None


def test_a_rescheduling_names_the_booking_before_and_a_cancellation_its_reason() -> None:
    assert parse_booking(event("BOOKING_RESCHEDULED", rescheduleUid="b-0")).previous_uid == "b-0"
    assert parse_booking(event("BOOKING_CANCELLED", cancellationReason="ill")).reason == "ill"


@pytest.mark.parametrize("trigger", ["BOOKING_CREATED", "BOOKING_CANCELLED", "BOOKING_NO_SHOW_UPDATED"])
def test_a_booking_without_its_uid_is_refused(trigger: str) -> None:
    with pytest.raises(InvalidInputError, match="names no booking"):
        parse_booking(event(trigger, uid=None))


@pytest.mark.parametrize(
    "times",
    [
        {"startTime": None},
        {"endTime": "soon"},
        {"startTime": "2026-03-05T10:00:00"},
        {"endTime": "2026-03-05T09:00:00+11:00"},
    ],
)
def test_a_booking_without_readable_times_is_refused(times: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="no readable times"):
        parse_booking(event("BOOKING_CREATED", **times))


def test_the_identity_is_the_trigger_the_booking_and_the_moment_whatever_else_differs() -> None:
    one, other = (parse_booking(event("BOOKING_CANCELLED", title=title)) for title in ("Intro", "Other"))
    assert one.event_id == other.event_id == "BOOKING_CANCELLED:b-1:2026-03-02T01:02:03.000Z"


@pytest.mark.parametrize("created_at", [None, "2026-03-02T01:02:03.000Z"])
def test_events_that_name_nothing_are_told_apart_by_their_bodies(created_at: str | None) -> None:
    bodies = [event("PING", created_at, uid=None, title=title) for title in ("one", "two")]
    one, other = (parse_booking(body).event_id for body in bodies)
    assert one != other
    assert parse_booking(bodies[0]).event_id == one


def test_events_of_one_booking_without_a_moment_are_told_apart_by_their_bodies() -> None:
    one, other = (parse_booking(event("BOOKING_CANCELLED", None, title=title)) for title in ("Intro", "Other"))
    assert one.event_id != other.event_id


@given(st.binary(max_size=200))
def test_bytes_from_anybody_are_an_event_or_refused(body: bytes) -> None:
    assert _identity_or_refusal(body)


@given(st.sampled_from(["BOOKING_CREATED", "MEETING_ENDED", "PING", 7]), any_json(*BOOKING))
def test_json_from_anybody_is_an_event_or_refused(trigger: object, payload: object) -> None:
    assert _identity_or_refusal(json.dumps({"triggerEvent": trigger, "payload": payload}).encode())
    assert _identity_or_refusal(json.dumps(payload).encode())


def _identity_or_refusal(body: bytes) -> str:
    try:
        return parse_booking(body).event_id
    except InvalidInputError as error:
        return str(error)
