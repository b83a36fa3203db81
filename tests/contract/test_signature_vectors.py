"""The published known answers for the signatures of the providers that we take webhooks from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from agency_os.exceptions import SignatureError
from agency_os.integrations import cal_com, resend
from agency_os.kit.signatures import verify_standard_webhook
from tests.support.published import read_spec

pytestmark = pytest.mark.needs("specs")

Vector = dict[str, Any]


def at(vector: Vector) -> datetime:
    return datetime.fromtimestamp(vector["now"], UTC)


def standard(vector: Vector) -> None:
    verify_standard_webhook(vector["body"].encode(), vector["headers"], vector["secret"], at(vector))


def svix(vector: Vector) -> None:
    resend.verify(vector["body"].encode(), vector["headers"], vector["secret"], at(vector))


def cal(vector: Vector) -> None:
    cal_com.verify(vector["body"].encode(), vector["headers"], vector["secret"])


CHECKS: dict[str, Callable[[Vector], None]] = {"standard_webhooks": standard, "svix_resend": svix, "cal_com": cal}


@pytest.mark.parametrize("family", CHECKS)
def test_every_valid_vector_holds(family: str) -> None:
    valid = [vector for vector in read_spec("signature-vectors.json")[family] if vector["valid"]]
    assert valid
    for vector in valid:
        CHECKS[family](vector)


@pytest.mark.parametrize("family", CHECKS)
def test_every_invalid_vector_is_refused(family: str) -> None:
    invalid = [vector for vector in read_spec("signature-vectors.json")[family] if not vector["valid"]]
    assert invalid
    for vector in invalid:
        with pytest.raises(SignatureError):
            CHECKS[family](vector)


@pytest.mark.parametrize("family", CHECKS)
def test_a_valid_vector_with_another_byte_is_refused(family: str) -> None:
    for vector in read_spec("signature-vectors.json")[family]:
        with pytest.raises(SignatureError):
            CHECKS[family]({**vector, "body": vector["body"] + " "})
