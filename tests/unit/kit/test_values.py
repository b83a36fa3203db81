"""Ids, money and phone numbers."""

from __future__ import annotations

from decimal import Decimal

import pytest

from agency_os.kit.ids import new_id, new_ids
from agency_os.kit.money import aud, format_aud, to_cost, to_price
from agency_os.kit.phone import Phone, PhoneKind, parse_phone


def test_ids_ascend_and_never_repeat() -> None:
    ids = [new_id(), *new_ids(10_000), new_id()]
    assert ids == sorted(set(ids))
    assert {each.version for each in ids} == {7}


@pytest.mark.parametrize(("value", "error"), [(0.1, TypeError), ("ten", ValueError), ("NaN", ValueError)])
def test_inexact_money_is_refused(value: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        aud(value)  # type: ignore[arg-type]  # the refusal of a wrong type is what is tested


def test_costs_keep_four_places_and_prices_two() -> None:
    assert str(to_cost(aud("0.02345"))) == "0.0235"
    assert str(to_price(aud("12.345"))) == "12.35"


@pytest.mark.parametrize(
    ("amount", "text"),
    [("1250", "A$1,250.00"), ("-5", "-A$5.00"), ("-0.001", "A$0.00"), ("1234567.891", "A$1,234,567.89")],
)
def test_amounts_are_written_the_australian_way(amount: str, text: str) -> None:
    assert format_aud(Decimal(amount)) == text


# ACMA's numbers for use in fiction, one real area code each for what they leave out.
@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("0491 570 156", Phone("+61491570156", PhoneKind.MOBILE, None)),
        ("+61 (0) 491 570 156", Phone("+61491570156", PhoneKind.MOBILE, None)),
        ("(02) 5550 1234", Phone("+61255501234", PhoneKind.FIXED, "NSW")),
        ("(03) 7010 1234", Phone("+61370101234", PhoneKind.FIXED, "VIC")),
        ("07 5550 1234", Phone("+61755501234", PhoneKind.FIXED, "QLD")),
        ("08 7010 1234", Phone("+61870101234", PhoneKind.FIXED, "SA")),
        ("08 5550 1234", Phone("+61855501234", PhoneKind.FIXED, "WA")),
        ("+61 2 6250 1234", Phone("+61262501234", PhoneKind.FIXED, "ACT")),
        ("03 6225 1234", Phone("+61362251234", PhoneKind.FIXED, "TAS")),
        ("08 8921 1234", Phone("+61889211234", PhoneKind.FIXED, "NT")),
        ("02 6041 1234", Phone("+61260411234", PhoneKind.FIXED, None)),  # Albury-Wodonga lies in two states
        ("1800 975 707", Phone("+611800975707", PhoneKind.TOLL_FREE, None)),
        ("1900 654 321", Phone("+611900654321", PhoneKind.PREMIUM, None)),
        ("1300 975 707", Phone("+611300975707", PhoneKind.OTHER, None)),
        ("+44 7700 900123", None),
        ("+64 21 123 4567", Phone("+64211234567", PhoneKind.MOBILE, None)),
        ("12345", None),
        ("", None),
        ("call me", None),
        ("02 5550 1234 ext 5", None),
    ],
)
def test_numbers_are_normalised_with_kind_and_state(text: str, phone: Phone | None) -> None:
    assert parse_phone(text) == phone
