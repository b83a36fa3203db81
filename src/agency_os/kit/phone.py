"""Phone numbers: any spelling to E.164, with kind, and the state of an Australian fixed line by its area code."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

AUSTRALIA = 61

# Areas of the Australian numbering plan (ACMA) by leading digits, as mapped to places by libphonenumber; the longest
# match wins. None marks districts that straddle a border: Albury-Wodonga, Mildura, Deniliquin, Broken Hill.
_STATE_BY_PREFIX: dict[str, str | None] = {
    "2": "NSW",
    "250": None,
    "251": "ACT",
    "260": None,
    "261": "ACT",
    "262": "ACT",
    "3": "VIC",
    "340": None,
    "348": None,
    "350": None,
    "358": None,
    "36": "TAS",
    "7": "QLD",
    "85": "WA",
    "86": "WA",
    "87": "SA",
    "879": "NT",
    "88": "SA",
    "880": None,
    "889": "NT",
    "89": "WA",
}


class PhoneKind(StrEnum):
    """What a number is for; it decides which channels may use it."""

    MOBILE = "mobile"
    FIXED = "fixed"
    TOLL_FREE = "toll_free"
    PREMIUM = "premium"
    OTHER = "other"


_KINDS = {
    PhoneNumberType.MOBILE: PhoneKind.MOBILE,
    PhoneNumberType.FIXED_LINE: PhoneKind.FIXED,
    PhoneNumberType.TOLL_FREE: PhoneKind.TOLL_FREE,
    PhoneNumberType.PREMIUM_RATE: PhoneKind.PREMIUM,
}


@dataclass(frozen=True, slots=True)
class Phone:
    """A valid number. ``state`` is NSW, VIC, QLD, SA, WA, TAS, NT or ACT, None where the number does not tell."""

    e164: str
    kind: PhoneKind
    state: str | None


def parse_phone(text: str, region: str = "AU") -> Phone | None:
    """The number in ``text``, read as dialled in ``region`` (ISO 3166) when it has no country code; None if invalid."""
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException:
        return None
    if number.extension or not phonenumbers.is_valid_number(number):
        return None
    kind = _KINDS.get(phonenumbers.number_type(number), PhoneKind.OTHER)
    is_fixed_here = kind is PhoneKind.FIXED and number.country_code == AUSTRALIA
    state = _state_of(str(number.national_number)) if is_fixed_here else None
    return Phone(phonenumbers.format_number(number, PhoneNumberFormat.E164), kind, state)


def _state_of(national: str) -> str | None:
    for length in (3, 2, 1):
        prefix = national[:length]
        if prefix in _STATE_BY_PREFIX:
            return _STATE_BY_PREFIX[prefix]
    return None
