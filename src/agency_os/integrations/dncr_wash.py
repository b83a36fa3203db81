"""Washing numbers against the Do Not Call Register: what an engine asks for, whichever way the numbers travel.

The register (Do Not Call Register Act 2006, s 19) is no list to download: numbers are handed in and come back marked.
Whatever is not clearly marked "not on the register" is no permission to call: an error, a wash that still runs, an
invalid number and an answer that cannot be read are all the same in that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final, Protocol

from agency_os.exceptions import InvalidInputError

LOOK_UP_WAITS: Final = (30.0, 30.0, 1800.0)
"""Seconds of wall time before each look-up of a wash whose answer did not come; after the last one give up (ACMA's
SOAP fact sheet). The wash itself is never handed in again: that is charged again."""

_REFERENCE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_E164: Final = re.compile(r"\+61([2-9]\d{8}|1\d{9}|1\d{4,6})", re.ASCII)
_SEPARATORS: Final = str.maketrans("", "", "()- ")
_WITH_61: Final = re.compile(r"\+?61([2-9]\d{8}|1\d{9})", re.ASCII)
_WITH_AREA_CODE: Final = re.compile(r"0([2-9]\d{8})", re.ASCII)
_SERVICE: Final = re.compile(r"1\d{9}|1\d{4,6}", re.ASCII)


class WashResult(StrEnum):
    """What the register says of a number. Its own letters are Y, N and I; **Y means do not call**."""

    REGISTERED = "registered"
    NOT_REGISTERED = "not_registered"
    INVALID = "invalid"


RESULTS: Final[Mapping[str, WashResult]] = {
    "Y": WashResult.REGISTERED,
    "N": WashResult.NOT_REGISTERED,
    "I": WashResult.INVALID,
}
"""The register's letters (ACMA's SOAP fact sheet)."""


class WashState(StrEnum):
    """How far a wash is. UNKNOWN: the register knows no wash of this reference, or does not know it yet."""

    DONE = "done"
    RUNNING = "running"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class WashReport:
    """What is known of one wash. The numbers stay out of the repr: they are personal data.

    ``results`` by number (E.164). ``unclear``: numbers that were washed without a result that can be relied on; they
    count as not washed. ``units`` are the numbers charged, invalid ones too, and those of the wash as a whole:
    whoever looks it up books them only where the wash's own answer never came.
    """

    reference: str
    state: WashState
    units: Decimal = Decimal(0)
    results: Mapping[str, WashResult] = field(default_factory=dict, repr=False)
    unclear: tuple[str, ...] = field(default=(), repr=False)

    def permits_call(self, number: str) -> bool:
        """Whether this wash says of ``number`` (E.164) that it is not on the register; anything else is no."""
        return self.state is WashState.DONE and self.results.get(number) is WashResult.NOT_REGISTERED


class WashPort(Protocol):
    """A way to wash numbers."""

    name: str
    numbers_per_wash: int
    """The most numbers that one call of ``wash`` takes."""

    async def wash(self, reference: str, numbers: Sequence[str]) -> WashReport:
        """Hand in ``numbers`` (E.164, Australian) under ``reference``, once: every number is charged for.

        ``reference`` is ours, 1 to 64 letters, digits, ``-`` and ``_``, another one for each wash, and stored before
        the call. After an error whose outcome is accepted or unknown never call this again: ask ``result_of``.
        Raises InvalidInputError before anything is sent, and ProviderError.
        """
        ...

    async def result_of(self, reference: str) -> WashReport:
        """What became of the wash; costs nothing. See LOOK_UP_WAITS for when to ask.

        An error says nothing of the wash: its outcome is that of the look-up. Raises InvalidInputError and
        ProviderError.
        """
        ...


def register_form(number: str) -> str:
    """An Australian number (E.164) as the register takes it: ten digits with area code, or a 13… or 18… number.

    Raises InvalidInputError for any other: invalid numbers are charged for, so none is sent. The message does not
    show the number.
    """
    match = _E164.fullmatch(number)
    if match is None:
        raise InvalidInputError("only Australian numbers in the form +61… can be washed", field="numbers")
    national = match.group(1)
    return national if national.startswith("1") else f"0{national}"


def e164_of(text: str) -> str | None:
    """The number (E.164) in a form in which the register takes and returns them; None if it is none of them.

    Commas are not allowed there, so they make a text no number (ACMA's number rules).
    """
    digits = text.strip().translate(_SEPARATORS)
    match = _WITH_61.fullmatch(digits) or _WITH_AREA_CODE.fullmatch(digits)
    if match is not None:
        return f"+61{match.group(1)}"
    return f"+61{digits}" if _SERVICE.fullmatch(digits) else None


def checked_reference(reference: str) -> str:
    """``reference`` itself. Raises InvalidInputError when it is none."""
    if _REFERENCE.fullmatch(reference) is None:
        raise InvalidInputError("a wash's reference is 1 to 64 letters, digits, - and _", field="reference")
    return reference


def checked_numbers(numbers: Sequence[str], most: int) -> dict[str, str]:
    """Each number once, with its form at the register. Raises InvalidInputError for none, or more than ``most``."""
    forms = {number: register_form(number) for number in numbers}
    if not 1 <= len(forms) <= most:
        raise InvalidInputError(f"a wash takes 1 to {most} numbers, got {len(forms)}", field="numbers")
    return forms


def settled(
    answers: Iterable[tuple[str, WashResult | None]], asked: Iterable[str] | None = None
) -> tuple[dict[str, WashResult], tuple[str, ...]]:
    """Results by number, and the numbers without a clear one. ``answers``: number and result, None if unreadable.

    A number that is marked registered once is registered; other contradictions are unclear. Of the numbers ``asked``
    for, those without an answer are unclear; answers on others are left out.
    """
    found: dict[str, set[WashResult | None]] = {} if asked is None else {number: set() for number in asked}
    for number, result in answers:
        if asked is None or number in found:
            found.setdefault(number, set()).add(result)
    results: dict[str, WashResult] = {}
    for number, said in found.items():
        if WashResult.REGISTERED in said:
            results[number] = WashResult.REGISTERED
        elif len(said) == 1 and (only := next(iter(said))) is not None:
            results[number] = only
    return results, tuple(number for number in found if number not in results)
