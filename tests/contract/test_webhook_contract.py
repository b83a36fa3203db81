"""Webhooks as published: what the sandbox sends has the described shape, and our parsers read it and the samples."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from agency_os.domain.mail import InboundMail
from agency_os.integrations import cal_com, postmark, resend
from agency_os.integrations.cal_com import BookingEventKind, parse_booking
from agency_os.integrations.mail_transport import MailEvent, MailEventKind
from agency_os_sandbox.booking import Booking, Guest
from agency_os_sandbox.signers import SIGNERS
from agency_os_sandbox.signing import Attempt
from agency_os_sandbox.world.behaviour import LETTERS, Act
from tests.factories.sandbox import MONDAY_NINE, SECRETS, World, message, people_who
from tests.support.published import Published, published, read_spec

pytestmark = pytest.mark.needs("specs")

ACTS = [Act.SENT, Act.DELIVERED, Act.BOUNCED, Act.OPENED, Act.COMPLAINED]
GUEST = Guest("Jo Citizen", "jo@company.example", "Australia/Perth")
METADATA = {"token": "tok-1"}


def judge_of(name: str) -> Published:
    return published(name, "")


def sent_by(world: World, act: Act, provider: str) -> list[str]:
    """The bodies of the webhooks that tell of a person who does this."""
    address = next(people_who(act))
    world.send([message(address)])
    world.live(days=40)
    rows = world.store.all("SELECT body FROM outbox WHERE provider = ? ORDER BY n", (provider,))
    return [row["body"] for row in rows]


@pytest.mark.parametrize("act", ACTS)
def test_resends_events_are_as_published_and_are_read(world: World, act: Act) -> None:
    bodies = [body for body in sent_by(world, act, "resend") if json.loads(body)["type"] == f"email.{act.value}"]
    schema = read_spec("resend/openapi.json")["webhooks"][f"email.{act.value}"]
    judge_of("resend/openapi.json").check_message(
        json.loads(bodies[0]), schema["post"]["requestBody"]["content"]["application/json"]["schema"]
    )
    event = resend.parse_event(bodies[0].encode(), "msg_1")
    assert (event.kind.value, list(event.tags)) == (act.value, ["touch"])


@pytest.mark.parametrize("act", sorted(LETTERS))
def test_postmarks_letters_are_as_published_and_are_read(world: World, act: Act) -> None:
    bodies = sent_by(world, act, "postmark")
    judge = judge_of("postmark/webhooks.third-party.json")
    for body in bodies:
        judge.check_message(json.loads(body), {"$ref": "#/components/schemas/InboundPayload"})
    mail = postmark.parse_webhook(bodies[0].encode(), now=MONDAY_NINE)
    assert isinstance(mail, InboundMail)
    assert (mail.mailbox_hash, mail.from_email) == ("abc234", next(people_who(act)))
    assert mail.in_reply_to is not None


def booked(world: World) -> Booking:
    return world.bookings.book("intro", GUEST, MONDAY_NINE + timedelta(days=2), MONDAY_NINE, METADATA)


LATER = MONDAY_NINE + timedelta(days=1)
CHANGES: dict[str, tuple[str, BookingEventKind, Callable[[World, Booking], object]]] = {
    "BOOKING_CREATED": ("BookingCreated", BookingEventKind.CREATED, lambda _, booking: booking),
    "BOOKING_CANCELLED": (
        "BookingCancelled",
        BookingEventKind.CANCELLED,
        lambda world, booking: world.bookings.cancel(booking.uid, "Sorry.", LATER),
    ),
    "BOOKING_RESCHEDULED": (
        "BookingRescheduled",
        BookingEventKind.RESCHEDULED,
        lambda world, booking: world.bookings.reschedule(booking.uid, LATER, MONDAY_NINE),
    ),
    "MEETING_ENDED": (
        "MeetingEnded",
        BookingEventKind.ENDED,
        lambda world, booking: world.bookings.end(booking.uid, booking.end, held=True),
    ),
    "BOOKING_NO_SHOW_UPDATED": (
        "BookingNoShowUpdated",
        BookingEventKind.NO_SHOW,
        lambda world, booking: world.bookings.end(booking.uid, booking.end, held=False),
    ),
}


@pytest.mark.parametrize("trigger", CHANGES)
def test_cal_coms_events_are_as_published_and_are_read(world: World, trigger: str) -> None:
    name, kind, change = CHANGES[trigger]
    booking = booked(world)
    changed = change(world, booking)
    body = world.parcels("cal_com")[-1]["body"]
    judge = judge_of("cal-com/webhooks.third-party.json")
    judge.check_message(body, judge.document["messages"][name]["payload"])
    event = parse_booking(json.dumps(body).encode())
    assert isinstance(changed, Booking)
    assert (event.kind, event.uid, event.attendee_email) == (kind, changed.uid, GUEST.address)
    if kind is not BookingEventKind.NO_SHOW:
        assert (event.token, event.start) == ("tok-1", changed.start)


def test_a_rescheduled_booking_names_the_one_it_replaced(world: World) -> None:
    old = booked(world)
    world.bookings.reschedule(old.uid, LATER, MONDAY_NINE)
    event = parse_booking(json.dumps(world.parcels("cal_com")[-1]["body"]).encode())
    assert event.previous_uid == old.uid


def test_the_published_booking_is_read() -> None:
    event = parse_booking(json.dumps(read_spec("cal-com/example.booking_created.json")).encode())
    assert (event.kind, event.uid) == (BookingEventKind.CREATED, "bFJeNb2uX8ANpT3JL5EfXw")
    assert (event.start, event.end) == (
        datetime(2023, 5, 25, 9, 30, tzinfo=UTC),
        datetime(2023, 5, 25, 10, 30, tzinfo=UTC),
    )
    assert (event.attendee_email, event.attendee_name) == ("john.doe@example.com", "John Doe")


POSTMARK_SAMPLES = {
    "bounce": ("BouncePayload", MailEventKind.BOUNCED, True, "john@example.com"),
    "spam_complaint": ("SpamComplaintPayload", MailEventKind.COMPLAINED, False, "john@example.com"),
    "delivery": ("DeliveryPayload", MailEventKind.DELIVERED, False, "john@example.com"),
    "subscription_change": (
        "SubscriptionChangePayload", MailEventKind.SUPPRESSED, True, "bounced-address@wildbit.com"
    ),
}  # fmt: skip


@pytest.mark.parametrize("sample", POSTMARK_SAMPLES)
def test_postmarks_published_events_are_read(sample: str) -> None:
    schema, kind, hard, recipient = POSTMARK_SAMPLES[sample]
    body = read_spec(f"postmark/example.{sample}.json")
    judge_of("postmark/webhooks.third-party.json").check_message(body, {"$ref": f"#/components/schemas/{schema}"})
    event = postmark.parse_webhook(json.dumps(body).encode(), now=MONDAY_NINE)
    assert isinstance(event, MailEvent)
    assert (event.kind, event.hard, event.recipient) == (kind, hard, recipient)
    assert event.occurred_at is not None


def test_postmarks_published_letter_is_read() -> None:
    body = json.dumps(read_spec("postmark/example.inbound.json")).encode()
    mail = postmark.parse_webhook(body, now=MONDAY_NINE)
    assert isinstance(mail, InboundMail)
    assert (mail.from_email, mail.mailbox_hash) == ("support@postmarkapp.com", "SampleHash")
    assert mail.text == "This is a test text body."


def headers_of(provider: str, body: bytes) -> dict[str, str]:
    return SIGNERS[provider](Attempt("http://api.example/", "msg_1", body, MONDAY_NINE), SECRETS)


def test_what_the_sandbox_signs_holds_for_us() -> None:
    body = b'{"type":"email.sent"}'
    secret = SECRETS.resend_webhook_secret
    assert resend.verify(body, headers_of("resend", body), secret, MONDAY_NINE) == "msg_1"
    cal_com.verify(body, headers_of("cal_com", body), SECRETS.cal_com_secret)
    postmark.verify(headers_of("postmark", body), SECRETS.postmark_user, SECRETS.postmark_password)
