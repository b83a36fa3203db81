"""Known answers. Sources: standard-webhooks/standard-webhooks, libraries/*/tests (official); the others are computed
and checked with svix 2.9.1 (Resend) and by the rule of calcom/cal.com, packages/features/webhooks/lib/sendPayload.ts.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime

import pytest

from agency_os.exceptions import SignatureError
from agency_os.kit.signatures import (
    Prefix,
    sign_standard_webhook,
    verify_basic,
    verify_hex_hmac,
    verify_standard_webhook,
)

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"
STAMP = 1614265330
BODY = b'{"test": 2432232314}'
GOOD = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
OTHER = "Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="

RESEND_STAMP = 1771803672
RESEND_BODY = (
    b'{"type":"email.bounced","created_at":"2026-02-22T23:41:12.126Z","data":{"email_id":'
    b'"56761188-7520-42d8-8898-ff6fc54ce618","from":"Acme <onboarding@resend.dev>","to":["delivered@resend.dev"],'
    b'"subject":"Hello","bounce":{"message":"The recipient\'s email address is on the suppression list.",'
    b'"subType":"Suppressed","type":"Permanent"}}}'
)
CAL_BODY = (
    b'{"triggerEvent":"BOOKING_CREATED","createdAt":"2023-05-24T09:30:00.538Z",'
    b'"payload":{"uid":"bFJeNb2uX8ANpT3JL5EfXw"}}'
)


def check(
    signature: str,
    *,
    body: bytes = BODY,
    secret: str = SECRET,
    now: int = STAMP,
    stamp: str = str(STAMP),
    prefix: Prefix = "webhook",
) -> str:
    headers = {f"{prefix}-Id": MESSAGE, f"{prefix}-timestamp": stamp, f"{prefix}-signature": signature}
    return verify_standard_webhook(body, headers, secret, datetime.fromtimestamp(now, UTC), prefix=prefix)


@pytest.mark.parametrize("secret", [SECRET, SECRET.removeprefix("whsec_")])
def test_official_vector_holds_with_and_without_the_secrets_prefix(secret: str) -> None:
    assert check(GOOD, secret=secret) == MESSAGE


def test_one_matching_signature_is_enough_and_unknown_versions_are_skipped() -> None:
    assert check(f"v1,{OTHER} v2,{OTHER} {GOOD}") == MESSAGE


@pytest.mark.parametrize(
    "signature",
    [
        "v1,dawfeoifkpqwoekfpqoekf",
        GOOD.replace("v1,", "v2,"),
        GOOD.replace("v1,", ""),
        f"v1,{OTHER}",
        "",
        "v1,",
        "v1,\u00e9\u0661",
    ],
)
def test_a_wrong_signature_is_refused(signature: str) -> None:
    with pytest.raises(SignatureError):
        check(signature)


@pytest.mark.parametrize(("now", "holds"), [(300, True), (-300, True), (301, False), (-301, False)])
def test_five_minutes_of_tolerance_on_either_side(now: int, holds: bool) -> None:
    if holds:
        assert check(GOOD, now=STAMP + now) == MESSAGE
    else:
        with pytest.raises(SignatureError, match="timestamp"):
            check(GOOD, now=STAMP + now)


@pytest.mark.parametrize("stamp", ["", "soon", "9" * 5000, "1614265330.5"])
def test_an_unreadable_timestamp_is_refused(stamp: str) -> None:
    with pytest.raises(SignatureError):
        check(GOOD, stamp=stamp)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64!"])
def test_an_unusable_secret_lets_nothing_through(secret: str) -> None:
    with pytest.raises(SignatureError):
        check(GOOD, secret=secret)


def test_missing_headers_are_named() -> None:
    with pytest.raises(SignatureError, match="webhook-id"):
        verify_standard_webhook(BODY, {}, SECRET, datetime.fromtimestamp(STAMP, UTC))


def test_a_changed_body_is_refused() -> None:
    with pytest.raises(SignatureError):
        check(GOOD, body=BODY + b" ")


def test_resends_svix_vector_holds() -> None:
    signature = "v1,7KjzLjVh9wjWwp5t1Y1/ZS20fMgLXYxtixQnRAm91/w="
    stamp = str(RESEND_STAMP)
    assert check(signature, body=RESEND_BODY, now=RESEND_STAMP, stamp=stamp, prefix="svix") == MESSAGE


def test_a_signature_under_the_secrets_plain_text_is_refused() -> None:
    signature = "v1,HygfsiNXtTkmNUaWlJ8Mn9wAQJb4oQOOgQUq2+G6Y1U="
    with pytest.raises(SignatureError):
        check(signature, body=RESEND_BODY, now=RESEND_STAMP, stamp=str(RESEND_STAMP), prefix="svix")


def test_our_own_signature_is_the_official_one() -> None:
    at = datetime.fromtimestamp(STAMP, UTC)
    headers = sign_standard_webhook(BODY, message_id=MESSAGE, at=at, secret=SECRET)
    assert headers == {"webhook-id": MESSAGE, "webhook-timestamp": str(STAMP), "webhook-signature": GOOD}


def test_cal_coms_vector_holds() -> None:
    verify_hex_hmac(CAL_BODY, "4d173e4298922b1314d9513d3b2a977a9989ee8be969edd22ded48327a0a29ec", "cal-secret")


@pytest.mark.parametrize("signature", [None, "", "no-secret-provided", "4d17", "\u00e9"])
def test_a_missing_or_wrong_hex_signature_is_refused(signature: str | None) -> None:
    with pytest.raises(SignatureError):
        verify_hex_hmac(CAL_BODY, signature, "cal-secret")


def test_an_empty_secret_never_verifies() -> None:
    with pytest.raises(SignatureError, match="no secret"):
        verify_hex_hmac(b"", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad", "")


def basic(text: str) -> str:
    return "Basic " + b64encode(text.encode()).decode()


def test_basic_credentials_hold_in_any_case_of_the_scheme() -> None:
    verify_basic(basic("post:pass:word"), "post", "pass:word")
    verify_basic(basic("post:pass").replace("Basic", "bAsIc"), "post", "pass")


@pytest.mark.parametrize("header", [None, "", "Basic", "Basic %%%", basic("post:wrong"), basic("post"), "Bearer post"])
def test_wrong_basic_credentials_are_refused(header: str | None) -> None:
    with pytest.raises(SignatureError):
        verify_basic(header, "post", "pass")


def test_unset_basic_credentials_never_verify() -> None:
    with pytest.raises(SignatureError, match="configured"):
        verify_basic(basic(":"), "", "")
