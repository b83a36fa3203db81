"""Reading JSON from outside: what is missing or of another type is None, and nothing raises but what is said."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agency_os.exceptions import InvalidInputError
from agency_os.integrations.json_fields import Fields, clean_text, read_webhook, short_hash
from tests.factories.json_values import any_json


def one(value: object) -> Fields:
    return Fields({"a": value})


@pytest.mark.parametrize(
    ("value", "text"), [(" x ", "x"), ("", None), (" ", None), (7, "7"), (True, None), (None, None), (["x"], None)]
)
def test_text_is_stripped_and_a_number_counts_as_one(value: object, text: str | None) -> None:
    assert one(value).text("a") == text


def test_text_holds_nothing_that_the_database_cannot_store() -> None:
    assert one("a\x00b\ud800").text("a") == one("a\x00b\ud800").verbatim("a") == "ab?"


@pytest.mark.parametrize(
    ("value", "number"),
    [("12", "12"), (1.5, "1.5"), (0, "0"), (True, None), ("NaN", None), ("1e999", None), ("many", None), ([], None)],
)
def test_a_number_may_be_spelt_as_text_and_is_finite(value: object, number: str | None) -> None:
    assert one(value).number("a") == (None if number is None else Decimal(number))


def test_a_whole_number_fits_the_database() -> None:
    assert (one("12.9").whole("a"), one(2**63).whole("a"), one("x").whole("a")) == (12, None, None)


def test_decimals_are_exact() -> None:
    assert Fields.of_body(b'{"a": 0.1}').number("a") == Decimal("0.1")


@pytest.mark.parametrize("value", ["yes", 1, None, "true"])
def test_only_a_truth_value_is_a_flag(value: object) -> None:
    assert one(value).flag("a") is None
    assert one(True).flag("a") is True


def test_moments_are_utc_and_days_as_written() -> None:
    fields = one("2026-03-02T09:00:00+11:00")
    assert fields.moment("a") == datetime(2026, 3, 1, 22, tzinfo=UTC)
    assert fields.day("a") == date(2026, 3, 2)


@pytest.mark.parametrize("value", ["soon", "2026-03-02T09:00:00", "0001-01-01T00:00:00+11:00", 7, None])
def test_what_is_no_instant_is_none(value: object) -> None:
    assert one(value).moment("a") is None


def test_a_list_keeps_its_objects_and_a_text_alone_counts_as_a_list() -> None:
    assert [bool(each) for each in one([{"b": 1}, 7, None, {}]).each("a")] == [True, False]
    assert (one(["x", 7, ""]).texts("a"), one("x").texts("a"), one(None).texts("a")) == (("x",), ("x",), ())


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"7", b"null", b'"x"', b"{", b"\xff", b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}", b"{'a': 1}"],
    ids=["empty", "list", "number", "null", "text", "half", "bytes", "deep", "long number", "quotes"],
)
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Fields.of_body(body)
    with pytest.raises(InvalidInputError, match="the Resend webhook's body is no JSON object"):
        read_webhook(body, "Resend")


def test_a_number_beyond_all_bounds_harms_nothing_else() -> None:
    fields = _read(b'{"a": 1e99999999999999999999, "b": "x"}')
    assert fields is None or (fields.text("b"), fields.number("a")) == ("x", None)


@given(any_json("a"))
def test_every_reader_takes_any_value(value: object) -> None:
    fields = _read(json.dumps({"a": value}).encode())
    assert fields is not None
    readers = (
        fields.text, fields.verbatim, fields.number, fields.whole, fields.flag, fields.inner, fields.each,
        fields.texts, fields.moment, fields.day,
    )  # fmt: skip
    assert len([reader("a") for reader in readers]) == len(readers)


@given(st.text(st.characters(exclude_categories=())))
def test_clean_text_can_be_stored(text: str) -> None:
    assert b"\x00" not in clean_text(text).encode()


def test_a_short_hash_tells_bodies_apart() -> None:
    assert short_hash(b"a") == short_hash(b"a") != short_hash(b"b")
    assert len(short_hash(b"a")) == 16


def _read(body: bytes) -> Fields | None:
    try:
        return Fields.of_body(body)
    except ValueError:
        return None
