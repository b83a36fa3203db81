"""Lob's client and webhooks over scripted answers: waits, what is refused before it is sent, events."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from agency_os.exceptions import (
    InvalidInputError,
    Outcome,
    ProviderAnswerError,
    ProviderError,
    ProviderLimitError,
    ProviderRefusedError,
    ProviderUnknownError,
    SignatureError,
)
from agency_os.integrations.lob import LobClient
from agency_os.integrations.lob_events import parse_event, verify, webhooks
from agency_os.integrations.postal_provider import (
    Letter,
    MailUse,
    PostalAddress,
    PostalEventKind,
    PostalProvider,
    Postcard,
)
from agency_os.integrations.provider_api import Connection
from agency_os.integrations.webhook import Webhook
from agency_os.kit.clock import FakeWallClock
from agency_os.kit.http import HttpResponse
from agency_os.kit.retry import RateLimit
from tests.support.wire import Script, answer

KEY = "live_lob_key_0123456789"
PAT = PostalAddress("210 King St", "San Francisco", "CA", "94107", name="Pat")
CARD = Postcard(PAT, "<b>f</b>", "<b>b</b>", MailUse.MARKETING)
MADE = {
    "id": "psc_208e45e48d271294",
    "object": "postcard",
    "status": "rendered",
    "date_created": "2026-01-01T00:00:00.000Z",
    "send_date": "2026-01-01T00:05:00.000Z",
    "expected_delivery_date": "2026-01-08",
    "metadata": {"touch": "t-1", "n": 1, "none": None},
    "tracking_events": [
        {"name": "Mailed", "time": "2026-01-02T00:00:00.000Z", "location": None},
        {"name": None},
        {"name": "Delivered", "date_created": "2026-01-06T00:00:00.000Z", "location": "94107"},
    ],
}
LIMITED = {"error": {"message": "Rate limit exceeded.", "status_code": 429, "code": "rate_limit_exceeded"}}
NOW = datetime(2026, 3, 2, tzinfo=UTC)
SECRET = "lob-secret"


class Both:
    """A client, what answers it and the wall clock of both."""

    def __init__(self, *answers: HttpResponse | Exception) -> None:
        self.wall = FakeWallClock()
        self.script = Script(*answers)
        rate = RateLimit(1000, self.wall)
        self.client = LobClient(Connection(self.script, "https://l.example/v1", KEY, rate, self.wall, Random(1)))  # noqa: S311

    def epoch(self, seconds: int) -> str:
        """So many seconds from now, in seconds since the epoch."""
        return str(int(self.wall.start.timestamp()) + seconds)

    async def refused(self) -> ProviderError:
        """The error of sending a postcard."""
        with pytest.raises(ProviderError) as caught:
            await self.client.create_postcard(CARD, key="k")
        return caught.value


def test_it_is_a_postal_provider_for_the_united_states_alone() -> None:
    provider: PostalProvider = Both(answer(200)).client
    assert [provider.covers(country) for country in ("US", "us ", "AU", "", "USA")] == [True, True, False, False, False]
    assert provider.key_window == timedelta(hours=24)


async def test_the_key_is_the_user_and_the_password_is_empty() -> None:
    both = Both(answer(200, MADE))
    await both.client.create_postcard(CARD, key="touch-1")
    sent = both.script.requests[0].headers
    assert base64.b64decode(sent["Authorization"].removeprefix("Basic ")).decode() == f"{KEY}:"
    assert (sent["Idempotency-Key"], sent["Lob-Version"]) == ("touch-1", "2020-02-11")


async def test_equal_pieces_are_equal_bytes() -> None:
    both = Both(answer(200, MADE))
    for pairs in ({"a": "1", "b": "2"}, {"b": "2", "a": "1"}):
        await both.client.create_postcard(replace(CARD, metadata=pairs), key="k")
    first, second = both.script.requests
    assert first.body == second.body


async def test_a_piece_is_read_with_what_it_lacks() -> None:
    made = await Both(answer(200, MADE)).client.create_postcard(CARD, key="k")
    assert (made.id, made.status, made.expected_on) == ("psc_208e45e48d271294", "rendered", date(2026, 1, 8))
    assert [(scan.name, scan.location) for scan in made.scans] == [("Mailed", None), ("Delivered", "94107")]
    assert made.scans[1].at == datetime(2026, 1, 6, tzinfo=UTC)
    assert made.metadata == {"touch": "t-1", "n": "1"}
    bare = await Both(answer(200, {"id": "psc_1"})).client.create_postcard(CARD, key="k")
    assert (bare.send_at, bare.scans, bare.metadata, bare.is_cancelled) == (None, (), {}, False)


@pytest.mark.parametrize("name", ["ratelimit_reset", "x_rate_limit_reset"])
async def test_the_end_of_the_window_is_waited_for_in_either_spelling(name: str) -> None:
    both = Both()
    both.script = Script(answer(429, LIMITED, **{name: both.epoch(3)}), answer(200, MADE))
    both.client = LobClient(
        Connection(both.script, "https://l.example", KEY, RateLimit(1000, both.wall), both.wall, Random(1))  # noqa: S311
    )
    await both.client.create_postcard(CARD, key="k")
    assert sum(both.wall.sleeps) == pytest.approx(3.0)


@pytest.mark.parametrize(("seconds", "told"), [(60, 60.0), (-5, None)])
async def test_a_window_that_ends_late_is_told_and_one_that_is_over_is_not(seconds: int, told: float | None) -> None:
    both = Both(answer(429, LIMITED, ratelimit_reset=str(int(FakeWallClock().start.timestamp()) + seconds)))
    error = await both.refused()
    assert isinstance(error, ProviderLimitError)
    assert error.retry_after == told
    assert len(both.script.requests) == (1 if told else 4)


@pytest.mark.parametrize("reset", ["soon", "-1", "1e9", "9" * 40, ""])
async def test_a_reset_that_is_no_time_is_not_believed(reset: str) -> None:
    assert (await Both(answer(429, LIMITED, ratelimit_reset=reset)).refused()).retry_after is None


async def test_the_limits_of_an_answer_that_is_no_429_ask_for_nothing() -> None:
    both = Both()
    error = await Both(answer(500, b"", ratelimit_reset=both.epoch(3))).refused()
    assert (error.retry_after, error.outcome) == (None, Outcome.UNKNOWN)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "unauthorized", ProviderLimitError),
        (403, "feature_limit_reached", ProviderLimitError),
        (422, "conflict", ProviderUnknownError),
        (409, None, ProviderUnknownError),
        (408, "request_timeout", ProviderUnknownError),
        (503, "service_unavailable", ProviderUnknownError),
        (422, "failed_deliverability_strictness", ProviderRefusedError),
        (404, "not_found", ProviderRefusedError),
    ],
)
async def test_each_refusal_is_the_error_that_it_means_and_is_not_repeated(
    status: int, code: str | None, kind: type[ProviderError]
) -> None:
    both = Both(answer(status, {"error": {"code": code, "message": f"no {KEY}"}}))
    error = await both.refused()
    assert type(error) is kind
    assert (error.provider_code, error.http_status, len(both.script.requests)) == (code, status, 1)
    assert KEY not in str(error)


async def test_an_accepted_piece_without_an_id_was_charged() -> None:
    error = await Both(answer(200, {"object": "postcard"})).refused()
    assert isinstance(error, ProviderAnswerError)
    assert (error.outcome, error.cost_units) == (Outcome.ACCEPTED, Decimal(1))


async def test_a_cancellation_that_does_not_say_so_is_none() -> None:
    with pytest.raises(ProviderAnswerError):
        await Both(answer(200, {"id": "psc_1", "deleted": False})).client.cancel_piece("psc_1")


@pytest.mark.parametrize("piece_id", ["", "psc_", "adr_1", "psc_1/../../addresses", "psc_1?x=1", "psc_ü"])
async def test_an_id_that_is_no_pieces_is_not_asked_for(piece_id: str) -> None:
    both = Both(answer(200, MADE))
    for ask in (both.client.read_piece, both.client.cancel_piece):
        with pytest.raises(InvalidInputError):
            await ask(piece_id)
    assert both.script.requests == []


ADDRESSES: dict[str, dict[str, Any]] = {
    "country": {"country": "AU"},
    "line1": {"line1": " "},
    "line1 and 2": {"line1": "1" * 30, "line2": "2" * 21},
    "city": {"city": ""},
    "state": {"state": "California"},
    "postal_code": {"postal_code": "٩٤١٠٧"},
    "name": {"name": "n" * 41},
    "neither": {"name": None},
}


@pytest.mark.parametrize("wrong", ADDRESSES)
@pytest.mark.parametrize("role", ["to", "from"])
async def test_an_address_that_lob_would_refuse_is_not_sent(wrong: str, role: str) -> None:
    both = Both(answer(200, MADE))
    address = replace(PAT, **ADDRESSES[wrong])
    card = replace(CARD, to=address) if role == "to" else replace(CARD, sender=address)
    with pytest.raises(InvalidInputError) as caught:
        await both.client.create_postcard(card, key="k")
    assert (caught.value.field or "").startswith(f"{role}.")
    assert both.script.requests == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"front": "words"}, "front"),
        ({"back": "<b>" + "x" * 10_000}, "back"),
        ({"back": "http://files.example/a.pdf"}, "back"),
        ({"metadata": {"touch": 'a "quoted" one'}}, "metadata"),
        ({"metadata": {"n" * 41: "x"}}, "metadata"),
        ({"metadata": {"touch": "x" * 501}}, "metadata"),
        ({"metadata": {str(number): "x" for number in range(21)}}, "metadata"),
        ({"send_at": datetime(2026, 1, 1)}, "send_at"),  # noqa: DTZ001 - that is the point
    ],
)
async def test_a_piece_that_lob_would_refuse_is_not_sent(change: dict[str, Any], field: str) -> None:
    both = Both(answer(200, MADE))
    with pytest.raises(InvalidInputError) as caught:
        await both.client.create_postcard(replace(CARD, **change), key="k")
    assert (caught.value.field, both.script.requests) == (field, [])


@pytest.mark.parametrize("key", ["", "k" * 257, "k\n", "schlüssel"])
async def test_a_key_that_lob_would_refuse_is_not_sent(key: str) -> None:
    both = Both(answer(200, MADE))
    with pytest.raises(InvalidInputError):
        await both.client.create_letter(Letter(PAT, PAT, "tmpl_1", MailUse.OPERATIONAL), key=key)
    assert both.script.requests == []


async def test_a_verification_without_an_id_is_no_verification() -> None:
    with pytest.raises(ProviderAnswerError):
        await Both(answer(200, {"deliverability": "deliverable"})).client.verify_address(PAT)


async def test_a_verdict_that_we_do_not_know_does_not_deliver() -> None:
    found = await Both(answer(200, {"id": "us_ver_1", "deliverability": "perhaps"})).client.verify_address(PAT)
    assert (found.deliverability, found.is_deliverable, found.postal_code) == ("perhaps", False, "")


def signed(body: bytes, stamp: str, secret: str = SECRET) -> dict[str, str]:
    signature = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"LOB-SIGNATURE": signature, "Lob-Signature-Timestamp": stamp}


EVENT = json.dumps(
    {
        "id": "evt_1",
        "reference_id": "psc_1",
        "event_type": {"id": "postcard.re-routed"},
        "date_created": "2026-03-01T04:30:00.000Z",
        "body": {"id": "psc_1", "metadata": {"touch": "t-1"}},
    }
).encode()


@pytest.mark.parametrize("factor", [1, 1000])
@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_seconds_and_milliseconds_are_taken_within_five_minutes(factor: int, seconds: int) -> None:
    stamp = str((int(NOW.timestamp()) + seconds) * factor)
    verify(EVENT, signed(EVENT, stamp), SECRET, NOW)


@pytest.mark.parametrize("factor", [1, 1000])
@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_stamp_that_is_too_far_off_is_refused(factor: int, seconds: int) -> None:
    stamp = str((int(NOW.timestamp()) + seconds) * factor)
    with pytest.raises(SignatureError):
        verify(EVENT, signed(EVENT, stamp), SECRET, NOW)


@pytest.mark.parametrize(
    ("headers", "secret"),
    [
        ({}, SECRET),
        ({"Lob-Signature": "00"}, SECRET),
        ({"Lob-Signature-Timestamp": str(int(NOW.timestamp()))}, SECRET),
        (signed(EVENT, "now"), SECRET),
        (signed(EVENT, "-1"), SECRET),
        (signed(EVENT, "٣"), SECRET),
        (signed(EVENT, str(int(NOW.timestamp())), "another"), SECRET),
        (signed(EVENT, str(int(NOW.timestamp())), ""), ""),
    ],
)
def test_what_is_not_signed_is_refused(headers: dict[str, str], secret: str) -> None:
    with pytest.raises(SignatureError):
        verify(EVENT, headers, secret, NOW)


def test_an_event_is_named_and_read() -> None:
    source = webhooks(SECRET)
    webhook = Webhook(EVENT, signed(EVENT, str(int(NOW.timestamp()))), "https://api.example/webhooks/lob")
    source.verify(webhook, NOW)
    named, event = source.name_event(webhook, NOW), parse_event(EVENT)
    assert (named.event_id, named.kind, source.name) == ("evt_1", "postcard.re-routed", "lob")
    assert named.occurred_at == event.occurred_at == datetime(2026, 3, 1, 4, 30, tzinfo=UTC)
    assert (event.kind, event.piece_id, event.metadata) == (PostalEventKind.REROUTED, "psc_1", {"touch": "t-1"})


@pytest.mark.parametrize(
    ("event_type", "kind"),
    [
        ("letter.returned_to_sender", PostalEventKind.RETURNED),
        ("letter.deleted", PostalEventKind.CANCELLED),
        ("postcard.in_local_area", PostalEventKind.IN_TRANSIT),
        ("letter.certified.delivered", PostalEventKind.OTHER),
        ("postcard.teleported", PostalEventKind.OTHER),
        ("check.delivered", PostalEventKind.OTHER),
        ("address.created", PostalEventKind.OTHER),
        ("created", PostalEventKind.OTHER),
    ],
)
def test_every_type_is_named_and_the_unknown_is_kept(event_type: str, kind: PostalEventKind) -> None:
    event = parse_event(json.dumps({"id": "evt_1", "event_type": {"id": event_type}}).encode())
    assert (event.kind, event.detail, event.piece_id) == (kind, event_type, None)


def test_events_without_an_id_are_told_apart_by_their_bodies() -> None:
    first, second = (
        parse_event(json.dumps({"event_type": {"id": "postcard.mailed"}, "reference_id": piece}).encode())
        for piece in ("psc_1", "psc_2")
    )
    assert first.event_id != second.event_id


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"{}", b'{"event_type": "x"}', b'{"event_type": {"id": null}}'])
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInputError):
        parse_event(body)
    with pytest.raises(InvalidInputError):
        webhooks(SECRET).name_event(Webhook(body, {}, ""), NOW)
