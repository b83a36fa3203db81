"""The published known answers for the signatures of the providers that we take webhooks from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agency_os.exceptions import SignatureError
from agency_os.integrations import cal_com, lob_events, resend, stripe_events
from agency_os.kit.signatures import verify_hex_hmac, verify_standard_webhook, verify_timed_hmac
from tests.support.published import read_spec

pytestmark = pytest.mark.needs("specs")

Vector = dict[str, Any]
MINUTES = timedelta(minutes=1)


def at(vector: Vector) -> datetime:
    return datetime.fromtimestamp(vector["now"], UTC)


def standard(vector: Vector) -> None:
    verify_standard_webhook(vector["body"].encode(), vector["headers"], vector["secret"], at(vector))


def svix(vector: Vector) -> None:
    resend.verify(vector["body"].encode(), vector["headers"], vector["secret"], at(vector))


def cal(vector: Vector) -> None:
    cal_com.verify(vector["body"].encode(), vector["headers"], vector["secret"])


def of_stripe(vector: Vector) -> None:
    stripe_events.verify(vector["body"].encode(), vector["headers"], vector["secret"], at(vector))


def of_lob(vector: Vector) -> None:
    lob_events.verify(vector["body"].encode(), vector["headers"], vector["secret"], at(vector))


def of_calendly(vector: Vector) -> None:
    header = vector["headers"]["Calendly-Webhook-Signature"]
    verify_timed_hmac(vector["body"].encode(), header, vector["signing_key"], at(vector), tolerance=MINUTES * 3)


def of_elevenlabs(vector: Vector) -> None:
    header = vector["headers"]["ElevenLabs-Signature"]
    verify_timed_hmac(
        vector["body"].encode(), header, vector["secret"], at(vector), tolerance=MINUTES * 30, version="v0"
    )


def of_clay_routines(vector: Vector) -> None:
    header = vector["headers"]["X-Clay-Signature"].removeprefix("sha256=")
    verify_hex_hmac(vector["body"].encode(), header, vector["secret"])


CHECKS: dict[str, Callable[[Vector], None]] = {
    "standard_webhooks": standard,
    "svix_resend": svix,
    "cal_com": cal,
    "stripe": of_stripe,
    "lob": of_lob,
    "calendly": of_calendly,
    "elevenlabs": of_elevenlabs,
    "clay_routine": of_clay_routines,
}
"""Twilio's, which are over the address and the form, have a test of their own beside its contract."""


def test_every_family_of_vectors_is_checked() -> None:
    families = {name for name in read_spec("signature-vectors.json") if not name.startswith("x-")}
    assert families == {*CHECKS, "twilio"}


@pytest.mark.parametrize("family", CHECKS)
def test_every_valid_vector_holds(family: str) -> None:
    valid = [vector for vector in read_spec("signature-vectors.json")[family] if vector["valid"]]
    assert valid
    for vector in valid:
        CHECKS[family](vector)


@pytest.mark.parametrize("family", CHECKS)
def test_every_invalid_vector_is_refused(family: str) -> None:
    for vector in read_spec("signature-vectors.json")[family]:
        if vector["valid"]:
            continue
        with pytest.raises(SignatureError):
            CHECKS[family](vector)


@pytest.mark.parametrize("family", CHECKS)
def test_a_valid_vector_with_another_byte_is_refused(family: str) -> None:
    for vector in read_spec("signature-vectors.json")[family]:
        with pytest.raises(SignatureError):
            CHECKS[family]({**vector, "body": vector["body"] + " "})
